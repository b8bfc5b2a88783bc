"""Plan files: the same bytes, the same plan after loading, and no damaged or changed one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from datamix.errors import StoreError
from datamix.library import library_folder
from datamix.mixtures.plan import Plan, plan
from datamix.mixtures.planfile import FILE_NAME, load_plan, plan_hash, spec_hash, to_json
from datamix.spec.mixture import Mixture, read_mixture

PINS = {"tokenizer": "ab", "documents.web": "cd"}


@pytest.fixture
def made() -> Plan:
    mixture = read_mixture(library_folder() / "mixtures" / "upsample-last.yaml")
    return plan(mixture, dict.fromkeys(mixture.components, 10**7), PINS)


def test_a_loaded_plan_is_the_plan(made: Plan, tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_text(to_json(made))
    loaded = load_plan(tmp_path)
    assert loaded == made == load_plan(str(file))
    assert to_json(loaded) == to_json(made)
    assert np.array_equal(loaded.order(0, loaded.sequences), made.order(0, made.sequences))


def test_the_spec_hash_is_of_the_content(made: Plan) -> None:
    text = made.mixture.model_dump(mode="json")
    assert spec_hash(Mixture.model_validate(text)) == spec_hash(made.mixture)
    text["phases"][0]["weights"] = {"code": "20%", "best": 0.05, "web": 0.75}
    assert spec_hash(Mixture.model_validate(text)) == spec_hash(made.mixture)
    assert spec_hash(Mixture.model_validate(text | {"seed": 1})) != spec_hash(made.mixture)
    swapped = text | {"components": dict(reversed(text["components"].items()))}
    assert spec_hash(Mixture.model_validate(swapped)) != spec_hash(made.mixture)


def test_the_plan_hash_covers_stock_and_pins(made: Plan) -> None:
    others = [
        plan(made.mixture, dict(made.stock) | {"web": 10**7 + 1}, PINS),
        plan(made.mixture, made.stock, PINS | {"tokenizer": "ac"}),
        plan(made.mixture, made.stock),
    ]
    assert len({plan_hash(p) for p in [made, *others]}) == 4
    assert plan_hash(plan(made.mixture, dict(reversed(made.stock.items())), PINS)) == plan_hash(made)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stock": {"web": 1, "best": 1, "code": 1}}, "damaged plan"),
        ({"pins": {}}, "does not have the hash"),
        ({"mixture": {}}, "damaged plan"),
        ({"ledger": {}}, "other counts"),
        ({"format": 99}, "is not a plan of format 1"),
    ],
)
def test_a_changed_file_is_refused(made: Plan, tmp_path: Path, change: dict[str, object], says: str) -> None:
    file = tmp_path / FILE_NAME
    file.write_text(json.dumps(json.loads(to_json(made)) | change))
    with pytest.raises(StoreError, match=says):
        load_plan(file)


@pytest.mark.parametrize(
    ("content", "says"), [(b"{", "is not JSON"), (b"[]", "is not a plan"), (b"\xff", "is not JSON")]
)
def test_what_is_no_plan_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(StoreError, match=says):
        load_plan(tmp_path / "x.json")


def test_a_missing_file_is_told() -> None:
    with pytest.raises(StoreError, match="can't be read"):
        load_plan("nowhere.json")
