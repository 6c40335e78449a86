"""What an item may look like, and which rows it becomes."""

from typing import Any

import pytest

from destinations.specs import get
from orchestrations.streams.items import MOST_CONTENTS, Client, item_read
from orchestrations.streams.parameters import lookup, parameters

SPEC, AUDIENCE = get("tiktok-ads-events"), get("tiktok-ads")
WEB = {"event_source": "web", "event_source_id": "C3QEXAMPLEPIXELCODE0"}
NOW = 1_795_000_000.0
CLIENT = Client("192.0.2.7", "Mozilla/5.0")
DIGEST = "ab" * 32


def read(posted: Any, **kwargs: Any) -> Any:
    kwargs = {"client": CLIENT, "now": NOW, **kwargs}
    return item_read(posted, lookup(SPEC, WEB), **kwargs)


FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "own names": ({"event": "Purchase", "agent": "A", "ip": "1.1.1.1"}, {"event": "Purchase", "agent": "A"}),
    "names of TikTok": ({"ttclid": "c", "ttp": "p", "user_agent": "A"}, {"tiktok_click_id": "c", "cookie_id": "p"}),
    "objects of TikTok": (
        {
            "user": {"email": "a@b.de"},
            "properties": {"value": 2, "contents": [{"content_id": "s"}]},
            "page": {"url": "u"},
        },
        {"email": "a@b.de", "value": "2", "content_id": "s", "page_url": "u"},
    ),
    "numbers keep their digits": (
        {"value": 46.50, "order_id": 12345678901234},
        {"value": "46.5", "order_id": "12345678901234"},
    ),
    "truth values": ({"limited_data_use": True}, {"limited_data_use": "true"}),
    "hashed": ({"email_sha256": DIGEST, "phone_sha256": [DIGEST]}, {"email": DIGEST, "phone": DIGEST}),
    "several": ({"email": ["a@b.de", "c@d.de"], "phone": ["1", None]}, {"email": ["a@b.de", "c@d.de"], "phone": "1"}),
    "time of the post": ({}, {"timestamp": str(int(NOW))}),
    "blank time": ({"timestamp": " "}, {"timestamp": str(int(NOW))}),
    "client of the post": ({}, {"ip": "192.0.2.7", "agent": "Mozilla/5.0"}),
    "no client on demand": ({"ip": None, "agent": ""}, {"ip": None, "agent": ""}),
}


@pytest.mark.parametrize(("posted", "row"), FORMS.values(), ids=FORMS)
def test_item_becomes_a_row(posted, row) -> None:
    (found,) = read(posted).rows
    assert {name: found.get(name) for name in row} == row


CONTENTS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "objects": (
        {"contents": [{"content_id": "a", "price": 2}, {"content_id": "b", "quantity": 3}]},
        [{"content_id": "a", "price": "2"}, {"content_id": "b", "quantity": "3"}],
    ),
    "lists": (
        {"content_id": ["a", "b"], "price": [2, 3.5], "brand": "x"},
        [{"content_id": "a", "price": "2", "brand": "x"}, {"content_id": "b", "price": "3.5", "brand": "x"}],
    ),
    "lists of several lengths": (
        {"content_id": ["a", "b"], "price": [2]},
        [{"content_id": "a", "price": "2"}, {"content_id": "b", "price": None}],
    ),
}


@pytest.mark.parametrize(("posted", "rows"), CONTENTS.values(), ids=CONTENTS)
def test_contents_become_rows_of_one_event(posted, rows) -> None:
    found = read({"event": "Purchase", "event_id": "e-1", **posted}).rows
    assert [{name: one.get(name) for name in row} for one, row in zip(found, rows, strict=True)] == rows
    assert {(one["event"], one["event_id"]) for one in found} == {("Purchase", "e-1")}


PROBLEMS: dict[str, tuple[Any, str, bool]] = {
    "no object": ([1], "not_an_object", True),
    "object for a text": ({"order_id": {"a": 1}}, "not_a_value", True),
    "list for a text": ({"order_id": ["a"]}, "not_a_value", True),
    "contents of texts": ({"contents": ["a"]}, "not_a_list_of_objects", True),
    "too many contents": ({"content_id": ["a"] * (MOST_CONTENTS + 1)}, "too_many_contents", True),
    "long test event code": ({"test_event_code": "T" * 65}, "bad_test_event_code", True),
    "unknown name": ({"colour": "red"}, "unknown_parameter", False),
    "two names for one": ({"agent": "A", "user_agent": "B"}, "given_twice", False),
    "no digest": ({"email_sha256": "ada@example.com"}, "not_a_digest", False),
    "too many e-mails": ({"email": [f"{n}@b.de" for n in range(11)]}, "too_many_values", False),
}


@pytest.mark.parametrize(("posted", "reason", "rejected"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_wrong_is_said(posted, reason, rejected) -> None:
    item = read(posted)
    assert reason in {issue[1] for issue in item.issues}
    assert (item.rejected, item.rows == []) == (rejected, rejected)


def test_event_without_id_gets_one_that_is_told() -> None:
    first, second = read({}), read({})
    assert first.event_id == first.rows[0]["event_id"] != second.event_id


@pytest.mark.parametrize(
    ("posted", "address"),
    [
        ({"event_source_id": "C4QEXAMPLEPIXELCODE0"}, {"event_source_id": "C4QEXAMPLEPIXELCODE0"}),
        ({"event_source_id": "C5QEXAMPLEPIXELCODE0"}, {}),
        ({"test_event_code": "TEST123"}, {"test_event_code": "TEST123"}),
    ],
    ids=["allowed pixel", "foreign pixel", "test event code"],
)
def test_event_may_name_where_it_goes(posted, address) -> None:
    item = read({"event": "Purchase", **posted}, other_sources=["C4QEXAMPLEPIXELCODE0"])
    assert item.address == address


@pytest.mark.parametrize(
    "chosen", [WEB, {"event_source": "offline", "event_source_id": "1" * 19}], ids=["web", "offline"]
)
def test_every_column_of_a_query_is_a_parameter(chosen) -> None:
    names = {each.column for each in parameters(SPEC, chosen)}
    assert names >= {field.column for field in SPEC.fields if field.applies(chosen["event_source"])}


def test_names_of_parameters_are_told_apart() -> None:
    for spec, settings in ((SPEC, WEB), (AUDIENCE, {"user_id_types": ["EMAIL", "PHONE", "IDFA", "AAID"]})):
        names = [name for each in parameters(spec, settings) for name in each.names]
        assert len(names) == len(set(names))
