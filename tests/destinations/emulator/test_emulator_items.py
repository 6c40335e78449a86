"""Check each rule on event items over the wire: what TikTok would refuse is refused, with its code, and not held."""

import time
from collections.abc import Callable
from typing import Any

import pytest

Item = dict[str, Any]
Make = Callable[..., Item]

HASH = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
NOW = int(time.time())
DAY = 86_400


def user(**fields: object) -> Item:
    return {"user": fields}


def properties(**fields: object) -> Item:
    return {"properties": fields}


def content(**fields: object) -> Item:
    return {"properties": {"contents": [{"content_id": "sku", **fields}]}}


REFUSED = [
    ("event_missing", {"event": None}, 40002, "Missing required field(s): event."),
    ("event_custom_offline", {"event": "Bought"}, 40002, "Invalid value for event: not a valid choice."),
    ("event_wrong_case", {"event": "purchase"}, 40002, "Invalid value for event: not a valid choice."),
    ("event_number", {"event": 7}, 40002, "Invalid value for event: not a valid string."),
    ("event_id_number", {"event_id": 5044668852556}, 40002, "Invalid value for event_id: not a valid string."),
    ("event_id_empty", {"event_id": ""}, 40002, "Invalid value for event_id: must not be empty."),
    ("event_id_blank", {"event_id": "  "}, 40002, "Invalid value for event_id: must not be empty."),
    ("time_missing", {"event_time": None}, 40002, "Missing required field(s): event_time."),
    ("time_text", {"event_time": "1772359200"}, 40002, "Invalid value for event_time: not a valid integer."),
    ("time_iso", {"event_time": "2026-03-01T12:00:00Z"}, 40002, "Invalid value for event_time: not a valid integer."),
    ("time_float", {"event_time": NOW + 0.5}, 40002, "Invalid value for event_time: not a valid integer."),
    ("time_bool", {"event_time": True}, 40002, "Invalid value for event_time: not a valid integer."),
    (
        "time_milliseconds",
        {"event_time": NOW * 1000},
        40002,
        "Invalid value for event_time: not a valid Unix timestamp in seconds.",
    ),
    ("time_future", {"event_time": NOW + DAY}, 40002, "Invalid value for event_time: must not be in the future."),
    ("time_old", {"event_time": NOW - 29 * DAY}, 40002, "Invalid value for event_time: older than 28 days."),
    ("item_unknown_key", {"timestamp": "2026-03-01"}, 40002, "Invalid value for timestamp: unknown field."),
    ("page_offline", {"page": {"url": "https://a.example/"}}, 40002, "Invalid value for page: unknown field."),
    ("ldu_text", {"limited_data_use": "true"}, 40002, "Invalid value for limited_data_use: not a valid boolean."),
    ("user_empty", {"user": {}}, 40002, "Invalid value for user: must not be empty."),
    ("user_list", {"user": [1]}, 40002, "Invalid value for user: not a valid object."),
    ("user_unknown_key", user(emails=[HASH]), 40002, "Invalid value for user.emails: unknown field."),
    ("user_web_only", user(email=HASH, ttclid="E.C.P.1"), 40002, "Invalid value for user.ttclid: unknown field."),
    ("email_raw", user(email=["a@b.example"]), 40062, "Invalid value for user.email: not hashed with SHA-256."),
    ("email_md5", user(email=[HASH[:32]]), 40062, "Invalid value for user.email: not hashed with SHA-256."),
    (
        "email_upper",
        user(email=HASH.upper()),
        40002,
        "Invalid value for user.email: the SHA-256 hash must be lower-case.",
    ),
    ("email_newline", user(email=HASH + "\n"), 40062, "Invalid value for user.email: not hashed with SHA-256."),
    ("email_of_nothing", user(email=[EMPTY_HASH]), 40002, "Invalid value for user.email: hash of an empty value."),
    ("email_empty_list", user(email=[]), 40002, "Invalid value for user.email: must not be empty."),
    ("email_null", user(email=None), 40002, "Invalid value for user.email: not a valid string."),
    ("email_in_second_place", user(email=[HASH, "x"]), 40062, "Invalid value for user.email: not hashed with SHA-256."),
    ("phone_raw", user(phone="+12133734253"), 40062, "Invalid value for user.phone: not hashed with SHA-256."),
    ("external_id_raw", user(external_id="c-1"), 40062, "Invalid value for user.external_id: not hashed with SHA-256."),
    ("first_name_raw", user(first_name="ada"), 40062, "Invalid value for user.first_name: not hashed with SHA-256."),
    ("city_empty", user(email=HASH, city=""), 40002, "Invalid value for user.city: must not be empty."),
    ("value_text", properties(value="46"), 40002, "Invalid value for properties.value: not a valid number."),
    ("value_bool", properties(value=True), 40002, "Invalid value for properties.value: not a valid number."),
    (
        "value_negative",
        properties(value=-1),
        40002,
        "Invalid value for properties.value: must be a number of at least 0.",
    ),
    (
        "value_huge",
        properties(value=1e300),
        40002,
        "Invalid value for properties.value: must be a number of at least 0.",
    ),
    ("currency_lower", properties(currency="usd"), 40002, "Invalid value for properties.currency: not a valid choice."),
    (
        "currency_unlisted",
        properties(currency="BGN"),
        40002,
        "Invalid value for properties.currency: not a valid choice.",
    ),
    ("order_number", properties(order_id=7), 40002, "Invalid value for properties.order_id: not a valid string."),
    ("order_empty", properties(order_id=""), 40002, "Invalid value for properties.order_id: must not be empty."),
    (
        "channel_unknown",
        properties(event_channel="web"),
        40002,
        "Invalid value for properties.event_channel: not a valid choice.",
    ),
    (
        "content_type_unknown",
        properties(content_type="sku"),
        40002,
        "Invalid value for properties.content_type: not a valid choice.",
    ),
    ("properties_empty", properties(), 40002, "Invalid value for properties: must not be empty."),
    ("contents_empty", properties(contents=[]), 40002, "Invalid value for properties.contents: must not be empty."),
    (
        "contents_object",
        properties(contents={"a": 1}),
        40002,
        "Invalid value for properties.contents: not a valid list.",
    ),
    ("content_empty", properties(contents=[{}]), 40002, "Invalid value for properties.contents: must not be empty."),
    ("custom_empty", properties(form="", value=1), 40002, "Invalid value for properties.form: must not be empty."),
    ("custom_null", properties(form=None, value=1), 40002, "Invalid value for properties.form: must not be null."),
    ("custom_deep", properties(form={"a": [""]}), 40002, "Invalid value for properties.form.a: must not be empty."),
    (
        "content_id_number",
        content(content_id=1077218),
        40002,
        "Invalid value for properties.contents.content_id: not a valid string.",
    ),
    (
        "quantity_float",
        content(quantity=1.0),
        40002,
        "Invalid value for properties.contents.quantity: not a valid integer.",
    ),
    (
        "quantity_zero",
        content(quantity=0),
        40002,
        "Invalid value for properties.contents.quantity: must be at least 1.",
    ),
    ("price_text", content(price="8"), 40002, "Invalid value for properties.contents.price: not a valid number."),
    (
        "price_negative",
        content(price=-8),
        40002,
        "Invalid value for properties.contents.price: must be a number of at least 0.",
    ),
]
REFUSED_WEB = [
    ("page_missing", {"page": None}, "Missing required field(s): page.url."),
    ("url_missing", {"page": {"referrer": "https://a.example/"}}, "Missing required field(s): page.url."),
    ("url_relative", {"page": {"url": "/thanks"}}, "Invalid value for page.url: not a valid URL."),
    ("page_unknown_key", {"page": {"url": "https://a.example/", "x": 1}}, "Invalid value for page.x: unknown field."),
    ("ip_bad", user(ip="1.2.3.256"), "Invalid value for user.ip: not a valid IP address."),
    ("agent_empty", user(user_agent=""), "Invalid value for user.user_agent: must not be empty."),
    ("locale_bad", user(locale="english please"), "Invalid value for user.locale: not a valid locale."),
    ("idfa_on_web", user(idfa="7A3CBEA0"), "Invalid value for user.idfa: unknown field."),
]
ACCEPTED = [
    ("minimal", "offline", {"properties": None, "user": None, "event_id": None}),
    ("hash_as_text", "offline", user(email=HASH)),
    ("several_hashes", "offline", user(email=[HASH, HASH[::-1]])),
    ("external_id_offline", "offline", user(email=HASH, external_id=[HASH])),
    ("address", "offline", user(first_name=HASH, zip_code=HASH, city="são paulo", country="br")),
    ("legacy_event", "offline", {"event": "CompletePayment"}),
    ("ldu_offline", "offline", {"limited_data_use": False}),
    ("channel", "offline", properties(event_channel="in_store", shop_id="s")),
    ("custom_property", "offline", properties(form_name="x", depth={"a": [0, False]})),
    ("value_zero", "offline", properties(value=0, currency="USD")),
    ("ten_minutes_ahead", "offline", {"event_time": NOW + 500}),
    ("almost_28_days", "offline", {"event_time": NOW - 28 * DAY + 60}),
    ("custom_event", "web", {"event": "Sofa Seen"}),
    ("web_user", "web", user(ttclid="E.C.P.1", ttp="2X", ip="2001:db8::200", user_agent="UA", locale="en-US")),
    ("ldu_web", "web", {"limited_data_use": True}),
    ("crm_free_event", "crm", {"event": "Qualified"}),
]


