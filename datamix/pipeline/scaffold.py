"""A project file to start from: `datamix init`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from datamix.errors import DatamixError, SpecError
from datamix.spec.project import FILE_NAME, ProjectFile
from datamix.storage.files import atomic
from datamix.storage.inputs import discover

_SOURCE = """\
  - name: {name}
    path: {path}
    # text: text                      # the column with the text
    # id: id                          # the column with an id of your own
    # created: created                # a date, timestamp, ISO 8601 text, or a year
    # columns: [url, license]         # carried into `documents`; url also gives host
    # domain: {name}                  # default: the source's name
    # license: CC-BY-4.0              # of the whole source
    # priority: 0                     # higher wins among duplicates
    # exempt: [quality]               # packs that do not apply to this source
    # verify: stat                    # or bytes: hash the files at each run
"""

_FILE = """\
# What goes in, what is measured, what is kept. `datamix check` reads it, `datamix run` does it.
version: 1
store: ./store
sources:
{sources}\
measure:
  # language: {{model: lid.176.ftz}}    # a fastText model of yours; none is shipped
  scores:                           # any number of fastText classifiers; each becomes a column
    quality: {{model: quality-en.ftz, label: good}}
    toxicity: {{model: toxicity-en.ftz, label: toxic}}
  tokenizer: bytes                  # bytes, or a tokenizer.json
dedup:
  exact: true
  near: {{ngram: 5, permutations: 128, threshold: 0.8}}
  prefer: [priority desc, quality desc, words desc]
  keeper_among: kept                # or all
filters: [gopher-datatrove, {{quality: {{min: 0.6}}}}, toxicity]
# schedules:
#   - {{name: nightly, cron: "0 3 * * *", timezone: UTC}}
"""

_MIXTURE = """\
# A first mixture: everything that is kept, in proportion of your choice. `datamix mix plan mixtures/first.yaml`
version: 1
name: first
tokens: 10240K
sequence_length: 2048
components:
{components}\
phases:
  - {{name: base, weights: {{{weights}}}}}
"""


def write_scaffold(folder: Path, data: Sequence[str], more: Sequence[str] = ()) -> Path:
    """Write `datamix.yaml` and a first mixture into `folder`.

    Args:
        folder: the new project's folder.
        data: input files or globs, seen from here; each becomes a source named after it.
        more: the further files of a glob that the shell expanded: one source with the one of `data`, if there is one.

    Raises:
        SpecError: there is a project file already, a file of `more` is none, or it is open to which source it belongs.
    """
    file = folder / FILE_NAME
    if file.exists():
        raise SpecError(f"{file} is there already; edit it, or name another folder")
    groups = [[_seen_from(folder, path) for path in group] for group in _groups(data, more)] or [["data/*.jsonl"]]
    sources = dict(zip(_unique(map(_source_name, groups)), groups, strict=True))
    text = _FILE.format(sources="".join(_SOURCE.format(name=_name(n), path=_paths(p)) for n, p in sources.items()))
    components = "".join(f"  {_name(name)}: {{source: {_name(name)}}}\n" for name in sources)
    share = 10_000 // len(sources)
    shares = [share] * (len(sources) - 1) + [10_000 - share * (len(sources) - 1)]  # of ten thousand: they sum to one
    weights = ", ".join(f"{_name(name)}: {part / 10_000:g}" for name, part in zip(sources, shares, strict=True))
    for target, content in (
        (folder / "mixtures" / "first.yaml", _MIXTURE.format(components=components, weights=weights)),
        (file, text),
    ):
        with atomic(target) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return file


def missing_inputs(file: ProjectFile) -> list[str]:
    """Return what is wrong with the inputs of each source: its path matches nothing yet, or files of unknown kind."""
    found = []
    for source in file.project.sources:
        try:
            discover(source, file.root)
        except DatamixError as error:
            found.append(str(error))
    return found


def _groups(data: Sequence[str], more: Sequence[str]) -> list[list[str]]:
    """Return the paths of each source."""
    if not more:
        return [[path] for path in data]
    for path in more:
        if not Path(path).is_file():
            raise SpecError(f"there is no file {path}; one folder is made at a time, and files are what may follow it")
    if len(data) > 1:
        raise SpecError(
            f"the shell has made several files of a glob, and it is open whether {more[0]} belongs to {data[0]} or to "
            f"{data[1]}; write each glob in quotes, as in --data '{Path(data[0]).parent}/*'"
        )
    return [[*data, *more]]


def _seen_from(folder: Path, path: str) -> str:
    """Return a path from here as the project's file writes it: seen from its folder, else absolute. Links stay."""
    place, root = Path(path).absolute(), folder.absolute()
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else place.as_posix()


def _paths(paths: Sequence[str]) -> str:
    return _scalar(paths[0]) if len(paths) == 1 else f"[{', '.join(map(_scalar, paths))}]"


def _scalar(path: str) -> str:
    """Return a path as YAML text, in quotes: it may begin with `*`, or hold `: ` or ` #`."""
    return json.dumps(path, ensure_ascii=False)


def _name(name: str) -> str:
    """Return a source's name as YAML text, in quotes where YAML would read something else, as in 2024."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name) and name.lower() not in ("true", "false", "null")
    return name if plain else _scalar(name)


def _unique(names: Iterable[str]) -> list[str]:
    """Return the names, with a number after those that stood before."""
    found: list[str] = []
    for name in names:
        candidates = (name, *(f"{name[:58]}-{number}" for number in range(2, 10_000)))
        found.append(next(candidate for candidate in candidates if candidate not in found))
    return found


def _source_name(paths: Sequence[str]) -> str:
    """Return a source's name from its paths: the last part that is no pattern, or the folder of `*` or of them all."""
    path = paths[0] if len(paths) == 1 else str(Path(paths[0]).parent / "*")
    parts = [re.sub(r"\.(jsonl(\.gz|\.zst)?|parquet)$", "", part) for part in Path(path).parts]
    plain = [
        part for part in parts if not any(character in part for character in "*?[") and part not in (".", "/", "..")
    ]
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", plain[-1] if plain else "source").lstrip("-_.")
    return name[:64] or "source"
