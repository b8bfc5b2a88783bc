"""What both recipes share: reading the data folder, cutting windows, gathering labelled texts."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from datamix.training.card import DataFile
from datamix.training.labelled import Labelled, count_labels, hash_of_file

SEED = 1


@dataclass
class Gathered:
    """Labelled texts on their way to a training, each with the document that it was cut from.

    Args:
        folder: the data folder.
        random: the only source of chance.
        rows: text, label, origin, file.
        written: files of written sentences, which train and never test.
    """

    folder: Path
    random: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)

    def read(self, file: str) -> pl.DataFrame:
        """Return `corpus/news.parquet` for `corpus/news`, with a column `origin`: the row."""
        return pl.read_parquet(self.folder / f"{file}.parquet").with_row_index("origin")

    def add(self, label: str, file: str, texts: Iterable[tuple[str, str]]) -> None:
        """Take (origin, text) pairs of a file; blank texts and words already taken are left out."""
        for origin, text in texts:
            words = " ".join(text.lower().split())
            if words and words not in self._seen:
                self._seen.add(words)
                self.rows.append((text, label, f"{file}/{origin}", file))

    def labelled(self, limit: int | None = None) -> Labelled:
        """Return what was gathered, shuffled; the same data gives the same order."""
        rows = self.random.sample(self.rows, len(self.rows))[:limit]
        return Labelled(
            pa.array([row[0] for row in rows], pa.large_string()),
            [row[1] for row in rows],
            [row[2] for row in rows],
            [row[3] in self.written for row in rows],
        )

    def files(self) -> list[DataFile]:
        """Return what the card says of each file that gave texts: cut texts are counted, not documents."""
        by_file: dict[str, list[str]] = {}
        for _, label, _, file in self.rows:
            by_file.setdefault(file, []).append(label)
        return [self._describe(file, labels) for file, labels in sorted(by_file.items())]

    def _describe(self, file: str, labels: list[str]) -> DataFile:
        path = self.folder / f"{file}.parquet"
        if not path.exists():
            path = Path(__file__).with_name(file)
        return DataFile(
            file=path.name if path.suffix == ".py" else f"{file}.parquet",
            bytes=path.stat().st_size,
            sha256=hash_of_file(path),
            documents=len(labels),
            unusable=0,
            labels=count_labels(labels),
        )

    def windows(
        self,
        frame: pl.DataFrame,
        count: int,
        *,
        shortest: int = 15,
        longest: int = 250,
        clean: Callable[[str], str] = lambda text: text,
    ) -> list[tuple[str, str]]:
        """Cut up to `count` runs of words, `shortest` to `longest` long, spread evenly over the documents.

        Lengths are uniform on a logarithmic scale, so that the length of a text tells nothing of its label. A document
        shorter than its window is taken once, whole.
        """
        documents = [
            (str(origin), words)
            for origin, text in frame.select("origin", "text").rows()
            if (words := clean(text).split())
        ]
        self.random.shuffle(documents)
        cut: list[tuple[str, str]] = []
        for turn in range(1 + count // max(1, len(documents))):
            for origin, words in documents:
                if len(cut) == count:
                    return cut
                length = int(shortest * (longest / shortest) ** self.random.random())
                if len(words) > length:
                    start = self.random.randrange(len(words) - length + 1)
                    cut.append((origin, " ".join(words[start : start + length])))
                elif turn == 0:
                    cut.append((origin, " ".join(words)))
        return cut


def body(post: str) -> str:
    """Return a forum post without its headers and quotations."""
    lines = post.split("\n\n", 1)[-1].split("\n")
    return "\n".join(line for line in lines if not line.startswith((">", "|", ":")) and "writes:" not in line)


def shingles(text: str, size: int = 6) -> set[str]:
    """Return the runs of `size` lower-case words."""
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + size]) for i in range(len(words) - size + 1)}
