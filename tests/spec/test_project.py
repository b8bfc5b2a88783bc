from __future__ import annotations

from pathlib import Path

import pytest

from datamix.errors import SpecError
from datamix.spec.project import FilterUse, Language, Near, Preference, Project, Score, read_project

WHOLE = """\
version: 1
store: ./store
sources:
  - name: news                      # [A-Za-z0-9][A-Za-z0-9_.-]{0,63}
    path: data/news/*.parquet       # .jsonl, .jsonl.gz, .jsonl.zst, .parquet; glob or list
    text: text
    id: id
    created: created
    columns: [url, license]
    domain: news
    license: CC-BY-4.0
    priority: 0
    exempt: [quality]
    verify: stat
  - {name: other, path: [a.jsonl, b.jsonl.gz], verify: bytes, priority: -3}
measure:
  language: {model: lid.176.ftz}
  scores:
    quality: {model: quality-en.ftz, label: good}
    toxicity: {model: toxicity-en.ftz, label: toxic}
  tokenizer: bytes
dedup:
  exact: true
  near: {ngram: 5, permutations: 128, threshold: 0.8}
  prefer: [priority desc, quality desc, words asc, bytes]
  keeper_among: kept
filters: [gopher-datatrove, c4, {quality: {min: 0.6}}, toxicity]
schedules:
  - {name: nightly, cron: "0 3 * * *", timezone: UTC}
"""
SMALL = "version: 1\nsources:\n  - {name: a, path: a.jsonl}\n"


def read(folder: Path, text: str) -> Project:
    (folder / "datamix.yaml").write_text(text)
    return read_project(folder).project


def test_every_key_is_read(tmp_path: Path) -> None:
    project = read(tmp_path, WHOLE)
    news, other = project.sources
    assert (news.name, news.path, news.text, news.id) == ("news", ("data/news/*.parquet",), "text", "id")
    assert (news.created, news.columns, news.domain_name) == ("created", ("url", "license"), "news")
    assert (news.license, news.priority, news.exempt, news.verify) == ("CC-BY-4.0", 0, ("quality",), "stat")
    assert (other.path, other.verify, other.priority) == (("a.jsonl", "b.jsonl.gz"), "bytes", -3)
    assert project.measure.language == Language(model="lid.176.ftz")
    assert project.measure.scores["toxicity"] == Score(model="toxicity-en.ftz", label="toxic")
    assert project.measure.tokenizer == "bytes"
    assert project.dedup.exact
    assert project.dedup.near == Near(ngram=5, permutations=128, threshold=0.8)
    orders = [("priority", True), ("quality", True), ("words", False), ("bytes", False)]
    assert project.dedup.prefer == tuple(Preference(column=name, descending=desc) for name, desc in orders)
    assert project.dedup.keeper_among == "kept"
    assert project.filters[2] == FilterUse(name="quality", parameters={"min": 0.6})
    assert [use.name for use in project.filters] == ["gopher-datatrove", "c4", "quality", "toxicity"]
    (nightly,) = project.schedules
    assert (nightly.name, nightly.cron, nightly.timezone) == ("nightly", "0 3 * * *", "UTC")


def test_what_is_left_out_has_the_defaults_of_the_documentation(tmp_path: Path) -> None:
    project = read(tmp_path, SMALL)
    (source,) = project.sources
    assert (source.text, source.id, source.columns, source.domain_name) == ("text", None, (), "a")
    assert (source.priority, source.exempt, source.verify) == (0, (), "stat")
    assert (project.measure.language, project.measure.scores, project.measure.tokenizer) == (None, {}, "bytes")
    assert project.dedup == read(tmp_path, SMALL + "dedup: {exact: true, near: true, keeper_among: kept}\n").dedup
    assert (project.filters, project.schedules) == ((), ())
    assert read_project(tmp_path).store_folder == tmp_path.resolve() / "store"


def test_near_duplicates_can_be_left_alone(tmp_path: Path) -> None:
    assert read(tmp_path, SMALL + "dedup: {near: false}\n").dedup.near is None


