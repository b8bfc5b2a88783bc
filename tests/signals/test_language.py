from __future__ import annotations

import pickle
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from datamix.errors import ModelError
from datamix.signals.fasttext_model import model_hash
from datamix.signals.language import LanguageFamily
from tests.fasttext_models import library_scorer


@pytest.fixture(scope="module")
def family(shared_data: Path) -> LanguageFamily:
    path = shared_data / "models" / "lid.176.ftz"
    return LanguageFamily(str(path), model_hash(path))


def test_gives_the_library_s_best_label(family: LanguageFamily, shared_data: Path) -> None:
    texts = pl.read_parquet(shared_data / "languages" / "tatoeba_112*.parquet")["text"].gather_every(400).to_list()
    measured = family.measure(pa.array(texts, pa.large_string()))
    score = library_scorer(Path(family.model_path))
    for text, language, probability in zip(
        texts, measured["language"].to_pylist(), measured["language_score"].to_pylist(), strict=True
    ):
        theirs = score(text)
        assert theirs[language] == pytest.approx(max(theirs.values()), abs=1e-5)
        assert probability == pytest.approx(theirs[language], abs=1e-5)


def test_measures_its_columns(family: LanguageFamily) -> None:
    family = pickle.loads(pickle.dumps(family))  # noqa: S301
    measured = family.measure(pa.array(["Dies ist ein deutscher Satz.", ""], pa.large_string()))
    assert {column.name: column.type for column in family.columns} == {k: v.type for k, v in measured.items()}
    assert measured["language"][0].as_py() == "de"
    assert measured["language_score"][0].as_py() > 0.9
    assert family.name == "language"


def test_is_defined_by_the_model(family: LanguageFamily, tmp_path: Path) -> None:
    assert family.definition()["model"] == family.model_hash
    (tmp_path / "bad.ftz").write_bytes(b"no model")
    with pytest.raises(ModelError, match="not a fastText model"):
        LanguageFamily(str(tmp_path / "bad.ftz"), "0" * 64).definition()
