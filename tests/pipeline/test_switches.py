"""Deduplication switched on and off, and what filters see of a source."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from datamix.errors import InputError, SpecError
from tests.pipeline.runs import ask, run_local

Make = Callable[..., Path]


def dedup(settings: str) -> Callable[[str], str]:
    return lambda text: (
        text.partition("dedup:")[0].replace(", exempt: [fineweb]", "") + f"dedup: {settings}\nfilters: []\n"
    )


def test_switched_off_nothing_is_a_duplicate(make_project: Make) -> None:
    root = make_project(change=dedup("{exact: false, near: false}"))
    summary = run_local(root).to_json()
    assert summary["dropped"] == {}
    assert ask(root, "SELECT count(*) AS n FROM clusters") == [{"n": 0}]


def test_each_switch_by_itself(make_project: Make) -> None:
    counts = {}
    for name, settings in (
        ("exact", "{exact: true, near: false}"),
        ("near", "{exact: false, near: {}}"),
        ("both", "{exact: true, near: {}}"),
    ):
        root = make_project(name, dedup(settings))
        counts[name] = run_local(root).to_json()["duplicates"]
    (texts,) = ask(root, "SELECT count(*) - count(DISTINCT text_hash) AS copies FROM documents")
    assert counts["exact"] == {"exact": texts["copies"], "near": 0}
    assert counts["both"]["exact"] == texts["copies"] >= 12
    assert counts["both"]["near"] >= 15
    assert counts["near"] == {"exact": 0, "near": counts["both"]["exact"] + counts["both"]["near"]}


def test_keepers_among_all_may_be_dropped_by_a_filter(make_project: Make) -> None:
    among_all = make_project("all", lambda text: text + "  \n".replace("  ", ""))
    file = among_all / "datamix.yaml"
    file.write_text(file.read_text().replace("prefer:", "keeper_among: all\n  prefer:"))
    among_kept = make_project("kept")
    run_local(among_all)
    run_local(among_kept)
    kept = {name: ask(root, "SELECT count(*) AS n FROM documents WHERE kept")[0]["n"] for name, root in
            (("all", among_all), ("kept", among_kept))}  # fmt: skip
    assert kept["all"] <= kept["kept"]
    leaders = ask(among_kept, "SELECT count(*) AS n FROM documents WHERE kept AND NOT is_keeper")
    assert leaders == [{"n": 0}]


def test_filters_see_domain_and_the_source_s_license(make_project: Make) -> None:
    root = make_project(change=lambda text: text.replace("fineweb]", "own]").replace("exempt: [own]", "exempt: []"))
    packs = root / "filters" / "packs"
    packs.mkdir(parents=True)
    (packs / "own.yaml").write_text(
        "version: 1\nname: own\ntitle: own\ndescription: what a project knows\ncitation: none\nrules:\n"
        "  - {name: licensed, keep: license is not null, reason: no licence}\n"
        "  - {name: domain, keep: domain <> 'help', reason: help}\n"
        "examples:\n  - {signals: {license: null, domain: web}, drops: [licensed]}\n"
    )
    run_local(root)
    rows = ask(
        root,
        "SELECT source, list_contains(reasons, 'own.licensed') AS licensed, "
        "list_contains(reasons, 'own.domain') AS domain FROM documents GROUP BY ALL",
    )
    assert {(row["source"], row["licensed"], row["domain"]) for row in rows} == {
        ("help", True, True), ("mirror", False, False), ("tables", True, True),
    }  # fmt: skip
    values = ask(root, "SELECT DISTINCT value_text FROM decisions WHERE rule = 'domain'")
    assert values == [{"value_text": "help"}]


@pytest.mark.parametrize("name", ["kept", "source", "row", "offset", "base_id", "failed_0", "words"])
def test_a_score_can_t_take_the_name_of_another_column(make_project: Make, name: str) -> None:
    score = f"{{tokenizer: bytes, scores: {{{name}: {{model: quality-en.ftz, label: good}}}}}}"
    root = make_project(change=lambda text: text.replace("{tokenizer: bytes}", score))
    with pytest.raises(SpecError, match=rf"datamix.yaml:7: '{name}' is a column"):
        run_local(root)


def test_where_all_is_quarantined_the_first_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"content": f"text {i}"}) for i in range(5)))
    (tmp_path / "datamix.yaml").write_text("version: 1\nsources: [{name: a, path: a.jsonl}]\n")
    with pytest.raises(InputError, match=r"5 were quarantined, the first at a.jsonl:1: text_missing: .*content"):
        run_local(tmp_path)


def test_a_new_score_finds_no_duplicates_anew_and_a_damaged_product_is_made_again(make_project: Make) -> None:
    root = make_project()
    run_local(root)
    before = ask(root, "SELECT * FROM documents ORDER BY doc_id")
    file = root / "datamix.yaml"
    scored = "{tokenizer: bytes, scores: {quality: {model: quality-en.ftz, label: good}}}"
    original = file.read_text()
    file.write_text(original.replace("{tokenizer: bytes}", scored))
    stages = [stage.stage for stage in run_local(root).stages]
    assert "measure.score-quality" in stages
    assert "measure.content" not in stages
    assert "duplicates" not in stages
    file.write_text(original)
    chance = random.Random(5)  # noqa: S311
    for folder in ("wide", "dedup", "decisions"):
        for part in (root / "store" / folder).rglob("*.parquet"):
            content = bytearray(part.read_bytes())
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            part.write_bytes(content)
    assert run_local(root).shards_measured == 0
    assert ask(root, "SELECT * FROM documents ORDER BY doc_id") == before
    for part in (root / "store" / "signals" / "heuristics").rglob("*.parquet"):
        part.unlink()
    (root / "store" / "dedup").joinpath(next((root / "store" / "dedup").iterdir()).name).unlink()
    assert run_local(root).shards_measured == 3
    assert ask(root, "SELECT * FROM documents ORDER BY doc_id") == before
