"""States of audiences: verdicts folded into them, and what can be asked of them."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from destinations.preparation.contract import PLACED_IDS_SCHEMA, Target
from destinations.preparation.errors import PreparationError
from destinations.preparation.state import StateCounts, fold, state_counts, state_export, state_holds
from tests.benchmark.people import write_people
from tests.destinations.preparation.audience_helpers import (
    EXCEPTIONS,
    OUTCOMES,
    State,
    prepare_audience,
    read_state,
    write_state,
)

A, B, C = ((0, bytes([n]) * 32) for n in (1, 2, 3))
OLD: State = {A: (1, True), B: (2, False)}


def folded(
    work: Path,
    state: State | None,
    outcome: str,
    action: str,
    more: Sequence[Mapping[str, object]] = (),
    exceptions: Mapping[int, str] | None = None,
) -> State:
    """Fold a batch with ids B and C for persons 20 and 30, and `more` ids; `exceptions` are by position."""
    ids = [
        {"batch": 1, "position": at, "kind": kind, "digest": digest, "person": person}
        for at, ((kind, digest), person) in enumerate([(B, 20), (C, 30)])
    ]
    pq.write_table(pa.Table.from_pylist([*ids, *more], PLACED_IDS_SCHEMA), work / "ids.parquet")
    fold(
        duckdb.connect(),
        write_state(work / "old.parquet", state) if state is not None else None,
        work / "ids.parquet",
        outcomes=pa.Table.from_pylist([{"batch": 1, "action": action, "outcome": outcome}], OUTCOMES),
        exceptions=pa.Table.from_pylist(
            [{"batch": 1, "position": at, "outcome": said} for at, said in (exceptions or {}).items()], EXCEPTIONS
        ),
        result=work / "new.parquet",
    )
    return read_state(work / "new.parquet")


@pytest.mark.parametrize(
    ("action", "outcome", "after"),
    [
        ("add", "told", {A: (1, True), B: (20, True), C: (30, True)}),
        ("add", "uncertain", {A: (1, True), B: (20, False), C: (30, False)}),
        ("add", "untold", OLD),
        ("delete", "told", {A: (1, True)}),
        ("delete", "uncertain", {A: (1, True), B: (2, False), C: (30, False)}),
        ("delete", "untold", OLD),
        ("replace", "told", {B: (20, True), C: (30, True)}),
        ("replace", "uncertain", {A: (1, False), B: (20, False), C: (30, False)}),
        ("replace", "untold", OLD),
    ],
)
def test_verdict_becomes_part_of_the_state(tmp_path: Path, action: str, outcome: str, after: State) -> None:
    assert folded(tmp_path, OLD, outcome, action) == after


def test_single_positions_may_have_other_verdicts(tmp_path: Path) -> None:
    assert folded(tmp_path, OLD, "told", "add", exceptions={1: "untold"}) == {A: (1, True), B: (20, True)}


def test_relinked_ids_change_persons_only_where_they_are_present(tmp_path: Path) -> None:
    ids = [{"batch": 0, "position": 0, "kind": 0, "digest": digest, "person": 9} for _, digest in (A, C)]
    assert folded(tmp_path, OLD, "untold", "add", more=ids) == {A: (9, True), B: (2, False)}


def test_batches_of_other_targets_are_left_out(tmp_path: Path) -> None:
    ids = [{"batch": number, "position": 0, "kind": 0, "digest": A[1], "person": 9} for number in (2, 70_000)]
    assert folded(tmp_path, None, "told", "add", more=ids) == {B: (20, True), C: (30, True)}


def test_first_fold_starts_from_nothing(tmp_path: Path) -> None:
    assert folded(tmp_path, None, "told", "delete") == {}


def test_written_state_is_a_table_anybody_can_read(tmp_path: Path) -> None:
    folded(tmp_path, OLD, "told", "add")
    described = duckdb.execute(f"DESCRIBE FROM '{tmp_path}/new.parquet'").fetchall()
    assert [row[:2] for row in described] == [
        ("kind", "UTINYINT"), ("digest", "BLOB"), ("person", "UBIGINT"), ("sure", "BOOLEAN"),
    ]  # fmt: skip


def test_state_is_counted(tmp_path: Path) -> None:
    state = write_state(tmp_path / "s", OLD | {(3, bytes(32)): (1, False)})
    assert state_counts(duckdb.connect(), state) == StateCounts(2, {"EMAIL": 2, "AAID": 1}, 2)


@pytest.mark.parametrize(("kind", "held"), [("EMAIL", True), ("PHONE", False)])
def test_state_knows_what_it_holds(tmp_path: Path, kind: str, held: bool) -> None:
    state = write_state(tmp_path / "s", OLD)
    assert state_holds(duckdb.connect(), state, kind, A[1]) == held
    assert not state_holds(duckdb.connect(), state, kind, C[1])


def test_state_is_exported(tmp_path: Path) -> None:
    state_export(duckdb.connect(), write_state(tmp_path / "s", OLD), tmp_path / "csv")
    assert (tmp_path / "csv").read_text() == f"type,digest,sure\nEMAIL,{'01' * 32},true\nEMAIL,{'02' * 32},false\n"


def test_state_that_only_claims_to_be_sorted_is_told(tmp_path: Path) -> None:
    state = write_state(tmp_path / "s", {(kind, bytes([kind]) * 32): (1, True) for kind in (2, 1)})
    table = pq.read_table(state).replace_schema_metadata({"hub_order": "kind, digest", "hub_people": "1"})
    pq.write_table(table, state)
    with pytest.raises(PreparationError, match="not in order"):
        prepare_audience([{"email": "a@b.co"}], tmp_path, types=["EMAIL"], targets=[Target(1, state)])


def test_memory_does_not_grow_with_people(tmp_path: Path) -> None:
    peaks = []
    for rows in (400_000, 1_600_000):
        people = write_people(tmp_path / f"{rows}", rows)
        measure = [sys.executable, "-m", "tests.benchmark.audiences", "state", people, tmp_path / f"state-{rows}"]
        peaks.append(json.loads(subprocess.check_output(measure))["peak_mb"])
    assert peaks[1] < peaks[0] * 1.25
