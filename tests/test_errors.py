from __future__ import annotations

import pickle

import pytest

from datamix.errors import DatamixError, EngineError, SpecError, StoreError, nearest


def test_a_spec_error_names_file_and_line() -> None:
    assert str(SpecError("is wrong", file="a.yaml", line=7)) == "a.yaml:7: is wrong"
    assert str(SpecError("is wrong", file="a.yaml")) == "a.yaml: is wrong"
    assert str(SpecError("is wrong")) == "is wrong"


@pytest.mark.parametrize("error", [SpecError("is wrong", file="a.yaml", line=7), StoreError("full"), EngineError("x")])
def test_errors_come_whole_out_of_another_process(error: DatamixError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is type(error)
    assert (str(again), vars(again), again.exit_code) == (str(error), vars(error), error.exit_code)


def test_mistakes_of_the_user_have_an_exit_code_of_their_own() -> None:
    assert (SpecError("x").exit_code, StoreError("x").exit_code) == (2, 1)


def test_nearest_names_only_what_is_close() -> None:
    assert nearest("wikpedia", ["wikipedia", "news"]) == "; did you mean 'wikipedia'?"
    assert nearest("zebra", ["wikipedia", "news"]) == ""
