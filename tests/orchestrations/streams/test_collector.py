"""The collector over real HTTP: what is answered, and what is in the database afterwards."""

import gzip
import json
import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import requests

from orchestrations.models import Chunk, Stream, WriteKey
from orchestrations.streams.collecting import Collector, Post, items_of
from orchestrations.streams.contents import contents_unpack
from orchestrations.streams.items import Client
from orchestrations.streams.keys import SHOWN, key_digest, key_new
from orchestrations.streams.waiting import refusals_forget
from tests.orchestrations.streams.conftest import items
from tests.programs import wait_for
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

SHOP = "https://shop.example.com"


def key_for(stream: Stream, name: str = "server") -> str:
    key = key_new()
    with tenant_scope(stream.tenant):
        WriteKey.objects.create(
            tenant=stream.tenant, stream=stream, name=name, beginning=key[:SHOWN], digest=key_digest(key)
        )
    return key


def held(stream: Stream) -> list[dict[str, Any]]:
    """Return the events that wait for a stream, as they will be sent."""
    with tenant_scope(stream.tenant):
        chunks = list(Chunk.objects.filter(stream=stream))
    return [event for chunk in chunks for event in orjson.loads(contents_unpack(chunk.content).body)["data"]]


@pytest.fixture
def stream(acme, stream_new) -> Stream:
    return stream_new(acme, allowed_origins=[SHOP])


@pytest.fixture
def post(live_server, stream) -> Callable[..., requests.Response]:
    """Post to a stream with a good key, or as the arguments say."""
    good = key_for(stream)

    def send(body: Any, *, to: Stream = stream, key: str | None = good, **kwargs: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= kwargs.pop("headers", {})
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        return requests.post(live_server.url + to.path, data=data, headers=headers, timeout=30, **kwargs)

    send.key = good  # type: ignore[attr-defined]
    return send


BODIES = {
    "object": (orjson.dumps(items(1)[0]), {}, 1),
    "list": (orjson.dumps(items(3)), {}, 3),
    "lines": (b"\n".join(map(orjson.dumps, items(3))), {}, 3),
    "lines_of_one": (orjson.dumps(items(1)[0]) + b"\n", {"Content-Type": "application/x-ndjson"}, 1),
    "gzip": (gzip.compress(orjson.dumps(items(2))), {"Content-Encoding": "gzip"}, 2),
    "beacon": (orjson.dumps(items(1)[0]), {"Content-Type": "text/plain;charset=UTF-8", "Origin": SHOP}, 1),
    "curl": (orjson.dumps(items(1)[0]), {"Content-Type": "application/x-www-form-urlencoded"}, 1),
}


@pytest.mark.parametrize(("body", "headers", "count"), BODIES.values(), ids=BODIES)
def test_body_is_taken_in_every_form(post, stream, body, headers, count) -> None:
    reply = post(body, headers=headers)
    assert (reply.status_code, reply.json()["accepted"]) == (202, count)
    assert [event["event_id"] for event in held(stream)] == [item["event_id"] for item in items(count)]


REFUSALS = {
    "no_key": (b"{}", {"key": None}, 401, "write_key_missing"),
    "bad_key": (b"{}", {"key": "hubw_wrong"}, 401, "write_key_invalid"),
    "foreign_origin": (b"{}", {"headers": {"Origin": "https://evil.example"}}, 403, "origin_not_allowed"),
    "no_body": (b"", {}, 422, "empty"),
    "no_event": (b"[]", {}, 422, "empty"),
    "no_json": (b"event=Purchase", {}, 422, "not_json"),
    "no_gzip": (b"{}", {"headers": {"Content-Encoding": "gzip"}}, 422, "not_packed"),
    "cut_gzip": (gzip.compress(b"{}" * 99)[:-9], {"headers": {"Content-Encoding": "gzip"}}, 422, "not_packed"),
    "unknown_encoding": (b"{}", {"headers": {"Content-Encoding": "br"}}, 415, "unknown_encoding"),
    "too_long_a_list": (orjson.dumps([{}] * 1_001), {}, 413, "too_many_items"),
    "too_large": (b" " * 5_000_001, {}, 413, "body_too_large"),
    "bomb": (gzip.compress(b" " * 20_000_000), {"headers": {"Content-Encoding": "gzip"}}, 413, "body_too_large"),
    "nothing_usable": (orjson.dumps({"event": "Purchase"}), {}, 422, "nothing_accepted"),
    "not_an_object": (b'"text"', {}, 422, "nothing_accepted"),
}


@pytest.mark.parametrize(("body", "how", "status", "code"), REFUSALS.values(), ids=REFUSALS)
def test_refusal_says_why_and_keeps_nothing(post, stream, body, how, status, code) -> None:
    reply = post(body, **how)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert len(reply.json()["error"]["message"]) > 20
    assert held(stream) == []


def test_each_item_has_its_own_answer(post, stream) -> None:
    good, bad, unhashed = items(3)
    bad["currency"] = "XXX"
    unhashed |= {"email_sha256": "no digest", "email": None, "phone": "+12133734253", "colour": "red"}
    reply = post([good, bad, unhashed, 7]).json()
    assert [result["status"] for result in reply["results"]] == ["accepted", "rejected", "accepted", "rejected"]
    assert [each["reason"] for each in reply["results"][1]["errors"]] == ["bad_currency"]
    assert {each["reason"] for each in reply["results"][2]["warnings"]} >= {"unknown_parameter", "given_twice"}
    assert reply["results"][3]["errors"][0]["reason"] == "not_an_object"
    assert len(held(stream)) == 2


def test_stream_of_another_tenant_is_not_opened_by_a_key(post, globex, stream_new) -> None:
    reply = post(items(1), to=stream_new(globex))
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "write_key_invalid")


