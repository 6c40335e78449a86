"""Check the rate limits: per app and endpoint, per event source, per ad account."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from destinations.emulator.errors import ApiError
from destinations.emulator.limits import Limits

Item = dict[str, Any]
SECOND = 1_000_000_000.5


def allowed(limits: Limits, path: str, calls: int, now: float = SECOND, app: str = "app") -> int:
    """Count the calls that pass."""
    passed = 0
    for _ in range(calls):
        try:
            limits.check_app(app, path, now)
        except ApiError as error:
            assert error.code == 40100  # noqa: PT017 - counting, not expecting
        else:
            passed += 1
    return passed


@pytest.mark.parametrize(
    ("level", "path", "passed"),
    [
        ("basic", "/pixel/list/", 10),
        ("advanced", "/pixel/list/", 20),
        ("premium", "/pixel/list/", 30),
        ("ultimate", "/pixel/list/", 50),
        ("none", "/pixel/list/", 1_100),
        ("basic", "/event/track/", 1_000),
        ("none", "/event/track/", 1_100),
    ],
)
def test_published_limits_hold_per_second(level: str, path: str, passed: int) -> None:
    assert allowed(Limits(level), path, 1_100) == passed


def test_next_second_has_room_again_and_other_apps_have_their_own() -> None:
    limits = Limits("basic")
    assert allowed(limits, "/pixel/list/", 11) == 10
    assert allowed(limits, "/pixel/list/", 11, app="other") == 10
    assert allowed(limits, "/pixel/list/", 11, SECOND + 1) == 10


def test_full_minute_lasts_until_the_minute_is_over() -> None:
    limits = Limits("none")
    limits.add({"kind": "app", "qpm": 3})
    minute = 60.0 * 1_000_000
    assert allowed(limits, "/pixel/list/", 5, minute) == 3
    assert allowed(limits, "/pixel/list/", 5, minute + 59) == 0
    assert allowed(limits, "/pixel/list/", 5, minute + 60) == 3


@pytest.mark.parametrize(
    ("rule", "code", "message"),
    [
        ({"kind": "app", "path": "/event/track/"}, 40100, "Too many requests. Please retry in some time."),
        ({"kind": "pixel"}, 40132, "The request QPS is limited by pixel_code's value."),
        ({"kind": "pixel", "value": "7654321098765432100"}, 40132, "The request QPS is limited by pixel_code's value."),
        (
            {"kind": "advertiser"},
            40133,
            "Advertiser (7654321098765432109)'s QPS (2) reaches QPS limit 1 for current path.",
        ),
        ({"kind": "pixel", "value": "C3QEXAMPLEPIXELCODE0"}, 0, "OK"),
    ],
    ids=["app", "any_source", "this_source", "advertiser", "other_source"],
)
def test_rule_refuses_the_second_call(
    sender: Any, item: Callable[..., Item], rule: Item, code: int, message: str
) -> None:
    sender.control("limits", [{**rule, "qps": 1, "qpd": 1}])
    assert sender.track(item("offline", "a"))["code"] == 0
    reply = sender.track(item("offline", "b"))
    assert reply["code"] == code
    assert reply["message"].startswith(message)


def test_rules_are_cleared(sender: Any) -> None:
    sender.control("limits", {"kind": "app", "qpm": 1})
    sender.session.delete(f"{sender.emulator.url}_emulator/limits", timeout=5)
    assert [sender.get("user/info/")["code"] for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"kind": "tenant", "qps": 1}, "A limit needs a kind"),
        ({"kind": "app"}, "A limit needs qps"),
        ({"kind": "app", "qps": 1, "for": "x"}, "unknown key for"),
        ({"level": "platinum"}, "level must be one of"),
    ],
    ids=["kind", "rate", "key", "level"],
)
def test_rule_that_cannot_be_understood_is_refused(sender: Any, rule: Item, sentence: str) -> None:
    reply = requests.post(f"{sender.emulator.url}_emulator/limits", json=rule, timeout=5)
    assert reply.status_code == 400
    assert sentence in reply.json()["error"]
