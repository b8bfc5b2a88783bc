"""What README and docs tell users to type exists, and the files that they show are valid."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from datamix.cli import build_app
from datamix.spec.mixture import read_mixture
from datamix.spec.project import read_project

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "catalog/*.md", "filters/*.md", "benchmarks/*.md")
    for page in ROOT.glob(pattern)
)
README = (ROOT / "README.md").read_text()

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def commands(page: str) -> Iterator[list[str]]:
    """Yield the words after each `datamix` that stands in code and begins a command."""
    text = (ROOT / page).read_text()
    lines = [line for _, block in _FENCED.findall(text) for line in block.splitlines()]
    for code in [*lines, *_INLINE.findall(_FENCED.sub("", text))]:
        for part in re.split(r"&&|\||;", code):
            found = re.match(r"\s*(?:uv run --no-sync )?datamix( .+)", part)
            if found:
                yield shlex.split(found[1], comments=True)


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that `words` name, and the words after its name."""
    command: Any = typer.main.get_command(build_app())
    rest = list(words)
    while hasattr(command, "commands"):
        assert rest, f"datamix {' '.join(words)} names a group, not a command"
        assert rest[0] in command.commands, f"there is no datamix {' '.join(words)}"
        command = command.commands[rest.pop(0)]
    return command, rest


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_exist(page: str) -> None:
    for words in commands(page):
        command, rest = resolve(words)
        known = {option for parameter in command.params for option in parameter.opts}
        for word in rest[: rest.index("--") if "--" in rest else None]:
            if word.startswith("-") and len(word) > 1:
                assert word.partition("=")[0] in known, f"{page}: datamix {' '.join(words)}"


def test_commands_are_found_in_pages() -> None:
    found = [words for page in PAGES for words in commands(page)]
    assert ["demo"] in found
    assert ["mix", "plan", "spark-joy-20", "--stock", "spark-joy.stock.yaml"] in found


def test_readme_names_every_command() -> None:
    named = {tuple(words[:2]) for words in commands("README.md")}
    for name, command in typer.main.get_command(build_app()).commands.items():  # type: ignore[attr-defined]
        assert any(words[0] == name for words in named), name
        assert command.help, name


@pytest.mark.parametrize("name", ["run", "mix plan", "catalog rebuild"])
def test_help_teaches_by_example(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "datamix", *name.split(), "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"datamix {name}" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "line", ["pip install -e . && datamix demo", "pip install -e '.[test]' && pytest"], ids=["demo", "test"]
)
def test_the_two_first_commands_stand_on_lines_of_their_own(line: str) -> None:
    assert README.splitlines().count(line) == 1


def yaml_blocks(key: str) -> list[str]:
    return [block for language, block in _FENCED.findall(README) if language == "yaml" and f"\n{key}:" in block]


def test_the_project_file_is_valid(tmp_path: Path) -> None:
    (block,) = yaml_blocks("sources")
    (tmp_path / "datamix.yaml").write_text(block)
    project = read_project(tmp_path).project
    assert [source.name for source in project.sources] == ["news", "forum"]
    assert project.schedules


def test_the_mixture_is_valid_and_speaks_of_the_project(tmp_path: Path) -> None:
    (block,) = yaml_blocks("phases")
    (tmp_path / "mixture.yaml").write_text(block)
    mixture = read_mixture(tmp_path / "mixture.yaml")
    assert mixture.phase_bounds()[1] % mixture.batch == 0
    (tmp_path / "datamix.yaml").write_text(yaml_blocks("sources")[0])
    domains = {source.domain_name for source in read_project(tmp_path).project.sources}
    assert all(f"'{name}'" in str(component.where) for name, component in mixture.components.items())
    assert set(mixture.components) == domains


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in _LINK.findall((ROOT / page).read_text()):
        assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_files_named_in_how_it_works_exist() -> None:
    text = (ROOT / "docs" / "how-it-works.md").read_text()
    files = re.findall(r"`([\w/]+\.py)`", text)
    assert len(files) > 20
    for name in files:
        assert list((ROOT / "datamix").glob(f"**/{name}")), name
    for folder in re.findall(r"`(datamix/\w+/)`", text):
        assert (ROOT / folder).is_dir(), folder