def test_revoked_key_opens_nothing_from_the_next_request_on(post, stream) -> None:
    assert post(items(1)).status_code == 202
    with tenant_scope(stream.tenant):
        WriteKey.objects.update(revoked_at="2026-01-01T00:00:00Z")
    assert post(items(1)).status_code == 401
    assert len(held(stream)) == 1


def test_stream_that_is_switched_off_takes_nothing(post, stream) -> None:
    with tenant_scope(stream.tenant):
        type(stream.orchestration).objects.filter(pk=stream.orchestration_id).update(enabled=False)
    assert post(items(1)).json()["error"]["code"] == "stream_disabled"


def test_key_in_the_address_serves_beacons(post, live_server, stream) -> None:
    url = f"{live_server.url}{stream.path}?key={post.key}"
    assert requests.post(url, data=orjson.dumps(items(1)[0]), timeout=30).status_code == 202


def test_browser_is_told_whether_its_page_may_post(live_server, stream, post) -> None:
    url = live_server.url + stream.path
    allowed = requests.options(url, headers={"Origin": SHOP}, timeout=30)
    assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (204, SHOP)
    foreign = requests.options(url, headers={"Origin": "https://evil.example"}, timeout=30)
    assert (foreign.status_code, "Access-Control-Allow-Origin" in foreign.headers) == (403, False)
    reply = post(items(1), headers={"Origin": SHOP})
    assert reply.headers["Access-Control-Allow-Origin"] == SHOP


def test_posts_at_the_same_time_are_all_kept_once(post, stream) -> None:
    threads = [threading.Thread(target=post, args=(items(2, first=2 * n),)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(event["event_id"] for event in held(stream)) == [item["event_id"] for item in items(24)]


def test_nothing_raw_is_stored(post, stream) -> None:
    secret = {"email": "ada.lovelace@example.com", "phone": "+12133734253"}
    post([items(1)[0] | secret, items(1)[0] | secret | {"currency": "XXX"}])
    with hub_scope():
        stored = b"".join(
            json.dumps(contents_unpack(chunk.content).issues).encode() + contents_unpack(chunk.content).body
            for chunk in Chunk.objects.all()
        )
    assert stored
    assert not any(value.encode() in stored for value in secret.values())


def test_full_stream_asks_to_come_again(post, stream, settings) -> None:
    settings.HUB_STREAM_BACKLOG_EVENTS = 2
    assert post(items(2)).status_code == 202
    refusals_forget()
    wait_for(lambda: post(items(1)).status_code == 429, 10)  # what is known of a stream may be a second old
    reply = post(items(1))
    assert reply.json()["error"]["code"] == "backlog_full"
    assert int(reply.headers["Retry-After"]) > 0


def test_post_that_was_given_up_in_time_is_not_taken_and_disturbs_nobody(stream) -> None:
    collector, key = Collector(), key_digest(key_for(stream))
    door = collector.directory.find(stream.public_id)
    given_up, other = (Post(stream.public_id, key, items_of(items(1, first=n), door, Client())) for n in range(2))
    with collector._changed:  # the collector's thread cannot begin yet
        collector.submit(given_up)
        collector.submit(other)
        assert given_up.answer.cancel()
    assert other.answer.result(timeout=30).accepted == 1
    collector.close()
    assert [event["event_id"] for event in held(stream)] == ["order-00001"]


@pytest.mark.parametrize(
    "name", ["%00", "a" * 3_000, "..%2f..", "%ff", "'"], ids=["null", "long", "way", "bytes", "quote"]
)
def test_what_no_stream_can_be_called_is_not_there(live_server, db, name) -> None:
    reply = requests.post(f"{live_server.url}/collect/v1/{name}?key=hubw_x", data=b"{}", timeout=30)
    assert reply.status_code == 404
