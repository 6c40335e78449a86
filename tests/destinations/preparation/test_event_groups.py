"""Item rows become events; ids are made where there are none."""

import hashlib

import pytest

from tests.destinations.preparation.helpers import SET, good_row, prepare_rows


def items(*columns: dict[str, object]) -> list[dict[str, object]]:
    return [good_row(**row) for row in columns]


def test_rows_with_one_event_and_id_are_one_event() -> None:
    rows = items({"content_id": "a", "price": "0.1"}, {"content_id": "b", "price": "0.2", "quantity": 2})
    outcome = prepare_rows(rows)
    assert outcome.event["properties"] == {
        "contents": [{"content_id": "a", "price": 0.1}, {"content_id": "b", "price": 0.2, "quantity": 2}],
        "content_type": "product",
        "currency": "USD",
        "value": 0.5,
    }
    assert outcome.rows == [[(0, 1), (0, 2)]]


def test_other_event_with_the_same_id_is_another_event() -> None:
    outcome = prepare_rows(items({"event": "Purchase"}, {"event": "Lead"}, {"event": "Purchase", "order_id": "1"}))
    assert [event["event"] for event in outcome.events] == ["Purchase", "Lead"]


def test_scattered_rows_stand_where_their_first_row_stands() -> None:
    ids = ["a", "b", "a", "c", "b", "a"]
    outcome = prepare_rows([good_row(event_id=x, content_id=str(n)) for n, x in enumerate(ids)], threads=2)
    assert [event["event_id"] for event in outcome.events] == ["a", "b", "c"]
    assert outcome.rows == [[(0, 1), (0, 3), (0, 6), (1, 2), (1, 5), (2, 4)]]


def test_user_comes_from_the_first_row_that_has_it() -> None:
    rows = items({"email": None, "content_id": "a"}, {"phone": "+12133734253"}, {"email": "b@example.com"})
    event = prepare_rows(rows).event
    assert event["user"]["email"] == [hashlib.sha256(b"a@example.com").hexdigest()]
    assert len(event["user"]["phone"]) == 1


def test_value_comes_from_the_first_row_that_has_it() -> None:
    rows = items({"price": 1}, {"price": 1, "value": 9}, {"price": 1, "value": 8})
    assert prepare_rows(rows).event["properties"]["value"] == 9


def test_bad_item_rejects_only_its_row() -> None:
    rows = items({"content_id": "a", "price": 1}, {"content_id": "b", "price": "one"}, {"content_id": "c", "price": 2})
    outcome = prepare_rows([{**row, "price": str(row["price"])} for row in rows])
    assert outcome.reasons == [(2, "bad_number", "reject")]
    assert outcome.event["properties"]["value"] == 3
    assert outcome.rows == [[(0, 1), (0, 3)]]


def test_equal_rows_count_once() -> None:
    rows = items({"price": 5}, {"price": 5}, {"price": 5, "quantity": 2})
    outcome = prepare_rows([rows[0], rows[1], rows[2]])
    assert outcome.reasons == [(2, "duplicate_row", "duplicate")]
    assert outcome.event["properties"]["value"] == 15


def test_rows_that_differ_in_an_unknown_column_are_two_items() -> None:
    outcome = prepare_rows(items({"price": 5, "line": 1}, {"price": 5, "line": 2}))
    assert outcome.event["properties"]["value"] == 10
    assert outcome.issues == []


def test_event_without_identity_rejects_all_its_rows() -> None:
    rows = items({"email": None}, {"email": "nobody"}, {"event_id": "2"})
    outcome = prepare_rows(rows)
    assert outcome.reasons == [(1, "missing_identity", "reject"), (2, "bad_email", "reject")]
    assert outcome.event["event_id"] == "2"


def test_bad_email_beside_another_row_s_identity_is_a_warning() -> None:
    outcome = prepare_rows(items({"email": "nobody"}, {"content_id": "b"}))
    assert outcome.reasons == [(1, "bad_email", "warning")]


def test_one_row_asking_for_limited_data_use_restricts_the_event() -> None:
    rows = items({"limited_data_use": False}, {"limited_data_use": True, "order_id": "1"})
    assert prepare_rows(rows, "web").event["limited_data_use"] is True


def test_many_items_of_one_event_stay_together_over_batches() -> None:
    rows = [good_row(event_id=str(n // 70_000), content_id=str(n)) for n in range(70_001)]
    outcome = prepare_rows(rows, threads=2)
    assert [len(event["properties"]["contents"]) for event in outcome.events] == [70_000, 1]


def test_made_id_is_the_same_in_every_run() -> None:
    row = good_row(event_id=None, order_id="o1", content_id="c1")
    email = hashlib.sha256(b"a@example.com").hexdigest()
    key = "\x1f".join([SET, "Purchase", email, "", "", "1772366400", "o1", "c1"])
    assert prepare_rows([row]).event["event_id"] == hashlib.sha256(key.encode()).hexdigest()[:32]


def test_equal_rows_without_id_are_two_sales() -> None:
    rows = [good_row(event_id=None), good_row(event_id=" "), good_row(event_id=None, email="A@example.com ")]
    outcome = prepare_rows(rows)
    assert len({event["event_id"] for event in outcome.events}) == 3
    assert outcome.issues == []


def test_mending_a_row_keeps_the_ids_of_its_neighbours() -> None:
    broken = prepare_rows([good_row(event_id=None, currency="?"), good_row(event_id=None, currency="USD")])
    mended = prepare_rows([good_row(event_id=None, currency="USD"), good_row(event_id=None, currency="USD")])
    assert broken.event["event_id"] == mended.events[1]["event_id"]


@pytest.mark.parametrize("threads", [1, 2])
def test_two_runs_give_the_same_bytes(threads: int) -> None:
    rows = [good_row(event_id=None if n % 3 else str(n % 7), price=n) for n in range(3000)]
    first, second = (prepare_rows(rows, threads=threads) for _ in range(2))
    assert (first.bodies, first.rows) == (second.bodies, second.rows)
