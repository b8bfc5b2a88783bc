from __future__ import annotations

import gzip
import io
import json
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
import zstandard

from datamix.document import document_schema
from datamix.errors import InputError
from datamix.spec.project import Source
from datamix.storage.batch import REASONS, Quarantined
from datamix.storage.inputs import discover
from datamix.storage.reader import ShardReader, definition
from datamix.storage.shards import MAX_BYTES, shards

FIELDS: dict[str, Any] = {"id": "id", "created": "created", "columns": ("url", "label")}


def read(
    root: Path, path: str, max_bytes: int = MAX_BYTES, batch_bytes: int = 16_000_000, **fields: Any
) -> tuple[pa.Table, list[Quarantined]]:
    """Read all shards of a source into one table."""
    source = Source(name="s", path=path, **fields)
    documents, quarantined = [], []
    for shard in shards(discover(source, root), source, root, max_bytes):
        for batch in ShardReader(shard, source, root, batch_bytes=batch_bytes):
            assert len(batch.documents) or batch.quarantined
            documents.append(batch.documents)
            quarantined.extend(batch.quarantined)
    return pa.Table.from_batches(documents, schema=document_schema(source.columns)), quarantined


def write(root: Path, records: list[dict[str, Any]]) -> None:
    """Write the same records in all four formats, with some lines that are refused."""
    lines = b"".join(orjson.dumps(record) + b"\n" for record in records)
    (root / "a.jsonl").write_bytes(lines)
    (root / "a.jsonl.gz").write_bytes(gzip.compress(lines))
    (root / "a.jsonl.zst").write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(lines))
    columns = {name: pa.array([record[name] for record in records], pa.string()) for name in records[0]}
    pq.write_table(pa.table(columns), root / "a.parquet", row_group_size=17)


@pytest.fixture
def records(shared_data: Path) -> list[dict[str, Any]]:
    table = pq.read_table(shared_data / "corpus" / "blog.parquet").slice(0, 60)
    found: list[dict[str, Any]] = table.select(["id", "text", "created", "url", "label"]).to_pylist()
    for i in (3, 27, 59):
        found[i]["text"] = None if i == 3 else ""
    return found


def test_formats_and_splits_give_the_same_documents(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    write(tmp_path, records)
    expected, refused = read(tmp_path, "a.jsonl", **FIELDS)
    assert expected.column("text").to_pylist() == [record["text"] for record in records if record["text"]]
    assert expected.column("id").to_pylist() == [record["id"] for record in records if record["text"]]
    assert [(entry.row, entry.reason) for entry in refused] == [
        (3, "text_missing"),
        (27, "text_empty"),
        (59, "text_empty"),
    ]
    for path in ("a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"):
        for max_bytes, batch_bytes in ((MAX_BYTES, 1_000), (20_000, 16_000_000), (1, 10_000), (50_000, 300)):
            documents, quarantined = read(tmp_path, path, max_bytes, batch_bytes, **FIELDS)
            if path == "a.jsonl":
                assert documents.equals(expected)
                assert quarantined == refused
            assert documents.drop_columns(["offset"]).equals(expected.drop_columns(["offset"]))
            assert [(q.row, q.reason) for q in quarantined] == [(q.row, q.reason) for q in refused]


def test_offsets_lead_to_the_line(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    write(tmp_path, records)
    content = (tmp_path / "a.jsonl").read_bytes()
    documents, _ = read(tmp_path, "a.jsonl", max_bytes=30_000)
    for row in documents.select(["row", "offset", "text"]).to_pylist():
        line = content[row["offset"] :].split(b"\n", 1)[0]
        assert json.loads(line)["text"] == row["text"] == records[row["row"]]["text"]


def test_hash_of_what_was_read(tmp_path: Path) -> None:
    source = Source(name="s", path=("*.gz",))
    content = gzip.compress(b'{"text": "x"}\n' * 10)
    for raw in (content, content[:-3], content + b"garbage" * 10_000):
        (tmp_path / "a.jsonl.gz").write_bytes(raw)
        (shard,) = shards(discover(source, tmp_path), source, tmp_path)
        reader = ShardReader(shard, source, tmp_path)
        assert sum(len(batch.documents) for batch in reader) == 10
        assert reader.content_hash == xxhash.xxh3_128_hexdigest(raw)


def test_unreadable_file_is_one_entry(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no Parquet")
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "c.jsonl").write_bytes(b'{"text": "x"}')
    documents, quarantined = read(tmp_path, "*")
    assert documents.column("text").to_pylist() == ["x"]
    assert [(entry.reason, entry.documents) for entry in quarantined] == [("unreadable", 1)] * 2


@pytest.mark.parametrize("max_bytes", [1_000, MAX_BYTES])
@pytest.mark.parametrize("before", [True, False])
def test_file_that_changes_is_refused(tmp_path: Path, max_bytes: int, before: bool) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "x"}\n' * 100)
    source = Source(name="s", path=("a.jsonl",))
    shard = shards(discover(source, tmp_path), source, tmp_path, max_bytes)[0]
    batches = iter(ShardReader(shard, source, tmp_path, batch_bytes=50))
    if not before:
        next(batches)
    file.write_bytes(b'{"text": "y"}\n' * 100)
    with pytest.raises(InputError, match=r"a\.jsonl changed after it was listed, or while it was read; run again"):
        list(batches)
    file.write_bytes(b"")
    with pytest.raises(InputError, match=r"or while it was read|became shorter while it was read"):
        list(ShardReader(shard, source, tmp_path))


def test_range_of_a_file_that_grows_meanwhile_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "x"}\n' * 100)
    source = Source(name="s", path=("a.jsonl",))
    found = shards(discover(source, tmp_path), source, tmp_path, 500)
    with file.open("ab") as end:
        end.write(b'{"text": "later"}\n')
    assert sum(len(b.documents) for shard in found for b in ShardReader(shard, source, tmp_path)) == 100


