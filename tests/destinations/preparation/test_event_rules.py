"""What becomes of a row: sent, sent with warnings, rejected for its first reason."""

import pytest

from destinations.preparation.reasons import REASONS
from tests.destinations.preparation.helpers import NOW, SET, good_row, prepare_rows


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"event": None}, "missing_event"),
        ({"event": "purchase"}, "unknown_event"),
        ({"timestamp": None}, "missing_timestamp"),
        ({"timestamp": "soon"}, "bad_timestamp"),
        ({"timestamp": str(NOW + 3600)}, "timestamp_in_future"),
        ({"timestamp": str(NOW - 29 * 86400)}, "timestamp_too_old"),
        ({"email": None}, "missing_identity"),
        ({"email": "nobody"}, "bad_email"),
        ({"email": None, "phone": "nobody"}, "bad_phone"),
        ({"email": None, "phone": "0612345678"}, "phone_without_country"),
        ({"email": "nobody", "phone": "nobody"}, "bad_email"),
        ({"currency": "US$"}, "bad_currency"),
        ({"currency": "BGN"}, "unsupported_currency"),
        ({"value": "a lot"}, "bad_number"),
        ({"value": "-1"}, "negative_number"),
        ({"price": "1e18"}, "number_too_large"),
        ({"price": "1e16", "quantity": "1000"}, "number_too_large"),
        ({"quantity": "0.5"}, "bad_quantity"),
        ({"event_channel": "fax"}, "bad_channel"),
        ({"event_source": "web"}, "event_source_mismatch"),
        ({"event_set_id": "1"}, "event_source_id_mismatch"),
        ({"event_source_id": "1"}, "event_source_id_mismatch"),
        ({"event": None, "timestamp": None, "email": None}, "missing_event"),
    ],
)
def test_offline_row_is_rejected_for_its_first_reason(columns: dict[str, object], reason: str) -> None:
    outcome = prepare_rows([good_row(**columns)])
    assert (outcome.bodies, outcome.reasons) == ([], [(1, reason, "reject")])


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"event": "x" * 51}, "event_name_too_long"),
        ({"limited_data_use": "perhaps"}, "bad_boolean"),
        ({"page_url": None}, "missing_page_url"),
        ({"page_url": "shop.example.com"}, "bad_url"),
    ],
)
def test_web_row_is_rejected_for_its_first_reason(columns: dict[str, object], reason: str) -> None:
    row = {"page_url": "https://a.example/"} | good_row(**columns)
    outcome = prepare_rows([row], "web", default_page_url=None)
    assert (outcome.bodies, outcome.reasons) == ([], [(1, reason, "reject")])


@pytest.mark.parametrize(
    ("columns", "reason", "gone"),
    [
        ({"phone": "nobody"}, "bad_phone", "phone"),
        ({"email": "nobody", "phone": "+12133734253"}, "bad_email", "email"),
        ({"ip": "localhost"}, "bad_ip", "ip"),
        ({"locale": "the local one"}, "bad_locale", "locale"),
        ({"country": "USA"}, "bad_country", "country"),
        ({"content_type": "sku"}, "bad_content_type", "content_type"),
        ({"referrer_url": "google"}, "bad_url", "referrer"),
        ({"page_url": "shop"}, "bad_url", "nothing"),
        ({"timestamp": str(NOW - 8 * 86400)}, "older_than_7_days", "nothing"),
    ],
)
def test_bad_optional_value_is_dropped_with_a_warning(columns: dict[str, object], reason: str, gone: str) -> None:
    outcome = prepare_rows([good_row(**columns)], "web")
    assert outcome.reasons == [(1, reason, "warning")]
    assert f'"{gone}":'.encode() not in outcome.bodies[0]


def test_row_may_have_several_warnings() -> None:
    outcome = prepare_rows([good_row(phone="x", timestamp=str(NOW - 8 * 86400), country="XX")])
    assert sorted(reason for _, reason, _ in outcome.reasons) == ["bad_country", "bad_phone", "older_than_7_days"]


def test_rejected_row_has_no_warnings_besides() -> None:
    outcome = prepare_rows([good_row(phone="x", timestamp=str(NOW - 8 * 86400), currency="??")])
    assert outcome.reasons == [(1, "bad_currency", "reject")]


