"""`python -m benchmarks NAME`: run one benchmark and report it with machine, versions and date."""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.metadata
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from datamix.errors import InputError

FOLDER = Path(__file__).parent
CORPUS = FOLDER.parent.parent / "shared" / "data" / "corpus"
DISTRIBUTIONS = (
    "numba", "numpy", "pyarrow", "datasketch", "rensa", "fasttext-wheel", "fasttext-community",
)  # fmt: skip

Report = dict[str, Any]


def main() -> int:
    """Parse, run, print; return the exit code: 0 done, 1 the corpus is of no use, 2 usage."""
    titles = benchmarks()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", metavar="NAME", choices=list(titles), help="without it: list them")
    parser.add_argument("--json", action="store_true", help="answer as JSON on stdout")
    parser.add_argument("--corpus", type=Path, default=CORPUS, metavar="DIR", help="Parquet files with a column `text`")
    arguments = parser.parse_args()
    if arguments.name is None:
        for name, title in titles.items():
            print(f"{name:<12} {title}")
        return 0
    if not any(arguments.corpus.glob("*.parquet")):
        parser.error(
            f"there is no Parquet file in {arguments.corpus}; name a folder of Parquet files with a column `text`: "
            f"python -m benchmarks {arguments.name} --corpus DIR"
        )
    try:
        report = measure(arguments.name, arguments.corpus)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        show(report, titles[arguments.name])
    return 0


def benchmarks() -> dict[str, str]:
    """Return the names of the benchmarks, each with the first line of its docstring; nothing is imported."""
    files = sorted(file for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))
    return {file.stem: (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0] for file in files}


def measure(name: str, corpus: Path) -> Report:
    """Run a benchmark and return its report.

    Returns:
        name, date (UTC), machine, versions (of what is installed) and results: what, ours, against, theirs, unit,
        better (`higher` or `lower`) and ratio, over one where ours is better; against, theirs and ratio are None where
        there is no peer, and then a note may say what to install.
    """
    results = importlib.import_module(f"benchmarks.{name}").run(corpus)
    return {
        "name": name,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "versions": versions(),
        "results": results,
    }


def machine() -> dict[str, str | int | float]:
    """Return what the numbers depend on: processor, cores that may be used, memory in GB, system, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def processor() -> str:
    """Return the processor's name, where the system tells it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Return the versions of what is installed of both sides; datamix itself may be a checkout without metadata."""
    from datamix import __version__

    installed = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
    return {"datamix": __version__, **{name: installed[name] for name in DISTRIBUTIONS if name in installed}}


def show(report: Report, title: str) -> None:
    """Print a report as text."""
    about = report["machine"]
    console = Console(highlight=False)
    console.print(f"[bold]{report['name']}[/bold]: {title}", markup=True)
    console.print(
        f"{report['date']}; {about['processor']}, {about['cores']} cores, {about['memory_gb']} GB; {about['system']}; "
        f"Python {about['python']}; " + ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    )
    table = Table("what", "unit", "datamix", "other", "against", "ratio")
    for result in report["results"]:
        cells = ("what", "unit", "ours", "theirs", "against", "ratio")
        row = ["-" if result[cell] is None else str(result[cell]) for cell in cells]
        table.add_row(*row[:4], result.get("note") or row[4], row[5])
    console.print(table)
    console.print("ratio: over one where datamix is better")


if __name__ == "__main__":
    sys.exit(main())
