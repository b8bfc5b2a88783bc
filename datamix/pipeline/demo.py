"""The demo's project: real text that every machine with Python has, as three sources of natural redundancy.

`code` is the standard library's source, `docs` its docstrings and help topics, `packages` the descriptions and licences
of installed packages, where licences are natural near-duplicates.
"""

from __future__ import annotations

import ast
import gzip
import shlex
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from datamix.catalog.query import query
from datamix.engine.engine import EngineName
from datamix.pipeline.report import Progress
from datamix.spec.project import ProjectFile
from datamix.storage.files import atomic

SHORTEST_DOCSTRING = 200  # characters: below it says little more than the name
_TESTS = ("test", "tests", "idle_test", "site-packages", "lib2to3")
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_LICENCE_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")

PROJECT = """\
# Text that this machine's Python installation has; `datamix demo` wrote it. Change a line and call `datamix run`.
version: 1
store: ./store
sources:
  - name: code
    path: data/code.parquet
    id: path
    license: PSF-2.0
    exempt: [gopher-datatrove, fineweb, quality]     # these packs are about prose
  - name: docs
    path: data/docs.jsonl.gz
    id: name
    license: PSF-2.0
    exempt: [fineweb, quality]
  - name: packages
    path: data/packages.jsonl
    id: name
    columns: [url, license, package]
    exempt: [fineweb]
measure:
  scores:
    quality: {model: quality-en.ftz, label: good}
    toxicity: {model: toxicity-en.ftz, label: toxic}
  tokenizer: bytes
dedup:
  exact: true
  near: {ngram: 5, permutations: 128, threshold: 0.8}
  prefer: [priority desc, words desc]
  keeper_among: kept
filters: [{gopher-datatrove: {min_words: 50, min_alpha_words: 0.6}}, fineweb, {quality: {min: 0.3}}, toxicity]
schedules:
  - {name: nightly, cron: "0 3 * * *", timezone: UTC}
"""

MIXTURE = """\
# Code first, documentation up-sampled at the end of training. Plan it: datamix mix plan mixtures/demo.yaml
version: 1
name: demo
tokens: 4096K
sequence_length: 1024
batch: 4
seed: 17
components:
  code: {where: "domain = 'code' and kept", max_epochs: 4}
  docs: {where: "domain = 'docs' and kept"}
  packages: {where: "domain = 'packages' and kept"}
phases:
  - {name: base, weights: {code: 0.75, docs: 0.20, packages: 0.05}}
  - {name: upsample, last: 20%, ramp: 2%, weights: {code: 0.35, docs: 0.60, packages: 0.05}}
"""


@dataclass(frozen=True)
class Next:
    """A command to try after the demo, as a shell takes it, and what it answers."""

    answers: str
    command: str


