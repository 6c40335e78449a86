"""Whatever became of each request of a run: every replay adds up, and TikTok holds each event at most once after it."""

import os
from dataclasses import replace
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from destinations import specs
from destinations.specs.base import Limits
from destinations.specs.events import SPEC
from orchestrations.choices import ReplayRows, RunTrigger
from orchestrations.models import Run
from orchestrations.replays.services import replay_forecasts, run_replay
from orchestrations.runs.services import run_start
from tests.orchestrations.conftest import ACCOUNTS, order_rows, run_through
from tiktok_hub.tenancy.scope import tenant_scope

SIZE, BATCHES = 5, 4
BAD = {SIZE * BATCHES + 1, SIZE * BATCHES + 3}
TRACK = "/event/track/"

# What TikTok does with a request, whether it holds the events afterwards, and in which replays they leave again.
OUTCOMES: dict[str, tuple[dict[str, Any] | None, bool, set[str]]] = {
    "taken": (None, True, {"all"}),
    "answer lost": ({"commit_then_drop": True}, True, {"all", "unknown"}),
    "request lost": ({"reset": True}, False, {"all", "unknown"}),
    "not sent": ({"code": 40202, "message": "conflict"}, False, {"all"}),
    "one refused": ({"poison": {}}, True, {"all"}),
}


@pytest.fixture
def small_requests(monkeypatch, settings) -> None:
    """Put five events into a request, and give up soon."""
    limits = Limits(rows_per_request=SIZE, bytes_per_request=SPEC.limits.bytes_per_request)
    monkeypatch.setitem(specs._registry(), SPEC.key, replace(SPEC, limits=limits))
    settings.HUB_RETRY_SECONDS = [0.01]


def names(number: int) -> list[str]:
    """Return the event ids of one request."""
    return [f"order-{index:05d}" for index in range(number * SIZE, (number + 1) * SIZE)]


def rule(number: int, action: dict[str, Any]) -> dict[str, Any]:
    """Let TikTok do something with one request, or refuse its second event."""
    action = {"poison": {"event_id": names(number)[1]}} if "poison" in action else action
    return {"match": {"path": TRACK, "body_contains": names(number)}, "action": action}


def test_replays_add_up_and_nothing_is_held_twice(
    acme, ada, membership_in, orchestration_of, emulator, held, small_requests
):
    rows = order_rows(SIZE * BATCHES + 5)
    for index in BAD:
        rows[index]["email"] = "nobody"
    orchestration, member = orchestration_of(acme, rows), membership_in(ada, acme)
    good = {f"order-{index:05d}" for index in range(len(rows)) if index not in BAD}

    def post(path: str, body: Any) -> None:
        requests.post(f"{emulator.url}/_emulator/{path}", json=body, timeout=10).raise_for_status()

    @settings(
        max_examples=int(os.environ.get("TEST_EXAMPLES", "12")), derandomize="TEST_EXAMPLES" not in os.environ,
        deadline=None, database=None, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(
        outcomes=st.lists(st.sampled_from(list(OUTCOMES)), min_size=BATCHES, max_size=BATCHES),
        choice=st.sampled_from(list(ReplayRows)),
    )
    def replayed(outcomes: list[str], choice: ReplayRows) -> None:
        post("reset", {})
        post("faults", [rule(n, OUTCOMES[each][0]) for n, each in enumerate(outcomes) if OUTCOMES[each][0]])
        with tenant_scope(acme):
            start = {"membership": member, "trigger": RunTrigger.MANUAL}
            run = run_through(run_start(orchestration=orchestration, **start))
            before = Run.objects.values().get(pk=run.pk)
            forecast = replay_forecasts(run)[choice]
            requests.delete(f"{emulator.url}/_emulator/faults", timeout=10).raise_for_status()
            if forecast.refusal:
                assert forecast.rows == 0
                return
            again = run_through(run_replay(run=run, rows=choice, **start))
            assert Run.objects.values().get(pk=run.pk) == before
        check(run, again, outcomes, choice)

    def check(run: Run, again: Run, outcomes: list[str], choice: str) -> None:
        resent = {name for n, each in enumerate(outcomes) if choice in OUTCOMES[each][2] for name in names(n)}
        refused = {names(n)[1] for n, each in enumerate(outcomes) if each == "one refused"}
        had = {name for n, each in enumerate(outcomes) if OUTCOMES[each][1] for name in names(n)} - refused
        rest = good - {name for n in range(BATCHES) for name in names(n)}
        resent |= refused if choice == "rejected" else rest if choice == "all" else set()
        bad = 0 if choice == "unknown" else len(BAD)
        assert again.selected == again.in_events + again.rejected == len(resent) + bad
        assert (again.events, again.accepted, again.rejected) == (len(resent), len(resent), bad)
        seen = held(ACCOUNTS["acme"][2])
        assert {name: row["held"] for name, row in seen.items()} == dict.fromkeys(had | rest | resent, 1)

    replayed()
