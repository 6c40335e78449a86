"""Requests of audiences: how they are cut, numbered and phased, for one target and for several."""

import hashlib
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pytest

from destinations.preparation.audiences import body_addressed, body_slice, prepare
from destinations.preparation.contract import Context, Limits, Prepared, Progress, Target
from destinations.preparation.errors import PreparationError
from tests.benchmark.audience_reference import AudienceRules, read
from tests.destinations.preparation.audience_helpers import (
    LIMITS,
    Declared,
    Made,
    fold_made,
    gathered,
    positions_of,
    prepare_audience,
    read_state,
    write_state,
)
from tests.destinations.preparation.helpers import NOW


def emails(start: int, stop: int) -> pa.Table:
    return pa.table({"email": [f"user{number}@example.com" for number in range(start, stop)]})


def told(work: Path, table: pa.Table, **more: object) -> Path:
    """A state in which everything of a table was told."""
    state, _ = fold_made(prepare_audience(table, work, **more), work, None, {})  # type: ignore[arg-type]
    return state


def kinds_and_phases(made: Made) -> list[tuple[str, str, int, int]]:
    return [(request.kind, request.action, request.phase, request.events) for request in made.requests]


@pytest.mark.parametrize(("most", "sizes"), [(5_000, [5_000, 5_000, 1]), (10_000, [8_694, 1_307]), (1, [1] * 10_001)])
def test_requests_hold_so_many_people_and_at_most_a_megabyte(tmp_path: Path, most: int, sizes: list[int]) -> None:
    made = prepare_audience(emails(0, 10_001), tmp_path, types=["EMAIL"], people_per_request=most)
    assert [request.events for request in made.requests] == sizes
    assert max(map(len, made.bodies)) <= 1_000_000


def test_a_request_ends_right_at_the_limit(tmp_path: Path) -> None:
    exact = len(prepare_audience(emails(0, 3), tmp_path, types=["EMAIL"]).body)
    for limit, sizes in ((exact, [3]), (exact - 1, [2, 1])):
        made = prepare_audience(emails(0, 3), tmp_path, types=["EMAIL"], limits=Limits(10, limit))
        assert [request.events for request in made.requests] == sizes


def test_ids_that_do_not_fit_into_a_request_are_told(tmp_path: Path) -> None:
    with pytest.raises(PreparationError, match="do not fit"):
        prepare_audience(emails(0, 1), tmp_path, types=["EMAIL"], limits=Limits(10, 100))


