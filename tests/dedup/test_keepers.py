from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.dedup.edges import Edges
from datamix.dedup.jaccard import Rows
from datamix.dedup.keepers import EXACT, NEAR, NO_DUPLICATE, Election, Signed, elect, preference_rank
from datamix.errors import SpecError
from datamix.spec.project import Preference

Case = tuple[Rows, np.ndarray, Rows, list[tuple[int, int]], Signed]


def edges_of(pairs: list[tuple[int, int]]) -> Edges:
    a, b = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    return Edges(a, b, np.full(len(pairs), 0.9, np.float32), np.zeros(len(pairs), np.bool_))


def signed_as(values: Sequence[Sequence[int]], rows: Sequence[int] | None = None, accept_from: int = 1) -> Signed:
    """Signatures of some rows, by default of the first; they agree where values do."""
    signatures = np.array(values, np.uint32).reshape(len(values), -1 if len(values) else 1)
    signatures.setflags(write=False)
    return Signed(np.array(range(len(values)) if rows is None else rows, np.int64), signatures, accept_from)


def unsigned() -> Signed:
    return signed_as(np.empty((0, 1), np.uint32))


def election(n: int, pairs: list[tuple[int, int]], signed: Signed | None = None, **changes: list[int]) -> Election:
    rank = np.array(changes.get("rank", range(n)), np.int64)
    eligible = np.array(changes.get("eligible", [1] * n), np.bool_)
    group = np.array(changes.get("group", range(n)), np.int64)
    return elect(rank, eligible, group, edges_of(pairs), signed or unsigned())


@st.composite
def cases(draw: st.DrawFn) -> Case:
    n = draw(st.integers(2, 24))
    rank = np.array(draw(st.permutations(range(n))))
    eligible = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    group = np.array(draw(st.lists(st.integers(0, n), min_size=n, max_size=n)))
    rows = st.integers(0, n - 1)
    pairs = draw(st.lists(st.tuples(rows, rows).filter(lambda pair: pair[0] < pair[1]), max_size=40))
    of_groups = draw(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=n + 1, max_size=n + 1))
    some = draw(st.lists(rows, unique=True))
    return rank, eligible, group, pairs, signed_as([of_groups[group[row]] for row in some], some, 2)


def agree(signed: Signed, group: Rows) -> Callable[[int, int], bool]:
    """Return whether the texts of two rows have signatures that agree."""
    values = {group[row]: value for row, value in zip(signed.rows.tolist(), signed.signatures, strict=True)}

    def agreed(a: int, b: int) -> bool:
        both = group[a] in values and group[b] in values
        return both and int((values[group[a]] == values[group[b]]).sum()) >= signed.accept_from

    return agreed


def plain(
    rank: Rows, eligible: np.ndarray, group: Rows, pairs: list[tuple[int, int]], signed: Signed
) -> dict[int, int]:
    """The keepers by the rule as it is written, one document after another."""
    order = sorted(range(len(rank)), key=lambda row: (not eligible[row], rank[row]))
    heads = {group[row]: row for row in reversed(order)}
    joined = {frozenset((heads[group[a]], heads[group[b]])) for a, b in pairs}
    agreed = agree(signed, group)
    keeper: dict[int, int] = {}
    for row in order:
        if heads[group[row]] == row:
            keepers = [k for k in order if keeper.get(k) == k]
            beside = {r: {k for k in keepers if frozenset((k, r)) in joined} for r in heads.values()}
            around = [r for r in heads.values() if r != row and frozenset((r, row)) in joined]
            near = beside[row] or {
                k for r in around for k in (*beside[r], keeper.get(r, row)) if k != row and agreed(k, row)
            }
            keeper[row] = next((k for k in keepers if k in near), row)
    return {row: keeper[heads[group[row]]] for row in order}


@given(cases())
@settings(max_examples=300, deadline=None)
def test_keepers_follow_the_rule(case: Case) -> None:
    rank, eligible, group, pairs, signed = case
    result = elect(rank, eligible, group, edges_of(pairs), signed)
    assert dict(enumerate(result.keeper.tolist())) == plain(*case)


@given(cases())
@settings(max_examples=200, deadline=None)
def test_what_every_election_holds(case: Case) -> None:
    rank, eligible, group, pairs, signed = case
    agreed = agree(signed, group)
    result = elect(rank, eligible, group, edges_of(pairs), signed)
    keeper, duplicate = result.keeper, result.duplicate
    joined = {frozenset((group[a], group[b])) for a, b in pairs}
    kept = eligible & (duplicate == NO_DUPLICATE)
    assert (keeper[keeper] == keeper).all()
    assert (duplicate[~eligible] == NO_DUPLICATE).all()
    for row in range(len(rank)):
        mine, its = group[row], group[keeper[row]]
        assert mine == its or frozenset((mine, its)) in joined or agreed(row, keeper[row])
        assert kept[row] == (eligible[row] and keeper[row] == row)
        if duplicate[row] == NEAR:
            assert mine != its
            assert not any(eligible[r] and group[r] == mine and rank[r] < rank[row] for r in range(len(rank)))
        if duplicate[row] == EXACT:
            assert any(eligible[r] and group[r] == mine and rank[r] < rank[row] for r in range(len(rank)))
        if eligible[row]:
            assert kept[keeper[row]]
    for a, b in pairs:
        assert group[a] == group[b] or not (kept[a] and kept[b])
    assert len(set(group[kept].tolist())) == kept.sum()


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_and_edges_changes_nothing(case: Case, random: object) -> None:
    rank, eligible, group, pairs, signed = case
    expected = elect(rank, eligible, group, edges_of(pairs), signed)
    for _ in range(20):
        place = list(range(len(rank)))
        random.shuffle(place)  # type: ignore[attr-defined]
        at = np.array(place)
        back = np.argsort(at)
        moved = [(int(back[b]), int(back[a])) for a, b in reversed(pairs)]
        rows = signed.rows[::-1]
        also = signed_as(signed.signatures[::-1], back[rows].tolist(), 2)
        shuffled = elect(rank[at], eligible[at], group[at] * 3 + 1, edges_of(moved), also)
        np.testing.assert_array_equal(at[shuffled.keeper], expected.keeper[at])
        np.testing.assert_array_equal(shuffled.duplicate, expected.duplicate[at])


