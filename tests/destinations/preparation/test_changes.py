"""Changes posted one by one: what is sent of them together is what they would come to one after another."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.preparation.changes import changes_batch, prepare_changes
from destinations.preparation.contract import Context, Limits, Target
from destinations.preparation.errors import PreparationError
from tests.destinations.preparation.audience_helpers import (
    Declared,
    Id,
    Made,
    State,
    fold_made,
    gathered,
    positions_of,
    read_state,
    write_state,
)
from tests.destinations.preparation.helpers import NOW

KINDS = ("email", "phone")
Change = tuple[str, dict[str, int]]
"""An action, and a number for each id type that stands for a digest."""


def digest(kind: int, number: int) -> bytes:
    return bytes([kind * 16 + number]) * 32


def ids_of(change: Change) -> list[Id]:
    return [(KINDS.index(kind), digest(KINDS.index(kind), number)) for kind, number in change[1].items()]


def prepared(
    changes: Sequence[Change], work: Path, *targets: Target, most: int = 1_000, first: int = 1, **more: object
) -> Made:
    """Prepare changes, the first of which is row `first`."""
    written = [
        {"action": action, **{kind: digest(KINDS.index(kind), number).hex() for kind, number in ids.items()}}
        for action, ids in changes
    ]
    context = Context(NOW, "UTC", None, Limits(most, 1_000_000), targets or (Target(1, None),), "changes", work)
    merged = {"user_id_types": ["EMAIL", "PHONE"], **more}
    batch = changes_batch(written, range(first, first + len(changes)))
    with duckdb.connect() as con:
        return gathered(prepare_changes(con, [batch], spec=Declared(), settings=merged, context=context))


def sent(made: Made, action: str, target: int = 1) -> set[Id]:
    """The ids that requests of a target add or delete."""
    numbers = {request.number for request in made.of(action, target)}
    return {(row["kind"], bytes(row["digest"])) for row in made.ids.to_pylist() if row["batch"] in numbers}


def one_by_one(told: set[Id], changes: Iterable[Change]) -> set[Id]:
    """Apply changes in their order."""
    for change in changes:
        told = told - set(ids_of(change)) if change[0] == "remove" else told | set(ids_of(change))
    return told


ids = st.dictionaries(st.sampled_from(KINDS), st.integers(0, 5), min_size=1)
change = st.tuples(st.sampled_from(["add", "remove"]), ids)


@settings(max_examples=30, deadline=None)
@given(flushes=st.lists(st.lists(change, min_size=1, max_size=12), min_size=1, max_size=3))
def test_flushes_come_to_the_same_as_changes_one_by_one(flushes: list[list[Change]]) -> None:
    with TemporaryDirectory() as folder:
        work, state, told = Path(folder), None, set[Id]()
        for changes in flushes:
            made = prepared(changes, work, Target(1, state))
            assert not sent(made, "add") & sent(made, "delete")
            rows = made.tallies[None]["rows_in_people"]
            assert rows + sum(level == "duplicate" for *_, level in made.reasons) == len(changes)
            state, counts = fold_made(made, work, state, {})
            before, told = len(told), one_by_one(told, changes)
            assert set(read_state(state)) == told
            counted = made.tallies[1]
            assert counted["ids_added"] - counted["ids_removed"] == len(told) - before
            assert counts.ids == {kind: n for kind, n in _by_kind(told).items() if n}


def _by_kind(told: set[Id]) -> dict[str, int]:
    return {name.upper(): sum(kind == number for kind, _ in told) for number, name in enumerate(KINDS)}


def test_the_last_change_of_an_id_decides(tmp_path: Path) -> None:
    both, email = {"email": 1, "phone": 1}, {"email": 1}
    made = prepared([("add", both), ("remove", email), ("add", {"email": 2}), ("remove", {"email": 2})], tmp_path)
    assert sent(made, "add") == {(1, digest(1, 1))}
    assert sent(made, "delete") == {(0, digest(0, 1)), (0, digest(0, 2))}
    assert made.reasons == [(3, "superseded_change", "duplicate")]


def test_removes_leave_before_adds(tmp_path: Path) -> None:
    made = prepared([("add", {"email": 1}), ("remove", {"email": 2})], tmp_path)
    assert [(request.action, request.phase) for request in made.requests] == [("delete", 1), ("add", 2)]
    assert made.rows.to_pydict() == {"batch": [1, 2], "position": [0, 0], "row": [2, 1]}


def test_only_adds_that_are_not_told_are_sent_but_every_remove(tmp_path: Path) -> None:
    told: State = {(0, digest(0, 1)): (1, True), (0, digest(0, 2)): (2, False)}
    target = Target(1, write_state(tmp_path / "state", told))
    made = prepared([*(("add", {"email": n}) for n in (1, 2, 3)), ("remove", {"email": 4})], tmp_path, target)
    assert sent(made, "add") == {(0, digest(0, 2)), (0, digest(0, 3))}
    assert sent(made, "delete") == {(0, digest(0, 4))}
    counts = made.tallies[1]
    assert [counts[name] for name in ("before", "added", "removed", "unchanged", "after")] == [2, 1, 0, 2, 3]


def test_removed_people_are_counted(tmp_path: Path) -> None:
    told: State = {(0, digest(0, n)): (n, True) for n in range(4)}
    target = Target(1, write_state(tmp_path / "state", told))
    made = prepared([("remove", {"email": 0}), ("remove", {"email": 9}), ("add", {"email": 8})], tmp_path, target)
    counts = made.tallies[1]
    assert [counts[name] for name in ("before", "added", "removed", "unchanged", "after")] == [4, 1, 1, 3, 4]


def test_audience_that_is_gone_is_filled_with_those_who_stay(tmp_path: Path) -> None:
    told: State = {(0, digest(0, n)): (n, True) for n in range(4)}
    target = Target(1, write_state(tmp_path / "state", told), anew=True)
    made = prepared([("remove", {"email": 0}), ("add", {"email": 1}), ("add", {"email": 7})], tmp_path, target)
    assert not made.of("delete")
    assert sent(made, "add") == {(0, digest(0, n)) for n in (1, 2, 3, 7)}


def test_each_target_gets_what_it_lacks(tmp_path: Path) -> None:
    told: State = {(0, digest(0, 1)): (1, True)}
    targets = (Target(1, write_state(tmp_path / "state", told)), Target(2, None))
    made = prepared([("add", {"email": 1}), ("remove", {"email": 2})], tmp_path, *targets)
    assert [sent(made, "add", number) for number in (1, 2)] == [set(), {(0, digest(0, 1))}]
    assert [len(made.of("delete", number)) for number in (1, 2)] == [1, 1]


@pytest.mark.parametrize(("own", "most", "sizes"), [(5_000, 2, [2, 2, 1]), (3, 1_000, [3, 2])])
def test_requests_hold_no_more_people_than_stream_and_destination_allow(
    tmp_path: Path, own: int, most: int, sizes: list[int]
) -> None:
    made = prepared([("add", {"email": n}) for n in range(5)], tmp_path, most=most, people_per_request=own)
    assert [len(positions_of(request)) for request in made.requests] == sizes


def test_change_without_a_selected_id_is_rejected(tmp_path: Path) -> None:
    made = prepared([("add", {"phone": 1}), ("add", {"email": 1})], tmp_path, first=7, user_id_types=["EMAIL"])
    assert made.reasons == [(7, "missing_identity", "reject")]
    assert made.rows.to_pydict()["row"] == [8]


def test_repeated_add_is_a_duplicate(tmp_path: Path) -> None:
    made = prepared([("add", {"email": 1})] * 3, tmp_path)
    assert made.reasons == [(row, "duplicate_person", "duplicate") for row in (2, 3)]
    assert positions_of(made.requests[0]) == [[digest(0, 1).hex(), None]]


def test_file_audiences_take_no_changes(tmp_path: Path) -> None:
    with pytest.raises(PreparationError, match="Choose the streaming transport"):
        prepared([("add", {"email": 1})], tmp_path, transport="file")


def test_equal_changes_give_equal_requests(tmp_path: Path) -> None:
    changes = [("add" if number % 3 else "remove", {"email": number, "phone": number}) for number in range(16)]
    first, second = prepared(changes, tmp_path), prepared(changes, tmp_path)
    assert first.bodies == second.bodies
    assert all(before < after for before, after in pairwise(request.number for request in first.requests))
