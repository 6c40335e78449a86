"""Cutting events into bodies and bodies into parts; stopping early; what the engine cannot read."""

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pytest

from destinations.preparation.bodies import Cutter, body_times
from destinations.preparation.contract import Context, Issues, Limits, Prepared
from destinations.preparation.errors import NoRoomError, PreparationError, engine_errors
from destinations.preparation.events import body_events, body_slice, prepare
from destinations.specs.events import SPEC
from tests.destinations.preparation.helpers import (
    NOW,
    collected,
    default_settings,
    good_row,
    prepare_rows,
    prepare_table,
    table_of,
)

COLUMNS = {"event": "VARCHAR", "event_id": "VARCHAR", "timestamp": "VARCHAR", "email": "VARCHAR"}


def cut(texts: list[str], limits: Limits, batches: int = 1) -> list[Prepared | Issues]:
    cutter = Cutter(b"[", limits)
    pieces: list[Prepared | Issues] = []
    for part in np.array_split(np.arange(len(texts)), batches):
        array = pa.array([texts[index] + "," for index in part], pa.string())
        pieces += cutter.add(array, np.arange(len(part)), part + 1)
    return [*pieces, *cutter.flush()]


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_bodies_hold_as_many_events_as_fit(batches: int) -> None:
    pieces = cut(["aaaa", "bb", "cc", "dddddd", "e"], Limits(3, 11), batches)
    assert [piece.body for piece in pieces if isinstance(piece, Prepared)] == [b"[aaaa,bb]}", b"[cc]}", b"[dddddd,e]}"]


def test_bodies_are_numbered_from_one() -> None:
    pieces = cut(["a"] * 5, Limits(2, 100))
    assert [piece.number for piece in pieces if isinstance(piece, Prepared)] == [1, 2, 3]


def test_event_larger_than_a_request_is_rejected() -> None:
    issues = [piece for piece in cut(["a", "x" * 20, "b"], Limits(10, 12)) if isinstance(piece, Issues)]
    assert [issue.table.column("row").to_pylist() for issue in issues] == [[2]]


def test_request_stays_within_its_bytes() -> None:
    rows = [good_row(event_id=str(n), description="x" * (n % 900)) for n in range(400)]
    outcome = prepare_rows(rows, limits=Limits(1000, 20_000))
    assert max(map(len, outcome.bodies)) <= 20_000
    assert len(outcome.events) == 400


def test_too_large_event_is_rejected_with_all_its_rows() -> None:
    rows = [good_row(content_name="x" * 900, content_id=str(n)) for n in range(10)] + [good_row(event_id="2")]
    outcome = prepare_rows(rows, limits=Limits(1000, 5_000))
    assert outcome.reasons == [(n, "event_too_large", "reject") for n in range(1, 11)]
    assert outcome.event["event_id"] == "2"


def test_slice_of_a_body_keeps_the_bytes_of_its_events() -> None:
    rows = [good_row(event_id=f'{n}]}},{{"\u2028', price="0.0000001", quantity=n + 1) for n in range(5)]
    (body,) = prepare_rows(rows).bodies
    part = body_slice(body, [1, 3])
    assert orjson.loads(part)["data"] == [orjson.loads(body)["data"][n] for n in (1, 3)]
    assert b'"price":0.0000001' in part
    assert body_slice(body, range(5)) == body


def test_events_of_a_body_are_counted() -> None:
    (body,) = prepare_rows([good_row(event_id=str(n)) for n in range(7)]).bodies
    assert body_events(body) == 7


def test_preparation_can_be_stopped_early() -> None:
    con = duckdb.connect()
    rows = 300_000
    con.execute(
        f"""CREATE TABLE rows AS SELECT i + 1 AS _row, 'Lead' AS event, i::VARCHAR AS event_id,
        '2026-03-01' AS timestamp, 'a@example.com' AS email FROM range({rows}) t(i)"""
    )
    context = Context(NOW, "UTC", None, SPEC.limits)
    pieces = prepare(con, "rows", COLUMNS, spec=SPEC, settings=default_settings("offline"), context=context)
    next(piece for piece in pieces if isinstance(piece, Prepared))
    pieces.close()
    again = prepare(con, "rows", COLUMNS, spec=SPEC, settings=default_settings("offline"), context=context)
    assert sum(piece.events for piece in again if isinstance(piece, Prepared)) == rows


def test_engine_s_error_is_told_without_a_row_s_value() -> None:
    con = duckdb.connect()
    relation = (
        "(SELECT 1 AS _row, 'Lead' AS event, error('jane@example.com') AS email, '1' AS timestamp, '1' AS event_id)"
    )
    context = Context(NOW, "UTC", None, SPEC.limits)
    with pytest.raises(PreparationError) as caught:
        collected(prepare(con, relation, COLUMNS, spec=SPEC, settings=default_settings("offline"), context=context))
    assert "jane" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_unknown_time_zone_is_told() -> None:
    with pytest.raises(PreparationError, match="Mars/Olympus"):
        prepare_rows([good_row()], time_zone="Mars/Olympus")


def test_times_of_events_are_read_and_no_text_is_taken_for_one() -> None:
    rows = [good_row(event_id=str(n), description='"event_time":1 \\"event_time":2,"event_time"') for n in range(3)]
    [body] = prepare_rows(rows).bodies
    assert body_times(body).tolist() == [event["event_time"] for event in orjson.loads(body)["data"]]


def test_full_disk_is_told_from_other_errors_of_the_engine() -> None:
    with pytest.raises(NoRoomError), engine_errors():
        raise duckdb.IOException('Could not write file "spill": No space left on device')
    with pytest.raises(PreparationError, match="IOException") as caught, engine_errors():
        raise duckdb.IOException("Could not read file")
    assert not isinstance(caught.value, NoRoomError)


def test_column_that_cannot_be_sent_is_told() -> None:
    table = table_of([good_row()]).append_column("order_id", pa.array([{"a": 1}]))
    with pytest.raises(PreparationError, match="order_id"):
        prepare_table(table)


def test_missing_event_source_id_is_told() -> None:
    with pytest.raises(PreparationError, match="event_source_id"):
        prepare_rows([good_row()], event_source_id=None)