def test_a_missing_project_file_is_told_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"no datamix.yaml in .*`datamix init`"):
        read_project(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("store:", "stoer:", 2, "unknown key 'stoer'; did you mean 'store'?"),
        ("store: ./store", "store: ''", 2, "store: expected text, found ''"),
        ("version: 1", "version: 2", 1, "version: input should be 1, found 2"),
        ("version: 1", "version: true", 1, "version: expected a number, found true"),
        ("    id: id", "    ids: id", 7, "unknown key 'ids'; did you mean 'id'?"),
        ("name: news ", "name: ../x ", 4, "sources.0.name: '../x' is no name: up to 64 letters"),
        ("name: news ", "name: .hidden ", 4, "'.hidden' is no name"),
        ("name: news ", f"name: {'x' * 65} ", 4, "is no name"),
        ("name: news ", 'name: "news\\n" ', 4, "is no name"),
        ("name: news ", "nam: news ", 4, "unknown key 'nam'; did you mean 'name'?"),
        ("name: other", "name: news", 15, "the name 'news' stands twice in `sources` (first in line 4)"),
        ("path: [a.jsonl, b.jsonl.gz]", "path: []", 15, "sources.1.path: the list is empty"),
        ("path: [a.jsonl, b.jsonl.gz]", "path: 5", 15, "sources.1.path: expected a list, found 5"),
        ("columns: [url, license]", "columns: ['a b']", 9, "'a b' is no column's name"),
        ("priority: 0", "priority: high", 12, "sources.0.priority: expected a whole number, found 'high'"),
        (
            "exempt: [quality]",
            "exempt: [qualiti]",
            13,
            "exempt from 'qualiti', which is not among the project's filters",
        ),
        ("exempt: [quality]", "exempt: [qualiti]", 13, "did you mean 'quality'?"),
        ("verify: stat", "verify: mtime", 14, "sources.0.verify: input should be 'stat' or 'bytes', found 'mtime'"),
        ("{model: lid.176.ftz}", "lid.176.ftz", 17, "measure.language: expected keys and values, found 'lid.176.ftz'"),
        ("quality: {model: quality-en.ftz, label: good}", "quality: {model: m}", 19, "the key 'label' is missing"),
        ("    toxicity: {", "    1st: {", 20, "measure.scores.1st: '1st' is no column's name"),
        ("exact: true", "exact: 3", 23, "dedup.exact: expected true or false, found 3"),
        ("threshold: 0.8", "threshold: 80", 24, "dedup.near.threshold: 80 should be less than or equal to 1"),
        ("threshold: 0.8", "threshold: .nan", 24, "dedup.near.threshold: nan should be"),
        ("ngram: 5", "ngram: 0", 24, "dedup.near.ngram: 0 should be greater than or equal to 1"),
        (
            "priority desc,",
            "priority down,",
            25,
            "'priority down' is no order; write `priority desc` or `priority asc`",
        ),
        ("keeper_among: kept", "keeper_among: keep", 26, "input should be 'kept' or 'all', found 'keep'"),
        ("c4, ", "c4, c4, ", 27, "the name 'c4' stands twice in `filters`"),
        ("c4, ", "../c4, ", 27, "'../c4' is no name"),
        ("{quality: {min: 0.6}}", "{quality: 0.6}", 27, "filters.2.parameters: expected keys and values, found 0.6"),
        ("{quality: {min: 0.6}}", "{quality: []}", 27, "filters.2.parameters: expected keys and values, found a list"),
        (
            "{quality: {min: 0.6}}",
            "{quality: {}, c3: {}}",
            27,
            "a filter is a pack's name, or {name: {parameter: value}}",
        ),
        ('"0 3 * * *"', '"0 3 * *"', 29, "schedules.0.cron: '0 3 * *' is not a cron expression"),
        ('"0 3 * * *"', '"99 3 * * *"', 29, "schedules.0.cron: '99 3 * * *' is not a cron expression (Bad minute)"),
        ("timezone: UTC", "timezone: Mars/Olympus", 29, "schedules.0.timezone: unknown time zone 'Mars/Olympus'"),
        ("timezone: UTC", "timezone: America", 29, "schedules.0.timezone: unknown time zone 'America'"),
        ("timezone: UTC", "timezone: ../../etc/passwd", 29, "unknown time zone"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in WHOLE
    with pytest.raises(SpecError) as caught:
        read(tmp_path, WHOLE.replace(old, new, 1))
    assert (caught.value.file, caught.value.line) == (tmp_path / "datamix.yaml", line)
    assert message in caught.value.message
