"""The door gives what the way of queries gives, byte for byte; it only plans once."""

import time
from collections.abc import Iterator
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.preparation.bodies import list_parts
from destinations.preparation.contract import Context, Issues, Limits, Prepared
from destinations.preparation.door import EventDoor
from destinations.preparation.events import prepare
from destinations.preparation.planned import MOST
from destinations.specs import get

SPEC = get("tiktok-ads-events")
NOW = int(time.time())
CONTEXT = Context(NOW, "Europe/Berlin", "US", SPEC.limits)
WEB = {"event_source": "web", "event_source_id": "C3QEXAMPLEPIXELCODE0", "max_age_days": 28}
VALUES: dict[str, list[str | None]] = {
    "event": ["Purchase", "Custom thing", "", "x" * 60],
    "timestamp": [str(NOW - 60), "2026-01-01", str(NOW - 9 * 86_400), "soon"],
    "email": ["Ada@Example.com", "ada@@example", "Zoë@exämple.de", None],
    "phone": ["+1 213 373 4253", "2133734253", "call me", None],
    "value": ["46", "46.50", "1e3", "-1", "12 €", None],
    "currency": ["EUR", "eur", "XXX", None],
    "price": ["23.0", "2.5", None],
    "quantity": ["2", "0", None],
    "content_id": ["sku-1", 'quote"and\\', None],
    "page_url": ["https://shop.example.com/", "shop", None],
    "ip": ["192.0.2.7", "nowhere", None],
}
ROW = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})


@pytest.fixture(scope="module")
def door() -> Iterator[EventDoor]:
    door = EventDoor()
    yield door
    door.close()


def by_query(rows: list[dict[str, Any]]) -> tuple[list[str], set[tuple[Any, ...]]]:
    """Return events and issues as the preparation of a query gives them."""
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in rows[0]}
    with duckdb.connect() as con:
        con.register("given", pa.table({"_row": pa.array(range(1, len(rows) + 1), pa.int64()), **columns}))
        types = dict.fromkeys(columns, "VARCHAR")
        pieces = list(prepare(con, "given", types, spec=SPEC, settings=WEB, context=CONTEXT))
    texts = [text for piece in pieces if isinstance(piece, Prepared) for text in list_parts(piece.body, "data")[1]]
    issues = [issue for piece in pieces if isinstance(piece, Issues) for issue in piece.table.to_pylist()]
    return texts, {(each["row"] - 1, each["field"], each["reason"], each["value"], each["level"]) for each in issues}


@given(st.lists(ROW, min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_events_are_those_of_a_query(door, rows) -> None:
    rows = [row | {"event_id": f"e-{number}"} for number, row in enumerate(rows)]
    admitted = door.prepare([[row] for row in rows], spec=SPEC, settings=WEB, context=CONTEXT)
    assert (admitted.texts, set(map(tuple, admitted.issues))) == by_query(rows)


@given(st.lists(ROW, min_size=2, max_size=4))
@settings(max_examples=20, deadline=None)
def test_contents_of_an_event_are_rows_of_a_query(door, rows) -> None:
    first = {"event": "Purchase", "timestamp": str(NOW), "email": "ada@example.com", "page_url": "https://a.example/"}
    rows = [row | first | {"event_id": "e-1", "content_id": f"sku-{number}"} for number, row in enumerate(rows)]
    admitted = door.prepare([rows], spec=SPEC, settings=WEB, context=CONTEXT)
    texts, issues = by_query(rows)
    if any(level == "reject" for *_, level in issues):  # a query sends the good rows; a post is taken as a whole
        assert admitted.texts == []
    else:
        assert admitted.texts == texts


def test_identities_may_be_several(door) -> None:
    row = {"event": "Purchase", "timestamp": str(NOW), "event_id": "e", "page_url": "https://a.example/"}
    admitted = door.prepare(
        [[row | {"email": ["a@b.de", "c@d.de"]}], [row | {"email": "a@b.de"}]],
        spec=SPEC, settings=WEB, context=CONTEXT,
    )  # fmt: skip
    several, single = (orjson.loads(text)["user"]["email"] for text in admitted.texts)
    assert several[0] == single[0]
    assert len(several) == 2


def test_item_without_anything_required_is_rejected(door) -> None:
    admitted = door.prepare([[{"event_id": "e-1"}]], spec=SPEC, settings=WEB, context=CONTEXT)
    assert (admitted.texts, admitted.issues[0][2:]) == ([], ["missing_event", None, "reject"])


def test_event_larger_than_a_request_is_rejected(door) -> None:
    tight = Context(NOW, "UTC", "US", Limits(1_000, 300))
    row = {"event": "Purchase", "timestamp": str(NOW), "email": "a@b.de", "page_url": "https://a.example/"}
    items = [[row | {"event_id": "e-1"}], [row | {"event_id": "e-2", "description": "x" * 400}]]
    admitted = door.prepare(items, spec=SPEC, settings=WEB, context=tight)
    assert admitted.numbers == [0]
    assert admitted.issues == [[1, "event_id", "event_too_large", None, "reject"]]


def test_many_kinds_of_items_leave_no_statements_behind(door) -> None:
    row = {"event": "Purchase", "timestamp": str(NOW), "email": "a@b.de", "page_url": "https://a.example/"}
    for number in range(MOST + 3):
        context = Context(NOW + number, "UTC", "US", SPEC.limits)
        assert door.prepare([[row]], spec=SPEC, settings=WEB, context=context).numbers == [0]
    assert len(door._planned) == MOST
