"""Which plan a name means, and whether it is stale: a plan is immutable, what it was made of is not."""

from __future__ import annotations

from dataclasses import dataclass

from datamix.errors import SpecError
from datamix.mixtures.planfile import spec_hash
from datamix.pipeline.emit import find_plan
from datamix.pipeline.publication import latest_state
from datamix.pipeline.selection import document_pin, documents_hash, selected, selections, state_pins
from datamix.spec.mixture import Mixture, read_mixture
from datamix.spec.project import ProjectFile
from datamix.storage.journal import Entry
from datamix.storage.store import Store


@dataclass(frozen=True)
class PlanStatus:
    """A plan of the store.

    Args:
        plan: its hash, 32 hex digits.
        mixture: the name of its mixture.
        created: when it was made, UTC.
        file: the mixture's file, seen from the project's folder, or from the root of all where it lies outside.
        changes: how the store and the spec differ from what it was made of; a sentence each.
    """

    plan: str
    mixture: str
    created: str
    file: str
    changes: tuple[str, ...]

    @property
    def warnings(self) -> list[str]:
        """What to tell who emits it; nothing where it is up to date."""
        if not self.changes:
            return []
        return [f"the plan is stale: {'; '.join(self.changes)}. `datamix mix plan {self.file}` plans anew"]


def plan_status(file: ProjectFile, name: str) -> PlanStatus:
    """Find a plan by a beginning of its hash, or the latest one of a mixture, and compare it with what is there now.

    Raises:
        SpecError: there is none, or several hashes begin so.
    """
    store = Store.open(file.store_folder)
    entry = find_plan(store, name)
    changes = tuple(_changes(file, store, entry))
    return PlanStatus(entry["plan"], entry["ledger"]["name"], entry["created"], entry["file"], changes)


def _changes(file: ProjectFile, store: Store, entry: Entry) -> list[str]:
    changes = []
    state, pins = latest_state(store), entry["pins"]
    now = state_pins(state)
    if now["rules"] != pins["rules"]:
        changes.append("filters, deduplication or sources were changed since")
    others = [name for name in sorted({*now, *pins}) if name.startswith(("tokenizer", "model."))]
    if different := [name for name in others if now.get(name) != pins.get(name)]:
        changes.append(f"other models or tokenizers have measured since: {', '.join(different)}")
    spec = file.root / entry["file"]
    mixture = Mixture.model_validate(entry["spec"])
    try:
        conditions = selections(store, mixture, spec)
        found = {name: documents_hash(selected(store, condition)) for name, condition in conditions.items()}
        if different := [name for name, digest in found.items() if pins[document_pin(name)] != digest]:
            changes.append(f"the documents of {', '.join(different)} are others now")
        if spec.is_file() and spec_hash(read_mixture(spec)) != entry["spec_hash"]:
            changes.append(f"{spec} was changed since")
    except SpecError as error:
        changes.append(f"it could not be planned as it was: {error}")
    return changes