def test_chains_are_split() -> None:
    result = election(5, [(0, 1), (1, 2), (2, 3), (3, 4)])
    assert result.keeper.tolist() == [0, 0, 2, 2, 4]
    assert result.duplicate.tolist() == [NO_DUPLICATE, NEAR, NO_DUPLICATE, NEAR, NO_DUPLICATE]


def test_chains_of_documents_that_were_not_all_compared_are_split_by_their_signatures() -> None:
    chain = [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert election(5, chain, signed_as([[1], [1], [1], [1], [1]])).keeper.tolist() == [0, 0, 0, 0, 0]
    assert election(5, chain, signed_as([[1], [1], [2], [2], [2]])).keeper.tolist() == [0, 0, 2, 2, 2]
    assert election(5, chain, signed_as([[1], [1], [1]], [0, 1, 4])).keeper.tolist() == [0, 0, 2, 2, 4]


def test_a_keeper_is_found_by_way_of_a_document_that_is_less_preferred_or_dropped() -> None:
    same = signed_as([[1], [1], [1]])
    assert election(3, [(0, 2), (1, 2)], same).keeper.tolist() == [0, 0, 0]
    assert election(3, [(0, 2), (1, 2)], same, eligible=[1, 1, 0]).duplicate.tolist() == [
        NO_DUPLICATE,
        NEAR,
        NO_DUPLICATE,
    ]
    assert election(3, [(0, 2), (1, 2)], signed_as([[1], [2], [1]])).keeper.tolist() == [0, 1, 0]


def test_an_edge_goes_before_a_more_preferred_keeper_two_edges_away() -> None:
    assert election(4, [(0, 3), (1, 2), (2, 3)], signed_as([[1], [2], [1], [1]])).keeper.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize(("alike", "found"), [(0, True), (63, True), (64, False), (69, False)])
def test_of_a_neighbour_s_keepers_64_are_tried(alike: int, found: bool) -> None:
    # 70 keepers and document 70 all have an edge to the dropped document 71 only.
    values = [[row] for row in range(72)]
    values[70] = [alike]
    result = election(72, [(row, 71) for row in range(71)], signed_as(values), eligible=[1] * 71 + [0])
    assert result.keeper[:71].tolist() == [*range(70), alike if found else 70]


def test_the_most_preferred_keeper_is_joined() -> None:
    assert election(3, [(0, 2), (1, 2)]).keeper.tolist() == [0, 1, 0]
    assert election(3, [(0, 2), (1, 2)], rank=[1, 0, 2]).keeper.tolist() == [0, 1, 1]


def test_a_dropped_leader_leaves_its_members_to_elect_another() -> None:
    result = election(3, [(0, 1), (0, 2), (1, 2)], eligible=[0, 1, 1])
    assert result.keeper.tolist() == [1, 1, 1]
    assert result.duplicate.tolist() == [NO_DUPLICATE, NO_DUPLICATE, NEAR]


def test_equal_texts_count_as_one() -> None:
    result = election(4, [(1, 3)], group=[7, 3, 3, 7], eligible=[0, 1, 1, 1])
    assert result.keeper.tolist() == [1, 1, 1, 1]
    assert result.duplicate.tolist() == [NO_DUPLICATE, NO_DUPLICATE, EXACT, NEAR]


def test_what_is_not_eligible_still_forms_clusters() -> None:
    assert election(3, [(0, 1)], eligible=[0, 0, 1]).keeper.tolist() == [0, 0, 2]


def test_nothing_to_elect() -> None:
    assert len(election(0, []).keeper) == 0


def test_preference_rank() -> None:
    columns = pl.DataFrame(
        {
            "text_hash": [b"b", b"a", b"a", b"z", b"c", b"d"],
            "doc_id": [b"1", b"3", b"2", b"4", b"5", b"6"],
            "quality": [0.5, 0.9, 0.9, None, float("nan"), 0.5],
            "words": [10, 10, 10, 99, 99, 20],
        }
    )
    by_quality = [Preference(column="quality", descending=True), Preference(column="words", descending=False)]
    assert preference_rank(columns, by_quality).tolist() == [2, 1, 0, 5, 4, 3]
    assert preference_rank(columns, []).tolist() == [2, 1, 0, 5, 3, 4]
    assert preference_rank(columns, []).dtype == np.int64
    with pytest.raises(SpecError, match="did you mean 'words'"):
        preference_rank(columns, [Preference(column="word", descending=True)])
