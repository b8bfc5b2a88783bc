from __future__ import annotations

import random
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import fasttext
import numpy as np
import pyarrow as pa
import pytest

from datamix.errors import ModelError
from datamix.signals.fasttext_model import load_scorer, model_hash
from datamix.storage.fasttext_file import Loss, read_fasttext
from tests.fasttext_models import KINDS, train

DAMAGED = ["two labels, bigrams", "hierarchical, many labels", "quantised", "quantised, pruned, characters"]
TEXTS = pa.array(["the café of moon word12 unknown", "", "東京 дом", "a " * 50], pa.large_string())


@pytest.fixture(scope="module", params=DAMAGED)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("model"), request.param)


def outcome(path: Path, data: bytes) -> str:
    """Load and score damaged bytes: a ModelError that names the file, or finite numbers; all else fails the test."""
    path.write_bytes(data)
    load_scorer.cache_clear()
    try:
        probabilities = load_scorer(path, model_hash(path)).probabilities(TEXTS)
    except ModelError as error:
        return "refused" if str(path) in str(error) else str(error)
    known = probabilities[~np.isnan(probabilities).all(axis=1)]
    assert ((known >= 0) & (known < 1.001)).all()
    return "scored"


@pytest.mark.parametrize("kind", KINDS)
def test_reads_what_the_library_reads(kind: str, tmp_path: Path) -> None:
    path = train(tmp_path, kind)
    library = fasttext.FastText._FastText(str(path))
    ours = read_fasttext(path)
    dictionary = ours.dictionary
    words = [dictionary.data[a:b].tobytes().decode() for a, b in zip(dictionary.starts, dictionary.ends, strict=True)]
    assert words[: dictionary.words] == library.words
    assert list(dictionary.labels) == words[dictionary.words :] == library.labels
    assert ours.arguments.dimensions == library.get_dimension()
    for row in (0, dictionary.words - 1, ours.input.rows - 1):
        expected = library.get_input_vector(row)
        np.testing.assert_allclose(ours.input.block(row, row + 1)[0], expected, rtol=1e-6, atol=1e-7)
    if not library.is_quantized():
        np.testing.assert_array_equal(ours.input.block(0, ours.input.rows), library.get_input_matrix())
        np.testing.assert_array_equal(ours.output.block(0, ours.output.rows), library.get_output_matrix())


def test_reads_models_in_use(shared_data: Path) -> None:
    languages = read_fasttext(shared_data / "models" / "lid.176.ftz")
    assert languages.arguments.loss is Loss.HIERARCHICAL_SOFTMAX
    assert len(languages.dictionary.labels) == 176
    assert languages.input.rows == languages.dictionary.words + len(languages.dictionary.kept_rows)


def test_a_shortened_file_is_refused_with_its_offset(model: Path, tmp_path: Path) -> None:
    whole = model.read_bytes()
    source = random.Random(2)  # noqa: S311
    for size in [*range(0, 120, 4), *(source.randrange(len(whole)) for _ in range(60)), len(whole) - 1]:
        with pytest.raises(ModelError, match="byte"):
            read_fasttext(write(tmp_path / "short.ftz", whole[:size]))
    with pytest.raises(ModelError, match="3 bytes follow the end"):
        read_fasttext(write(tmp_path / "long.ftz", whole + b"abc"))


def test_flipped_bits_never_crash(model: Path, tmp_path: Path) -> None:
    whole = model.read_bytes()
    source = random.Random(3)  # noqa: S311
    seen = set()
    for _ in range(150):
        damaged = bytearray(whole)
        # Half of the flips in the first bytes, where the counts are.
        limit = len(whole) if source.random() < 0.5 else 400
        damaged[source.randrange(limit)] ^= 1 << source.randrange(8)
        seen.add(outcome(tmp_path / "flipped.ftz", bytes(damaged)))
    assert seen == {"refused", "scored"}


def test_absurd_counts_take_no_memory(model: Path, tmp_path: Path) -> None:
    whole = model.read_bytes()
    (tmp_path / "warm.ftz").write_bytes(whole)
    outcome(tmp_path / "warm.ftz", whole)  # kernels compile outside of the measurement
    for damaged in absurd(whole):
        tracemalloc.start()
        assert outcome(tmp_path / "absurd.ftz", damaged) in ("refused", "scored")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20 * len(whole) + 8_000_000


def absurd(whole: bytes) -> Iterator[bytes]:
    """Replace each number of the header, and some beyond, by numbers that no model has."""
    offsets = [*range(0, 92, 4), len(whole) // 2, len(whole) - 40]
    for offset in offsets:
        for number in (0, -1, 2**31 - 1, 2**28):
            yield whole[:offset] + struct.pack("<i", number) + whole[offset + 4 :]


def test_other_files_are_refused(tmp_path: Path) -> None:
    for data in (b"", b"PK\x03\x04 not a model", b"\x00" * 5000):
        with pytest.raises(ModelError, match="not a fastText model"):
            read_fasttext(write(tmp_path / "model.bin", data))
    with pytest.raises(ModelError, match="can't be read"):
        read_fasttext(tmp_path / "absent.bin")
    with pytest.raises(ModelError, match="can't be read"):
        read_fasttext(tmp_path)


def test_word_vectors_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("one two three four\n" * 50)
    vectors = fasttext.train_unsupervised(
        str(tmp_path / "lines.txt"), dim=4, bucket=50, thread=1, verbose=0, minCount=1
    )
    vectors.save_model(str(tmp_path / "vectors.bin"))
    with pytest.raises(ModelError, match="word vectors, not a classifier"):
        read_fasttext(tmp_path / "vectors.bin")


def test_a_dense_matrix_that_shrinks_is_noticed(tmp_path: Path) -> None:
    path = train(tmp_path, "two labels, bigrams")
    model = read_fasttext(path)
    write(path, path.read_bytes()[:-2000])
    with pytest.raises(ModelError, match="ended at byte"):
        model.input.block(0, model.input.rows)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