def test_verified_bytes_are_verified_again(tmp_path: Path) -> None:
    source = Source(name="s", path=("a.jsonl",), verify="bytes")
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "x"}')
    (shard,) = shards(discover(source, tmp_path), source, tmp_path)
    wrong = {**shard.to_json(), "file": {**shard.to_json()["file"], "content_hash": "0" * 32}}
    assert len(list(ShardReader(shard, source, tmp_path))) == 1
    with pytest.raises(InputError, match="changed"):
        list(ShardReader(type(shard).from_json(wrong), source, tmp_path))


def test_definition_has_what_determines_documents() -> None:
    base = Source(name="s", path=("a",))
    same = Source(name="s", path=("b",), domain="d", license="MIT", priority=3)
    assert definition(base) == definition(same)
    for fields in ({"text": "t"}, {"id": "i"}, {"created": "c"}, {"columns": ["x"]}):
        assert definition(base) != definition(Source(name="s", path=("a",), **fields))
    json.dumps(definition(base))


def corrupt(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut, repeat or remove something."""
    at = rng.randrange(len(content))
    kind = rng.randrange(5)
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + content[at + rng.randint(1, 50) :]
    if kind == 2:
        return content[:at] + content[max(0, at - rng.randint(1, 50)) :]
    changed = bytearray(content)
    for _ in range(1 if kind == 3 else 10):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def lines_of_gzip(raw: bytes) -> bytes:
    """What zlib gives byte by byte up to the damage."""
    output, decoder = b"", None
    for i in range(len(raw)):
        if decoder is None or decoder.eof:
            if decoder is not None and raw[i] == 0:
                continue
            decoder = zlib.decompressobj(31)
        try:
            output += decoder.decompress(raw[i : i + 1])
        except zlib.error:
            return output[: output.rfind(b"\n") + 1]
    return output if decoder is not None and decoder.eof else output[: output.rfind(b"\n") + 1]


def documents_in(lines: bytes) -> int:
    return sum(1 for line in lines.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_random_damage_loses_no_document(tmp_path: Path, seed: int, name: str) -> None:
    rng = random.Random(seed)  # noqa: S311
    write(tmp_path, [{"text": rng.randbytes(rng.randint(0, 60)).hex(), "id": str(i)} for i in range(100)])
    content = (tmp_path / name).read_bytes()
    for _ in range(15):
        damaged = corrupt(content, rng)
        (tmp_path / name).write_bytes(damaged)
        try:
            documents, quarantined = read(tmp_path, name, max_bytes=rng.choice([500, MAX_BYTES]), id="id")
        except InputError as error:
            if name == "a.parquet" and "change `" in str(error):
                continue  # the damage is in the names or types of columns
            raise
        assert {entry.reason for entry in quarantined} <= REASONS.keys()
        documents.validate(full=True)
        read_or_refused = len(documents) + sum(entry.documents for entry in quarantined)
        ends = [entry for entry in quarantined if entry.reason in ("truncated", "damaged", "unreadable")]
        if name == "a.jsonl":
            assert read_or_refused == documents_in(damaged)
        elif name == "a.jsonl.gz":
            assert read_or_refused - len(ends) == documents_in(lines_of_gzip(damaged))
        elif name == "a.parquet" and not (ends and ends[0].reason == "unreadable"):
            assert read_or_refused == pq.read_metadata(io.BytesIO(damaged)).num_rows
        elif name == "a.jsonl.zst" and damaged != content:
            assert ends or len(documents) == len(read(tmp_path, "a.jsonl", id="id")[0])


PEAK = (
    "import sys; from pathlib import Path\n"
    "from tests.storage.test_reader import read\n"
    "documents, quarantined = read(Path(sys.argv[1]), sys.argv[2])\n"
    "status = Path('/proc/self/status').read_text()\n"  # ru_maxrss begins with the size of the process that forked
    "peak = int(status.partition('VmHWM:')[2].split()[0])\n"
    "print(len(documents), [(q.row, q.reason) for q in quarantined], peak // 1024)\n"
)


def read_in_child(folder: Path, name: str) -> tuple[str, int]:
    """Return documents and quarantine of a file, read in a process of its own, and its largest memory in MiB."""
    command = [sys.executable, "-c", PEAK, str(folder), name]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]).stdout
    head, _, megabytes = output.strip().rpartition(" ")
    return head, int(megabytes)


def bomb(file: Path, length: int) -> None:
    """Write a file that holds a good line, one line of `length` bytes, and another good line: in repeated members."""
    compress: Callable[[bytes], bytes] = gzip.compress if file.suffix == ".gz" else zstandard.compress
    good, block = compress(b'{"text": "good"}\n'), compress(b"x" * (64 << 20))
    file.write_bytes(good + block * (length // (64 << 20)) + compress(b"\n") + good)


@pytest.mark.parametrize("length", [256 << 20, pytest.param(3 << 30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_one_endless_line_in_bounded_memory(tmp_path: Path, suffix: str, length: int) -> None:
    file = tmp_path / f"a.jsonl.{suffix}"
    bomb(file, length)
    assert file.stat().st_size < length // 900
    head, megabytes = read_in_child(tmp_path, file.name)
    assert head == "2 [(1, 'line_too_long')]"
    assert megabytes < 400


def test_line_of_many_empty_lists_in_bounded_memory(tmp_path: Path) -> None:
    line = b'{"text":"a","x":[' + b"[]," * 21_000_000 + b"[]]}\n"
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line + b'{"text":"b"}', 1))
    head, megabytes = read_in_child(tmp_path, "a.jsonl.gz")
    assert head == "1 [(0, 'too_complex')]"
    assert megabytes < 450


@pytest.mark.parametrize(("length", "head", "most"), [(60, "3 []", 450), (240, "2 [(1, 'line_too_long')]", 750)])
def test_long_text_of_parquet_in_bounded_memory(tmp_path: Path, length: int, head: str, most: int) -> None:
    texts = pa.array(["a", "ab" * (length * 500_000), "b"], pa.large_string())
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet", use_dictionary=False, compression="zstd")
    found, megabytes = read_in_child(tmp_path, "a.parquet")
    assert found == head
    assert megabytes < most