@pytest.mark.parametrize(("changes", "code", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_item_breaking_a_rule_is_refused(sender: Any, item: Make, changes: Item, code: int, message: str) -> None:
    reply = sender.track(item("offline", **changes))
    assert (reply["code"], reply["message"]) == (code, message)
    assert reply["data"] == {}
    assert sender.show("state")["events"] == {}


@pytest.mark.parametrize(("changes", "message"), [row[1:] for row in REFUSED_WEB], ids=[row[0] for row in REFUSED_WEB])
def test_web_item_breaking_a_rule_is_refused(sender: Any, item: Make, changes: Item, message: str) -> None:
    reply = sender.track(item("web", **changes), source="web")
    assert (reply["code"], reply["message"]) == (40002, message)


def test_crm_item_without_lead_is_refused(sender: Any, item: Make) -> None:
    reply = sender.track(item("crm", lead=None), source="crm")
    assert reply["message"] == "Missing required field(s): lead.lead_id."


@pytest.mark.parametrize(("source", "changes"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_item_keeping_the_rules_is_held_as_sent(sender: Any, item: Make, source: str, changes: Item) -> None:
    sent = item(source, **changes)
    assert sender.track(sent, source=source)["code"] == 0
    held = sender.show("state")["events"]
    assert [source["held"] for source in held.values()] == [1]
    assert sender.show("events", event_source_id=next(iter(held)))["events"][0]["item"] == sent


def test_item_that_is_no_object_is_refused(sender: Any) -> None:
    assert sender.track("Purchase")["message"] == "Invalid value for data: not a valid object."


def test_index_stands_in_the_message_when_the_seed_says_so(sender: Any, item: Make) -> None:
    sender.control("seed", {"options": {"index_in_message": True}})
    bad = item("offline", "e-2", properties={"contents": [{"content_id": 1}]})
    reply = sender.track(item("offline"), bad)
    assert reply["message"] == "Batch.1.properties.contents.0.content_id: Not a valid string."
