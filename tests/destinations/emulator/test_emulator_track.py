"""Check /event/track/ as a whole: the envelope, the event source, de-duplication, test events, all or nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Item = dict[str, Any]
Make = Callable[..., Item]

ACME_SET, GLOBEX_SET = "7654321098765432100", "7654321098765432200"
ACME_PIXEL, GLOBEX_PIXEL = "C3QEXAMPLEPIXELCODE0", "C4QEXAMPLEPIXELCODE0"
NOT_A_STRING = "Invalid value for event_source_id: not a valid string."
OPERATE = "No permission to operate {}. You must be an admin or operator of this advertiser account."


def test_accepted_events_are_answered_with_tiktoks_envelope(sender: Any, item: Make) -> None:
    reply = sender.track(item("offline"))
    assert reply.pop("request_id").isalnum()
    assert reply == {"code": 0, "message": "OK", "data": {}}


def test_one_bad_item_refuses_the_whole_request(sender: Any, item: Make) -> None:
    items = [item("offline", f"e-{number}") for number in range(9)]
    assert sender.track(*items, item("offline", event_id=7))["code"] == 40002
    assert sender.held() == []


def test_thousand_items_are_taken_and_one_more_refused(sender: Any, item: Make) -> None:
    items = [item("offline", f"e-{number}") for number in range(1_001)]
    assert sender.track(*items)["message"] == "Invalid value for data: length must be between 1 and 1000."
    assert sender.track(*items[:1_000])["code"] == 0
    assert len(sender.held()) == 1_000


@pytest.mark.parametrize(
    ("source", "source_id", "code", "message"),
    [
        ("offline", ACME_PIXEL, 40002, NOT_A_STRING),
        ("web", ACME_SET, 40002, NOT_A_STRING),
        ("web", "7300000000000000001", 40002, NOT_A_STRING),
        ("offline", 7654321098765432100, 40002, NOT_A_STRING),
        ("offline", GLOBEX_SET, 40001, OPERATE.format(f"offline event set: {GLOBEX_SET}")),
        ("web", GLOBEX_PIXEL, 40001, OPERATE.format(f"pixel code: {GLOBEX_PIXEL}")),
        ("web", "C9QNOSUCHPIXEL00000A", 40001, OPERATE.format("pixel code: C9QNOSUCHPIXEL00000A")),
        ("app", "7123456789012345678", 40118, "App events are open to allow-listed developers only."),
        ("shop", ACME_SET, 40002, "Invalid value for event_source: not a valid choice."),
    ],
    ids=[
        "pixel_for_offline",
        "set_for_web",
        "pixel_id_for_web",
        "id_as_number",
        "set_of_other_brand",
        "pixel_of_other_brand",
        "pixel_unknown",
        "app",
        "source_unknown",
    ],
)
def test_event_source_out_of_reach_is_refused(
    sender: Any, item: Make, source: str, source_id: object, code: int, message: str
) -> None:
    body = {"event_source": source, "event_source_id": source_id, "data": [item("offline")]}
    reply = sender.post("event/track/", body)
    assert (reply["code"], reply["message"]) == (code, message)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", 40104),
        ("nonsense", 40105),
        ("emulator-token-revoked", 40105),
        ("emulator-token-analyst", 40001),
        ("emulator-token-globex", 40001),
        ("emulator-token-events-only", 0),
    ],
)
def test_token_decides_who_may_send(sender_with: Any, item: Make, token: str, code: int) -> None:
    assert sender_with(token).track(item("offline"))["code"] == code


def test_missing_token_is_answered_with_tiktoks_sentence(sender_with: Any) -> None:
    message = "Access token is null, you should set it in http header with key Access-Token."
    assert sender_with("").track()["message"] == message


def test_token_without_the_scope_may_not_send(sender: Any, sender_with: Any, item: Make) -> None:
    reader = {"access_token": "reader", "app_id": "7000000000000000001", "user_id": "7200000000000000001"}
    sender.control("seed", {"tokens": [{**reader, "advertiser_ids": ["7654321098765432109"], "scopes": [100]}]})
    reply = sender_with("reader").track(item("offline"))
    assert reply["code"] == 40001
    assert "7224195155857866754" in reply["message"]


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"data": []}, 40002, "Invalid value for data: length must be between 1 and 1000."),
        ({"data": {}}, 40002, "Invalid value for data: not a valid list."),
        ({"event_source": None}, 40002, "Invalid value for event_source: not a valid string."),
        ({"pixel_code": "C3Q"}, 40002, "Invalid value for pixel_code: unknown field."),
        ({"test_event_code": ""}, 40002, "Invalid value for test_event_code: must not be empty."),
        ({"partner_name": "MyShop"}, 40063, "Invalid value for partner_name: not a valid partner name."),
    ],
    ids=["no_items", "items_object", "source_null", "unknown_key", "test_code_empty", "partner_invented"],
)
def test_top_level_breaking_a_rule_is_refused(sender: Any, item: Make, change: Item, code: int, message: str) -> None:
    reply = sender.post("event/track/", {**sender_body(item), **change})
    assert (reply["code"], reply["message"]) == (code, message)


@pytest.mark.parametrize("name", ["event_source", "event_source_id", "data"])
def test_top_level_field_is_required(sender: Any, item: Make, name: str) -> None:
    body = sender_body(item)
    del body[name]
    assert sender.post("event/track/", body)["message"] == f"Missing required field(s): {name}."


def sender_body(item: Make) -> Item:
    return {"event_source": "offline", "event_source_id": ACME_SET, "data": [item("offline")]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not a valid JSON."),
        (b"{", "not a valid JSON."),
        (b"[]", "not a valid JSON object."),
        (b'{"event_source":"\xff"}', "not a valid JSON."),
        (b'{"value":NaN}', "not a valid JSON."),
        (b'{"data":[],"data":[]}', "duplicate key in a JSON object."),
        (b'{"data" : [{"a":1, "a" :2}]}', "duplicate key in a JSON object."),
        (b'{"data":[{"a\\u0022:":1,"a\\u0022:":2}]}', "duplicate key in a JSON object."),
    ],
    ids=["empty", "cut", "list", "not_utf8", "nan", "twice", "twice_deep", "twice_escaped"],
)
def test_body_that_is_not_strict_json_is_refused(sender: Any, body: bytes, message: str) -> None:
    reply = sender.raw(body).json()
    assert (reply["code"], reply["message"]) == (40002, f"Invalid request body: {message}")


@pytest.mark.parametrize(
    "text",
    ['a"b', 'say "x" : y', "\\", '":', "é東", "\\u0022:"],
    ids=["quote", "colon", "slash", "both", "wide", "code"],
)
@pytest.mark.parametrize("blanks", [(",", ":"), (", ", " : ")], ids=["compact", "wide"])
def test_odd_texts_are_no_duplicate_keys(sender: Any, item: Make, text: str, blanks: tuple[str, str]) -> None:
    body = sender_body(item)
    body["data"][0]["properties"]["description"] = text
    assert sender.raw(json.dumps(body, separators=blanks).encode()).json()["code"] == 0


def test_body_of_another_content_type_is_refused(sender: Any) -> None:
    reply = sender.raw(b"{}", headers={"Content-Type": "text/plain"}).json()
    assert reply["message"] == "Invalid Content-Type: must be application/json."


def test_chunked_body_is_read(sender: Any, item: Make) -> None:
    body = json.dumps(sender_body(item)).encode()
    pieces = (body[start : start + 100] for start in range(0, len(body), 100))
    assert sender.raw(pieces).json()["code"] == 0


def test_same_event_id_is_held_once_and_counted_as_duplicate(sender: Any, item: Make) -> None:
    sender.track(item("offline", "a"), item("offline", "a"), item("offline", "b"))
    sender.track(item("offline", "a"))
    counts = sender.show("state")["events"][ACME_SET]
    assert (counts["received"], counts["held"], counts["duplicates"]) == (4, 2, 2)
    assert sender.held() == ["a", "b"]


def test_event_ids_show_how_often_each_came_and_was_held(sender: Any, item: Make) -> None:
    sender.track(item("offline", "a"), item("offline", "b"), item("offline", "a"))
    rows = sender.show("event_ids", event_source_id=ACME_SET)["event_ids"]
    assert [(row["event_id"], row["received"], row["held"]) for row in rows] == [("a", 2, 1), ("b", 1, 1)]
    summary = sender.show("event_ids", event_source_id=ACME_SET, summary="1")
    assert (summary["ids"], summary["received_more_than_once"], summary["held_more_than_once"]) == (2, 1, 0)


def test_same_event_id_counts_again_after_48_hours(sender: Any, item: Make) -> None:
    sender.track(item("offline", "a"))
    sender.control("clock", {"advance": 48 * 3600 + 60})
    sender.track(item("offline", "a"))
    assert sender.held() == ["a", "a"]


def test_same_event_id_of_another_event_or_source_is_its_own(sender: Any, item: Make) -> None:
    sender.track(item("offline", "a"), item("offline", "a", event="Lead"))
    sender.track(item("web", "a"), source="web")
    assert sender.held() == ["a", "a"]
    assert sender.held(ACME_PIXEL) == ["a"]


def test_test_events_are_kept_apart(sender: Any, item: Make) -> None:
    assert sender.track(item("offline", "a"), test_event_code="TEST12345")["code"] == 0
    counts = sender.show("state")["events"][ACME_SET]
    assert (counts["held"], counts["test_events"]) == (0, 1)
    assert sender.show("events", event_source_id=ACME_SET, test="1")["events"][0]["item"]["event_id"] == "a"


def test_events_without_identity_are_held_and_counted(sender: Any, item: Make) -> None:
    sender.track(item("offline", "a", user=None), item("offline", "b"))
    assert sender.show("state")["events"][ACME_SET]["unmatchable"] == 1


def test_whole_events_are_kept_up_to_a_bound_and_ids_beyond_it(sender: Any, item: Make) -> None:
    sender.control("seed", {"options": {"full_event_limit": 3}})
    sender.track(*(item("offline", f"e-{number}") for number in range(5)))
    assert sender.held() == ["e-2", "e-3", "e-4"]
    assert len(sender.show("event_ids", event_source_id=ACME_SET)["event_ids"]) == 5


def test_null_mode_accepts_anything_and_holds_nothing(sender: Any) -> None:
    sender.control("mode", {"null": True})
    assert sender.raw(b'{"data":[{"event_time":1},{"event_time":2}]').json()["code"] == 0
    assert sender.show("requests")["requests"][0]["items"] == 2
    assert sender.show("state")["events"] == {}


def test_deleted_event_set_does_not_exist_any_more(sender: Any, item: Make) -> None:
    sender.post("offline/delete/", {"advertiser_id": "7654321098765432109", "event_set_id": ACME_SET})
    assert sender.track(item("offline"))["code"] == 40007
