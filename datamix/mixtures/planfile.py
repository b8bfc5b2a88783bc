"""A plan as a JSON file: what it was made from and what it says, under the hash of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from datamix.errors import SpecError, StoreError
from datamix.mixtures.ledger import ledger
from datamix.mixtures.plan import Plan, plan
from datamix.spec.mixture import Mixture

FORMAT = 1
FILE_NAME = "plan.json"


def spec_hash(mixture: Mixture) -> str:
    """Return the hash of a mixture's content, 32 hex digits; comments and notation (35%, 0.35) do not matter."""
    return _hash({"mixture": _spec(mixture), "components": list(mixture.components)})


def plan_hash(plan: Plan) -> str:
    """Return the hash that names a plan, 32 hex digits: of its spec, its stock and its pins."""
    return _hash(_inputs(plan))


def to_json(plan: Plan) -> str:
    """Return a plan as JSON text: the same bytes for the same plan.

    Keys: format, hash, mixture, components, stock, pins (what it was made from), ledger (what it says).
    """
    content = {"format": FORMAT, "hash": plan_hash(plan), **_inputs(plan), "ledger": ledger(plan)}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def load_plan(path: Path | str) -> Plan:
    """Load a plan from the file that `datamix mix plan --out` wrote, or from the folder that holds it.

    The plan is worked out again from its spec and stock, and compared with what the file says.

    Raises:
        StoreError: the file can't be read, is no plan, was changed, or its counts come out differently here.
    """
    file = Path(path)
    file = file / FILE_NAME if file.is_dir() else file
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise StoreError(f"{file}: the plan can't be read: {error.strerror}") from None
    except ValueError as error:
        raise StoreError(f"{file}: is not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise StoreError(f"{file}: is not a plan of format {FORMAT}; write one with `datamix mix plan SPEC --out DIR`")
    try:
        loaded = plan(Mixture.model_validate(content["mixture"]), content["stock"], content["pins"])
    except (KeyError, TypeError, ValidationError, SpecError) as error:
        raise StoreError(f"{file}: is a damaged plan: {error}") from None
    if plan_hash(loaded) != content.get("hash"):
        raise StoreError(f"{file}: does not have the hash that it names; it was changed after it was made")
    if ledger(loaded) != content.get("ledger"):
        raise StoreError(
            f"{file}: comes out with other counts here: another version of datamix made it, or it was changed"
        )
    return loaded


def _spec(mixture: Mixture) -> dict[str, Any]:
    return mixture.model_dump(mode="json", exclude_none=True)


def _inputs(plan: Plan) -> dict[str, Any]:
    return {
        "mixture": _spec(plan.mixture),
        "components": list(plan.components),
        "stock": dict(plan.stock),
        "pins": dict(plan.pins),
    }


def _hash(content: Mapping[str, Any]) -> str:
    """Return blake2b of canonical JSON: sorted keys, no spaces. The components' order, their numbers, is a list."""
    ordered = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.blake2b(ordered.encode(), digest_size=16).hexdigest()