def test_every_reason_has_a_sentence() -> None:
    rows = [good_row(email="nobody"), good_row(event_id="2", ip="x", phone="y", currency="EUR")]
    assert {reason for _, reason, _ in prepare_rows(rows, "web").reasons} <= set(REASONS)
    assert all(sentence.endswith(".") for sentence in REASONS.values())


@pytest.mark.parametrize(
    ("column", "given", "shown"),
    [
        ("email", "jane.doe@gmail", "j•••@g•••"),
        ("email", "jane..doe@gmail.com", "j•••@g•••.com"),
        ("email", "jane", "j•••"),
        ("phone", "555-0199x", "•••9x"),
        ("phone", "12", "•••"),
        ("currency", "jane@example.com", "j•••@e•••.com"),
        ("currency", "US$", "US$"),
        ("value", "+1 555 555 0199", "•••99"),
        ("value", "$1,234.50", "$1,234.50"),
        ("timestamp", "2026-13-45T00:00:00Z", "2026-13-45T00:00:00Z"),
        ("timestamp", "15555550199x", "•••9x"),
    ],
)
def test_rejected_value_is_masked(column: str, given: str, shown: str) -> None:
    identity = {"email": None} if column == "phone" else {}
    ((_, field, _, value, _),) = prepare_rows([good_row(**identity, **{column: given})]).issues
    assert (field, value) == (column, shown)


def test_currency_is_dollars_only_where_there_is_a_value() -> None:
    rows = [good_row(event_id="1", value=3), good_row(event_id="2"), good_row(event_id="3", currency="EUR")]
    properties = [event.get("properties") for event in prepare_rows(rows).events]
    assert properties == [{"currency": "USD", "value": 3}, None, {"currency": "EUR"}]


@pytest.mark.parametrize(
    ("columns", "value"),
    [
        ({"price": "0.1", "quantity": 3}, 0.3),
        ({"price": 0.1, "quantity": 3}, 0.3),
        ({"price": "19.99"}, 19.99),
        ({"price": "19.99", "quantity": 2, "value": "5"}, 5),
        ({"price": "0.0000001", "quantity": 2}, 2e-7),
        ({"price": "999999999999999", "quantity": 100}, 99999999999999900),
    ],
)
def test_value_is_price_times_quantity_where_absent(columns: dict[str, object], value: float) -> None:
    assert prepare_rows([good_row(**columns)]).event["properties"]["value"] == value


def test_numbers_have_no_exponent_on_the_wire() -> None:
    (body,) = prepare_rows([good_row(price=1e-7, quantity=3, value=1e17)]).bodies
    assert b'"price":0.0000001,' in body
    assert b'"value":100000000000000000,' in body or b'"value":100000000000000000}' in body


def test_country_of_the_row_goes_before_the_default() -> None:
    rows = [good_row(event_id="1", phone="0612345678", country="fr"), good_row(event_id="2", phone="2015550123")]
    outcome = prepare_rows(rows, country="US")
    assert all(event["user"]["phone"] for event in outcome.events)


def test_columns_are_found_in_any_case_and_order() -> None:
    row = {"EMAIL": "a@example.com", "Timestamp": "2026-03-01", "EVENT": "Lead", "Event_ID": "1"}
    assert prepare_rows([row]).event["event"] == "Lead"


def test_row_may_repeat_the_event_set() -> None:
    assert prepare_rows([good_row(event_set_id=int(SET), event_source="Offline")]).event["event_id"] == "e1"


@pytest.mark.parametrize(
    ("setting", "cell", "sent"),
    [(True, None, True), (True, "no", None), (False, "yes", True), (False, None, None)],
)
def test_limited_data_use_of_the_row_goes_before_the_setting(
    setting: bool, cell: str | None, sent: bool | None
) -> None:
    event = prepare_rows([good_row(limited_data_use=cell)], "web", limited_data_use=setting).event
    assert event.get("limited_data_use") is sent


def test_no_rows_give_no_bodies() -> None:
    outcome = prepare_rows([good_row(event="nothing")])
    assert outcome.bodies == []
