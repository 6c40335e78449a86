"""Check the server itself: paths, keep-alive, concurrency, control calls, the page."""

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from destinations.emulator.errors import SeedError
from destinations.emulator.server import running

Item = dict[str, Any]
Make = Callable[..., Item]
SET = "7654321098765432100"


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("POST", "open_api/v1.3/event/track", 404, "404 page not found"),
        ("POST", "open_api/v1.3/nothing/", 404, "404 page not found"),
        ("POST", "open_api/v1.2/event/track/", 404, "404 page not found"),
        ("GET", "open_api/v1.3/event/track/", 405, "405 method not allowed"),
        ("POST", "open_api/v1.3/user/info/", 405, "405 method not allowed"),
        ("DELETE", "portal/auth", 405, "405 method not allowed"),
    ],
    ids=["no_slash", "unknown", "version", "get", "post", "portal"],
)
def test_wrong_path_or_method_is_an_http_error_in_plain_text(
    sender: Any, method: str, path: str, status: int, text: str
) -> None:
    reply = requests.request(method, sender.emulator.url + path, timeout=5)
    assert (reply.status_code, reply.text) == (status, text)
    assert reply.headers["Content-Type"].startswith("text/plain")


def test_one_connection_serves_many_requests(sender: Any) -> None:
    host, port = sender.emulator.server_address[:2]
    request = f"GET /open_api/v1.3/user/info/ HTTP/1.1\r\nHost: {host}\r\nAccess-Token: x\r\n\r\n".encode()
    with socket.create_connection((host, port), timeout=5) as connection:
        for _ in range(3):
            connection.sendall(request)
            assert b'"code":40105' in connection.recv(4_096)


@pytest.mark.parametrize("length", ["-1", "many", "99999999999"])
def test_bad_content_length_is_refused(sender: Any, length: str) -> None:
    host, port = sender.emulator.server_address[:2]
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
        assert connection.recv(4_096).startswith(b"HTTP/1.1 400 Bad Request")


def test_32_senders_at_once_lose_nothing(sender: Any, sender_with: Any, item: Make) -> None:
    sender.control("latency", {"seconds": 0.1})
    senders = [sender_with("emulator-token-acme") for _ in range(32)]
    with ThreadPoolExecutor(32) as pool:
        jobs = [pool.submit(one.track, item("offline", f"e-{number}")) for number, one in enumerate(senders)]
        assert {job.result()["code"] for job in jobs} == {0}
    assert len(set(sender.held())) == 32
    assert sender.show("requests", summary="1")["most_in_flight"] > 16


def test_thousand_events_are_checked_in_milliseconds(sender: Any, item: Make) -> None:
    body = {
        "event_source": "offline",
        "event_source_id": SET,
        "data": [item("offline", f"e-{n}") for n in range(1_000)],
    }
    raw = json.dumps(body, separators=(",", ":")).encode()
    started = time.perf_counter()
    for _ in range(5):
        sender.raw(raw)
    assert time.perf_counter() - started < 2  # some 10 ms each on a quiet machine


def test_request_log_shows_calls_without_secrets(sender: Any, item: Make) -> None:
    reply = sender.track(item("offline"))
    sender.get("oauth2/advertiser/get/", app_id="7000000000000000001", secret="emulator-secret")
    shown = sender.show("requests")
    assert [entry["path"].partition("/v1.3")[2] for entry in shown["requests"]] == [
        "/oauth2/advertiser/get/",
        "/event/track/",
    ]
    assert shown["requests"][1]["request_id"] == reply["request_id"]
    assert (shown["requests"][1]["items"], shown["requests"][1]["code"]) == (1, 0)
    assert "emulator-secret" not in json.dumps(shown)
    assert "emulator-token" not in json.dumps(shown)