def write_project(folder: Path, progress: Progress) -> bool:
    """Write the demo's project, unless it is there already; return whether it was written."""
    project = folder / "datamix.yaml"
    if project.is_file():
        return False
    data = folder / "data"
    progress.stage("collect text", 3)
    modules = list(_modules())
    code = [{"path": path, "text": text} for path, text in modules]
    with atomic(data / "code.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(code), temporary, compression="zstd", row_group_size=500)
    progress.advance()
    with atomic(data / "docs.jsonl.gz") as temporary, gzip.GzipFile(temporary, "wb", mtime=0) as file:
        file.writelines(_lines(_docs(modules)))
    progress.advance()
    with atomic(data / "packages.jsonl") as temporary, temporary.open("wb") as file:
        file.writelines(_lines(_packages()))
    progress.advance()
    _write(folder / "mixtures" / "demo.yaml", MIXTURE)
    _write(project, PROJECT)  # last: with it the project is whole
    return True


def largest_clusters(file: ProjectFile) -> pa.Table:
    """Return the five clusters that lost most duplicates: documents, exact, near, source and id of the keeper."""
    return query(
        file.store_folder / "catalog.duckdb",
        "SELECT c.size AS documents, c.exact, c.near, k.source, k.id AS keeper FROM clusters AS c "
        "JOIN documents AS k ON k.doc_id = c.cluster_id "
        "ORDER BY c.exact + c.near DESC, c.size DESC, c.cluster_id LIMIT 5",
    )


def next_commands(file: ProjectFile, engine: EngineName) -> list[Next]:
    """Return five commands that lead on from a finished demo; each works as it stands, in any shell."""
    folder = file.root
    project = f"-C {shlex.quote(str(folder))}"
    # A licence that repeats another one tells most; where there is none, any document has its story.
    ((example,),) = query(
        file.store_folder / "catalog.duckdb",
        "SELECT left(doc_id, 12) AS doc_id FROM documents ORDER BY coalesce(reasons[-1] = 'dedup.near', false) DESC, "
        "source = 'packages' DESC, cluster_size DESC, doc_id LIMIT 1",
    ).to_pydict().values()  # fmt: skip
    spec, out = shlex.quote(str(folder / "datamix.yaml")), shlex.quote(str(folder / "emitted"))
    return [
        Next("What was dropped, and for which reason?", f"datamix sql {project} --query drop-reasons"),
        Next("One document's whole story: a near-duplicate, its kept twin", f"datamix why {project} {example}"),
        Next(
            "Any question in SQL: which licences are repeated most?",
            f'datamix sql {project} "SELECT license, count(*) AS texts, sum(cluster_size) AS copies FROM documents '
            "WHERE source = 'packages' AND is_keeper GROUP BY ALL ORDER BY copies DESC LIMIT 10\"",
        ),
        Next(
            "The mixture's training shards, in the order of training",
            f"datamix mix emit {project} demo --format jsonl --out {out} --engine {engine}",
        ),
        Next(
            "Another threshold: it takes seconds, and reads no text",
            f"sed -i.before 's/min_words: 50/min_words: 20/' {spec} && datamix run {project}",
        ),
    ]


def _write(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _lines(records: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    for record in records:
        yield orjson.dumps(record) + b"\n"


def _modules() -> Iterator[tuple[str, str]]:
    """Yield (path below the library, text) of the standard library's modules, in order, without its tests."""
    library = Path(sysconfig.get_path("stdlib"))
    for file in sorted(library.rglob("*.py")):
        path = file.relative_to(library)
        if any(part in _TESTS for part in path.parts):
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if text.strip():
            yield path.as_posix(), text


def _docs(modules: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Docstrings of modules, classes and functions, parsed and never imported; and the topics of `help()`."""
    from pydoc_data.topics import topics

    for topic, text in sorted(topics.items()):
        yield {"name": f"help:{topic}", "text": text}
    for path, source in modules:
        if '"""' not in source and "'''" not in source:
            continue  # parsing is what takes the time
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        for node in _documented(tree):
            docstring = ast.get_docstring(node)
            if docstring and len(docstring) >= SHORTEST_DOCSTRING:
                name = path if isinstance(node, ast.Module) else f"{path}:{node.lineno}:{node.name}"
                yield {"name": name, "text": docstring}


def _documented(node: ast.Module | ast.ClassDef) -> Iterator[_Documented]:
    """Yield a module or class and all classes and functions in it; what a function holds is its own matter."""
    yield node
    for child in node.body:
        if isinstance(child, ast.ClassDef):
            yield from _documented(child)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child


def _packages() -> Iterator[dict[str, Any]]:
    """Descriptions and licence texts of the packages in this environment, each distribution once."""
    found = {
        str(distribution.metadata["Name"]): distribution
        for distribution in distributions()
        if distribution.metadata["Name"]
    }
    for package, distribution in sorted(found.items()):
        metadata = message_from_string(distribution.read_text("METADATA") or "")
        license_text = str(metadata.get("License-Expression") or metadata.get("License") or "").strip()
        license_name = license_text.partition("\n")[0][:60]  # some put the whole text there
        record = {"package": package, "url": _home(metadata), "license": license_name or None}
        description = metadata.get_payload()
        if isinstance(description, str) and description.strip():
            yield {"name": f"{package}/description", "text": description, **record}
        for file in sorted(distribution.files or [], key=str):
            inside = ".dist-info" in str(file) and file.name.upper().startswith(_LICENCE_NAMES)
            path = Path(str(distribution.locate_file(file)))
            if inside and path.is_file():
                text = path.read_bytes().decode("utf-8", errors="replace")
                if text.strip():
                    yield {"name": f"{package}/{file.name}", "text": text, **record}


def _home(metadata: Message) -> str | None:
    """Return the address of a package's home page: of its own field, or the first of its project's addresses."""
    own = metadata.get("Home-page")
    addresses = [str(line).partition(",")[2].strip() for line in metadata.get_all("Project-URL", [])]
    return str(own) if own and own != "UNKNOWN" else next(iter(addresses), None)
