"""Parts: the append-only Parquet files of the store. One writer, one reader."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from datamix.errors import StoreError
from datamix.storage.files import atomic, file_hash

ROW_GROUP_ROWS = 65_536
COMPRESSION_LEVEL = 1


@dataclass(frozen=True)
class Part:
    """A written part, as a commit records it.

    Args:
        path: relative to the store's folder.
        rows: rows.
        bytes: size of the file.
        hash: XXH3-128 of the file, 32 hex digits.
    """

    path: str
    rows: int
    bytes: int
    hash: str

    def is_there(self, store: Path) -> bool:
        """Return whether the file is there with its size; one look, no read."""
        try:
            return (store / self.path).stat().st_size == self.bytes
        except OSError:
            return False

    def is_intact(self, store: Path) -> bool:
        """Return whether the file is there with its content, read to its end at the speed of the disk."""
        return self.is_there(store) and file_hash(store / self.path) == self.hash


class PartWriter:
    """Writes one part in row groups of fixed size, so that the bytes do not depend on the batches that came in.

    Used as a context manager; `part` is there after it closed without an error.
    """

    def __init__(self, store: Path, path: str, schema: pa.Schema) -> None:
        self.part: Part
        self._store, self._path, self._schema = store, path, schema
        self._atomic = atomic(store / path)
        self._pending: list[pa.Table] = []
        self._pending_rows = self._rows = 0

    def __enter__(self) -> PartWriter:
        temporary = self._atomic.__enter__()
        try:
            self._file = temporary
            self._writer = pq.ParquetWriter(
                temporary,
                self._schema,
                compression="zstd",
                compression_level=COMPRESSION_LEVEL,
                write_page_checksum=True,
                store_schema=True,
                version="2.6",
            )
        except BaseException:
            self._atomic.__exit__(*sys.exc_info())
            raise
        return self

    def write(self, table: pa.Table) -> None:
        """Append rows; `table` has the part's schema."""
        self._pending.append(table.cast(self._schema))
        self._pending_rows += table.num_rows
        self._rows += table.num_rows
        if self._pending_rows >= ROW_GROUP_ROWS:
            joined = pa.concat_tables(self._pending)
            whole = self._pending_rows - self._pending_rows % ROW_GROUP_ROWS
            self._writer.write_table(joined.slice(0, whole).combine_chunks(), row_group_size=ROW_GROUP_ROWS)
            self._pending = [joined.slice(whole)]
            self._pending_rows -= whole

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
            else:
                with contextlib.suppress(OSError, pa.ArrowException):  # its error would hide the first one
                    self._writer.close()
        except BaseException:
            self._atomic.__exit__(*sys.exc_info())
            raise
        self._atomic.__exit__(kind, error, trace)

    def _finish(self) -> None:
        if self._pending_rows or not self._rows:
            rest = pa.concat_tables(self._pending) if self._pending else self._schema.empty_table()
            self._writer.write_table(rest.combine_chunks(), row_group_size=ROW_GROUP_ROWS)
        self._writer.close()
        self.part = Part(self._path, self._rows, self._file.stat().st_size, file_hash(self._file))


def write_part(store: Path, path: str, table: pa.Table) -> Part:
    """Write `table` as one part and return what a commit records of it."""
    with PartWriter(store, path, table.schema) as writer:
        writer.write(table)
    return writer.part


def read_part(store: Path, path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a part, all or some columns, with its page checksums verified.

    Raises:
        StoreError: it is missing or damaged.
    """
    try:
        return pq.read_table(
            store / path, columns=list(columns) if columns is not None else None, page_checksum_verification=True
        )
    except FileNotFoundError:
        raise StoreError(f"{store / path} is missing; run `datamix run` to measure it again") from None
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"{store / path} is damaged ({str(error).splitlines()[0]}); delete it and run `datamix run` again"
        ) from None