def test_rows_and_positions_of_later_requests_are_found(tmp_path: Path) -> None:
    made = prepare_audience(emails(0, 70_000), tmp_path, types=["EMAIL"], people_per_request=3_000)
    rows = made.rows.to_pydict()
    assert rows["row"] == list(range(1, 70_001))
    assert rows["batch"] == [1 + n // 3_000 for n in range(70_000)]
    assert rows["position"] == [n % 3_000 for n in range(70_000)]
    digest = hashlib.sha256(b"user65999@example.com").hexdigest()
    assert positions_of(made.requests[21])[2_999] == [digest]


def test_what_goes_leaves_before_what_comes(tmp_path: Path) -> None:
    state = told(tmp_path, emails(0, 4), types=["EMAIL"])
    made = prepare_audience(emails(2, 7), tmp_path, types=["EMAIL"], targets=[Target(1, state)])
    assert kinds_and_phases(made) == [("mapping", "delete", 1, 2), ("mapping", "add", 2, 3)]


def test_files_are_appended_before_others_are_removed(tmp_path: Path) -> None:
    state = told(tmp_path, emails(0, 4), types=["EMAIL"])
    made = prepare_audience(
        emails(2, 7), tmp_path, types=["EMAIL"], targets=[Target(1, state)], transport="file", file_part_bytes=130
    )
    assert kinds_and_phases(made) == [
        ("upload", "", 1, 0), ("upload", "", 1, 0), ("apply", "add", 2, 3),
        ("upload", "", 3, 0), ("apply", "delete", 4, 2),
    ]  # fmt: skip
    assert [orjson.loads(made.bodies[at]) for at in (2, 4)] == [
        {"action": "APPEND", "calculate_type": "EMAIL_SHA256", "uploads": [1, 2]},
        {"action": "REMOVE", "calculate_type": "EMAIL_SHA256", "uploads": [4]},
    ]


def test_replacement_is_one_update_with_everybody(tmp_path: Path) -> None:
    state = told(tmp_path, emails(0, 4), types=["EMAIL"])
    target = [Target(1, state)]
    made = prepare_audience(emails(2, 7), tmp_path, types=["EMAIL"], targets=target, transport="file", mode="replace")
    assert kinds_and_phases(made) == [("upload", "", 1, 0), ("apply", "replace", 2, 5)]
    after, _ = fold_made(made, tmp_path, state, {})
    assert len(read_state(after)) == 5


def test_parts_of_files_hold_whole_lines_and_the_header(tmp_path: Path) -> None:
    made = prepare_audience(emails(0, 3_000), tmp_path, transport="file", file_part_bytes=10_000)
    parts = made.bodies[:-1]
    assert all(9_000 < len(part) <= 10_000 for part in parts[:-1])
    assert all(part.startswith(b"email_SHA256,phone_SHA256\n") and part.endswith(b",\n") for part in parts)
    assert len({line for part in parts for line in part.split(b"\n")[1:-1]}) == 3_000


def test_person_with_two_kinds_of_devices_has_two_lines(tmp_path: Path) -> None:
    row = {"email": "aa" * 32, "idfa": "bb" * 32, "aaid": "cc" * 32}
    made = prepare_audience([row], tmp_path, types=["EMAIL", "IDFA", "AAID"], transport="file")
    assert made.bodies[0].decode() == f"email_SHA256,MAID_SHA256\n{'aa' * 32},{'bb' * 32}\n,{'cc' * 32}\n"


def test_file_audience_with_ids_of_other_types_is_refused(tmp_path: Path) -> None:
    state = told(tmp_path, pa.table({"email": ["a@b.co"], "phone": ["+33612345678"]}))
    with pytest.raises(PreparationError, match="types that are not selected"):
        prepare_audience(emails(0, 1), tmp_path, types=["EMAIL"], targets=[Target(1, state)], transport="file")


def test_ids_of_types_not_selected_any_more_leave_a_streaming_audience(tmp_path: Path) -> None:
    row = pa.table({"email": ["a@b.co"], "phone": ["+33612345678"]})
    made = prepare_audience(row, tmp_path, types=["EMAIL"], targets=[Target(1, told(tmp_path, row))])
    assert b'"id_schema":["EMAIL_SHA256","PHONE_SHA256"],"batch_data":[[{},{"id":"42d573cf' in made.body
    assert made.tallies[1]["removed"] == 0


def test_targets_have_requests_of_their_own_with_ascending_numbers(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, second = told(tmp_path, emails(0, 4), types=["EMAIL"]), tmp_path / "other" / "state.parquet"
    write_state(second, {(0, hashlib.sha256(b"user9@example.com").digest()): (7, True)})
    targets = [Target(1, first), Target(2, second), Target(5, None)]
    made = prepare_audience(emails(2, 6), tmp_path, types=["EMAIL"], targets=targets)
    assert [(r.number, r.target, r.action, r.events) for r in made.requests] == [
        (1, 1, "delete", 2), (2, 1, "add", 2), (3, 2, "delete", 1), (4, 2, "add", 4), (5, 5, "add", 4),
    ]  # fmt: skip
    assert [made.tallies[number]["before"] for number in (1, 2, 5)] == [4, 1, 0]
    for number, state in ((1, first), (2, second), (5, None)):
        after, counts = fold_made(made, tmp_path, state, {}, target=number)
        assert (len(read_state(after)), counts.people) == (4, 4)


def test_states_of_the_same_name_are_kept_apart(tmp_path: Path) -> None:
    digests = [hashlib.sha256(f"user{n}@example.com".encode()).digest() for n in (8, 9)]
    targets = []
    for number, digest in enumerate(digests, 1):
        (tmp_path / str(number)).mkdir()
        targets.append(Target(number, write_state(tmp_path / str(number) / "s.parquet", {(0, digest): (7, True)})))
    made = prepare_audience(emails(0, 1), tmp_path, types=["EMAIL"], targets=targets)
    assert [positions_of(made.of("delete", n)[0]) for n in (1, 2)] == [[[digest.hex()]] for digest in digests]


def test_person_who_loses_one_of_two_ids_stays(tmp_path: Path) -> None:
    both = pa.table({"email": ["a@b.co"], "phone": ["+33612345678"]})
    fewer = pa.table({"email": ["a@b.co"], "phone": pa.array([None], pa.string())})
    made = prepare_audience(fewer, tmp_path, targets=[Target(1, told(tmp_path, both))])
    assert kinds_and_phases(made) == [("mapping", "delete", 1, 1)]
    assert made.tallies[1] == {
        "before": 1, "added": 0, "removed": 0, "unchanged": 1, "after": 1, "ids_added": 0, "ids_removed": 1,
    }  # fmt: skip


def test_person_with_several_ids_of_a_type_has_several_positions(tmp_path: Path) -> None:
    state = write_state(tmp_path / "s", {(kind, bytes([n]) * 32): (5, True) for kind in (0, 1) for n in (1, 2, 3)})
    made = prepare_audience(
        emails(0, 0).cast(pa.schema([("email", pa.string())])), tmp_path, targets=[Target(1, state)]
    )
    assert positions_of(made.requests[0]) == [[f"0{n}" * 32, f"0{n}" * 32] for n in (1, 2, 3)]


def test_unsure_ids_are_told_again(tmp_path: Path) -> None:
    made = prepare_audience(emails(0, 2), tmp_path, types=["EMAIL"])
    state, counts = fold_made(made, tmp_path, None, {1: "uncertain"})
    assert counts.unsure == 2
    again = prepare_audience(emails(0, 2), tmp_path, types=["EMAIL"], targets=[Target(1, state)])
    assert again.bodies == made.bodies
    assert again.tallies[1]["added"] == 0


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    state = told(tmp_path, emails(0, 3_000), types=["EMAIL"])
    bodies = [
        prepare_audience(emails(1_000, 5_000), tmp_path, types=["EMAIL"], targets=[Target(1, state)]).bodies
        for _ in range(2)
    ]
    assert bodies[0] == bodies[1]


def test_slice_of_a_body_keeps_the_bytes_of_its_positions(tmp_path: Path) -> None:
    body = prepare_audience(emails(0, 5), tmp_path, types=["EMAIL"]).body
    data = orjson.loads(body)["batch_data"]
    assert orjson.loads(body_slice(body, [1, 3]))["batch_data"] == [data[1], data[3]]
    assert body_slice(body, range(5)) == body


def test_addressed_body_is_as_long_as_its_template(tmp_path: Path) -> None:
    body = prepare_audience(emails(0, 5), tmp_path, types=["EMAIL"]).body
    sent = body_addressed(body, advertiser_id="7" * 19, audience_id="1" * 19)
    assert len(sent) == len(body)
    assert orjson.loads(sent)["advertiser_ids"] == ["7" * 19]
    assert sent.count(b"1" * 19) == 5


def test_one_email_in_very_many_rows_is_one_person(tmp_path: Path) -> None:
    con = duckdb.connect(config={"threads": 2, "memory_limit": "300MB", "temp_directory": str(tmp_path)})
    size = 1_200_000
    relation = (
        f"(SELECT i + 1 AS _row, 'nobody@example.com' AS email, '+' || (33600000000 + i % {size - 7}) AS phone"
        f" FROM range({size}) t(i))"
    )
    context = Context(NOW, "UTC", None, LIMITS, (Target(1, None),), "mirror", tmp_path)
    settings = {"user_id_types": ["EMAIL", "PHONE"]}
    columns = {"email": "VARCHAR", "phone": "VARCHAR"}
    made = gathered(prepare(con, relation, columns, spec=Declared(), settings=settings, context=context))
    counts = made.tallies[None]
    assert (counts["people"], counts["rows_in_people"], len(made.issues)) == (1, size - 7, 7)
    assert sum(request.events for request in made.requests) == size - 7
    assert made.ids.num_rows == 2 * (size - 7)


def test_ids_of_others_keep_their_persons_over_many_rows(tmp_path: Path) -> None:
    size = 150_000
    rows = [
        {"email": f"user{n}@example.com", "phone": f"+336{n % 40_000:08}" if n % 3 else None} for n in range(size)
    ]  # fmt: skip
    made = prepare_audience(pa.Table.from_pylist(rows), tmp_path)
    wanted = read(rows, AudienceRules())
    found = made.ids.filter(pa.compute.greater(made.ids["kind"], 0)).to_pylist()
    assert all(wanted.person(wanted.owner[1, row["digest"]]) == row["person"] for row in found)
    assert made.tallies[None]["people"] == size


def test_preparation_can_be_stopped_early(tmp_path: Path) -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE rows AS SELECT i + 1 AS _row, i || '@b.co' AS email FROM range(300_000) t(i)")
    context = Context(NOW, "UTC", None, LIMITS, (Target(1, None),), "mirror", tmp_path)
    settings = {"user_id_types": ["EMAIL"]}
    for kind in (Progress, Prepared):
        pieces = prepare(con, "rows", {"email": "VARCHAR"}, spec=Declared(), settings=settings, context=context)
        next(piece for piece in pieces if isinstance(piece, kind))
        pieces.close()
        assert list(tmp_path.iterdir()) == []
    made = gathered(prepare(con, "rows", {"email": "VARCHAR"}, spec=Declared(), settings=settings, context=context))
    assert sum(request.events for request in made.requests) == 300_000


def test_engine_s_error_is_told_without_a_row_s_value(tmp_path: Path) -> None:
    relation = "(SELECT 1 AS _row, error('jane@example.com') AS email)"
    context = Context(NOW, "UTC", None, LIMITS, (Target(1, None),), "mirror", tmp_path)
    settings = {"user_id_types": ["EMAIL"]}
    with pytest.raises(PreparationError) as caught:
        list(
            prepare(
                duckdb.connect(), relation, {"email": "VARCHAR"}, spec=Declared(), settings=settings, context=context
            )
        )
    assert "jane" not in str(caught.value)
    assert caught.value.__cause__ is None
