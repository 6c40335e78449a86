"""Check each fault over real sockets: what the sender sees, and what is held afterwards."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

Item = dict[str, Any]
Make = Callable[..., Item]

TRACK = {"path": "/event/track/"}


def fault(sender: Any, action: Item, **rule: object) -> None:
    sender.control("faults", [{"match": TRACK, "action": action, **rule}])


@pytest.mark.parametrize(
    ("action", "code", "held"),
    [
        ({"code": 40100, "message": "Too many requests. Please retry in some time."}, 40100, []),
        ({"code": 50002}, 50002, []),
        ({"partial": 20001}, 20001, ["a"]),
        ({"delay": 0.05}, 0, ["a"]),
        ({"delay": 0.05, "code": 40016}, 40016, []),
    ],
    ids=["throttled", "system_error", "partial", "delay", "late_error"],
)
def test_fault_with_a_code_answers_it(sender: Any, item: Make, action: Item, code: int, held: list[str]) -> None:
    fault(sender, action)
    reply = sender.track(item("offline", "a"))
    assert (reply["code"], sender.held()) == (code, held)
    assert reply["request_id"]


@pytest.mark.parametrize(
    ("action", "status", "kind", "start"),
    [
        ({"http": 502}, 502, "text/html; charset=utf-8", "<html>"),
        ({"http": 200, "body": ""}, 200, "application/json; charset=utf-8", ""),
        ({"http": 429, "body": "slow", "content_type": "text/plain"}, 429, "text/plain", "slow"),
        ({"not_json": True}, 200, "text/plain; charset=utf-8", "upstream"),
    ],
    ids=["nginx", "empty", "own_body", "not_json"],
)
def test_fault_of_http_answers_without_envelope(sender: Any, action: Item, status: int, kind: str, start: str) -> None:
    fault(sender, action)
    reply = sender.raw(b"{}")
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, kind)
    assert reply.text.startswith(start)


@pytest.mark.parametrize(
    ("action", "sign", "held"),
    [
        ({"reset": True}, "Connection reset by peer", []),
        ({"commit_then_drop": True}, "Connection reset by peer", ["a"]),
        ({"hang": 0.1}, "Remote end closed connection", []),
        ({"commit_then_hang": 0.1}, "Remote end closed connection", ["a"]),
    ],
    ids=["reset", "commit_then_drop", "hang", "commit_then_hang"],
)
def test_fault_of_the_connection_ends_it(sender: Any, item: Make, action: Item, sign: str, held: list[str]) -> None:
    fault(sender, action, times=1)
    with pytest.raises(requests.ConnectionError, match=sign):
        sender.track(item("offline", "a"))
    assert sender.held() == held
    assert sender.show("requests", limit="1")["requests"][0]["fault"] == 1


def test_hanging_call_runs_into_the_senders_timeout(sender: Any) -> None:
    fault(sender, {"hang": 30})
    started = time.monotonic()
    with pytest.raises(requests.Timeout):
        sender.session.post(sender.emulator.api_url + "event/track/", json={}, timeout=0.2)
    assert time.monotonic() - started < 5


def test_resending_after_a_dropped_commit_holds_the_event_once(sender: Any, item: Make) -> None:
    fault(sender, {"commit_then_drop": True}, times=1)
    with pytest.raises(requests.ConnectionError):
        sender.track(item("offline", "a"))
    assert sender.track(item("offline", "a"))["code"] == 0
    assert sender.held() == ["a"]


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ({}, "xxxxxx"),
        ({"times": 2}, "xx...."),
        ({"after": 2}, "..xxxx"),
        ({"every": 3}, "x..x.."),
        ({"after": 1, "every": 2, "times": 2}, ".x.x.."),
        ({"times": 0}, "......"),
    ],
    ids=["always", "times", "after", "every", "combined", "never"],
)
def test_rule_counts_decide_when_it_fires(sender: Any, item: Make, rule: Item, codes: str) -> None:
    fault(sender, {"code": 50000}, **rule)
    seen = [sender.track(item("offline", f"e-{number}"))["code"] for number in range(len(codes))]
    assert "".join("x" if code else "." for code in seen) == codes


@pytest.mark.parametrize(
    ("match", "fires"),
    [
        ({"path": "/event/track/"}, True),
        ({"path": "/pixel/list/"}, False),
        ({"method": "POST"}, True),
        ({"method": "GET"}, False),
        ({"token": "emulator-token-acme"}, True),
        ({"token": "emulator-token-globex"}, False),
        ({"body_contains": "ord-7"}, True),
        ({"body_contains": ["ord-8", "ord-9"]}, False),
        ({"event_source_id": "7654321098765432100"}, True),
        ({"event_source_id": "7654321098765432200"}, False),
        ({"item": {"event_id": "ord-7"}}, True),
        ({"item": {"content_id": "sku-1", "event": "Purchase"}}, True),
        ({"item": {"event_id": "ord-7", "event": "Lead"}}, False),
        ({"min_items": 1}, True),
        ({"min_items": 2}, False),
        ({}, True),
    ],
    ids=lambda value: (
        "_".join(f"{key}-{str(held)[:24]}" for key, held in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_match_decides_which_calls_a_rule_is_for(sender: Any, item: Make, match: Item, *, fires: bool) -> None:
    sender.control("faults", {"match": match, "action": {"code": 50000}})
    assert (sender.track(item("offline", "ord-7"))["code"] == 50000) is fires


def test_poison_refuses_every_batch_with_the_item(sender: Any, item: Make) -> None:
    fault(sender, {"poison": {"event_id": "e-3"}})
    items = [item("offline", f"e-{number}") for number in range(5)]
    assert sender.track(*items)["message"] == "Invalid value for event_id: not a valid value."
    assert sender.track(*items[:3], *items[4:])["code"] == 0
    assert sender.track(items[3])["code"] == 40002


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"match": TRACK}, "A fault needs an action"),
        ({"action": {}}, "An action needs one of"),
        ({"action": {"explode": True}}, "unknown key explode"),
        ({"match": {"url": "x"}, "action": {"code": 1}}, "unknown key url"),
        ({"action": {"code": 1}, "time": 1}, "unknown key time"),
        ({"action": {"code": 1}, "times": -1}, "times of a fault must be a whole number"),
        ({"action": {"poison": "e-1"}}, "poison must be an object"),
        ("reset", "A fault must be an object"),
    ],
    ids=["no_action", "empty_action", "action", "match", "key", "times", "poison", "text"],
)
def test_rule_that_cannot_be_understood_is_refused(sender: Any, rule: object, sentence: str) -> None:
    reply = requests.post(f"{sender.emulator.url}_emulator/faults", json=[rule], timeout=5)
    assert reply.status_code == 400
    assert sentence in reply.json()["error"]


def test_rules_are_listed_with_their_counts_and_cleared(sender: Any, item: Make) -> None:
    fault(sender, {"code": 50000}, after=1)
    sender.track(item("offline"))
    [rule] = sender.show("faults")["faults"]
    assert (rule["matched"], rule["fired"]) == (1, 0)
    assert sender.session.delete(f"{sender.emulator.url}_emulator/faults", timeout=5).json() == {"faults": []}


def test_server_stops_while_calls_hang(sender: Any, item: Make) -> None:
    fault(sender, {"hang": 60})
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(sender.raw, b"{}")
        while not sender.emulator.state.log.in_flight:
            time.sleep(0.01)
        sender.emulator.stop()
        assert isinstance(waiting.exception(timeout=5), requests.ConnectionError)