def test_request_log_can_be_cut_and_summed(sender: Any, item: Make) -> None:
    for number in range(3):
        sender.track(item("offline", f"e-{number}"))
    sender.get("user/info/")
    assert len(sender.show("requests", path="/event/track/", limit="2")["requests"]) == 2
    sums = sender.show("requests", summary="1")["paths"]["/open_api/v1.3/event/track/"]
    assert (sums["requests"], sums["items"], sums["codes"]) == (3, 3, {"0": 3})


def test_tokens_are_shown_only_when_asked_for(sender: Any) -> None:
    assert "emulator-token" not in json.dumps(sender.show("state"))
    assert "emulator-token-acme" in json.dumps(sender.show("state", tokens="1"))


def test_events_are_found_by_id_and_limited(sender: Any, item: Make) -> None:
    sender.track(*(item("offline", f"e-{number}") for number in range(4)))
    found = sender.show("events", event_source_id=SET, event_id="e-2")["events"]
    assert [row["item"]["event_id"] for row in found] == ["e-2"]
    assert len(sender.show("events", event_source_id=SET, limit="3")["events"]) == 3


def test_reset_starts_again(sender: Any, item: Make) -> None:
    sender.control("revoke", {"token": "emulator-token-globex"})
    sender.track(item("offline"))
    sender.control("reset", {})
    assert sender.show("state")["events"] == {}
    assert sender.emulator.state.registry.tokens["emulator-token-globex"].revoked is False


def test_reset_of_events_keeps_faults(sender: Any, item: Make) -> None:
    sender.track(item("offline"))
    sender.control("faults", {"action": {"code": 50000}})
    sender.control("reset", {"events_only": True})
    shown = sender.show("state")
    assert (shown["events"], shown["requests"], len(shown["faults"])) == ({}, 0, 1)


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("seed", {"shops": []}, "unknown key shops"),
        ("seed", {"pixels": [{"pixel_name": "x"}]}, "An entry of pixels"),
        ("seed", {"pixels": {}}, "pixels must be a list"),
        ("seed", {"options": {"speed": 1}}, "The option speed is unknown"),
        ("seed", [], "The body must be one JSON object"),
        ("revoke", {"token": "x"}, "There is no such token"),
        ("latency", {"seconds": -1}, "seconds must be a number"),
        ("mode", {}, "mode needs"),
        ("nothing", {}, "Unknown: /_emulator/nothing"),
        ("state", {}, "takes GET, not POST"),
    ],
    ids=["key", "id", "list", "option", "body", "token", "latency", "mode", "path", "method"],
)
def test_control_call_that_cannot_be_followed_is_refused(sender: Any, path: str, body: object, sentence: str) -> None:
    reply = requests.post(f"{sender.emulator.url}_emulator/{path}", json=body, timeout=5)
    assert reply.status_code in {400, 404, 405}
    assert sentence in reply.json()["error"]


def test_page_shows_what_is_held(sender: Any, item: Make) -> None:
    sender.track(item("offline"), item("offline", "b", event="Subscribe"))
    sender.control("faults", {"match": {"token": "emulator-token-acme"}, "action": {"code": 50000}})
    reply = requests.get(sender.emulator.url, timeout=5)
    for text in (
        "Acme Retail",
        "Store purchases",
        "Subscribe",
        "2 held",
        "No audience",
        "event/track",
        "50000",
        "<svg",
    ):
        assert text in reply.text
    assert "emulator-token" not in reply.text
    assert "http://" not in reply.text


def test_page_escapes_what_senders_send(sender: Any, item: Make) -> None:
    sender.track(item("web", event="<script>alert(1)</script>"), source="web")
    assert "<script>alert" not in requests.get(sender.emulator.url, timeout=5).text


def test_seed_can_start_from_nothing() -> None:
    with running(seed={"default": False}) as emulator:
        assert emulator.state.registry.apps == {}


def test_wrong_seed_keeps_the_server_from_starting() -> None:
    with pytest.raises(SeedError, match="unknown key brands"), running(seed={"brands": []}):
        pytest.fail("started with a wrong seed")
