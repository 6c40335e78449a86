"""Replays: the same events once more, told beforehand, and held by TikTok as often as they should be."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import default_storage
from django.db.models import F
from django.utils import timezone

from destinations.models import Destination
from orchestrations.choices import ReplayRows, RunPurpose, RunStatus, RunTrigger
from orchestrations.models import Batch, Orchestration, Run
from orchestrations.replays.services import Forecast, replay_forecasts, run_replay
from orchestrations.runs.preparing import run_prepare
from orchestrations.runs.results import REJECT, run_issues_csv
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.spool import Spool
from tests.orchestrations.conftest import ACCOUNTS, order_rows, run_through
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.scope import tenant_scope

ACME_SET = ACCOUNTS["acme"][2]
ALL, REJECTED, UNKNOWN = ReplayRows.ALL, ReplayRows.REJECTED, ReplayRows.UNKNOWN
TRACK = {"path": "/event/track/"}
LOST = {"match": TRACK, "action": {"commit_then_drop": True}}
Replayer = Callable[..., Run]


@pytest.fixture
def replay(acme, ada, membership_in) -> Replayer:
    """Replay rows of a run as Acme's administrator and carry the replay to its end."""

    def go(run: Run, rows: str, **options: Any) -> Run:
        with tenant_scope(acme):
            own = {"membership": membership_in(ada, acme), "trigger": RunTrigger.MANUAL}
            return run_through(run_replay(run=Run.objects.get(pk=run.pk), rows=rows, **own, **options))

    return go


@pytest.fixture
def recover(emulator) -> Callable[[], None]:
    """Let TikTok behave again."""
    return lambda: requests.delete(f"{emulator.url}/_emulator/faults", timeout=10).raise_for_status()


@pytest.fixture
def days_pass(acme, emulator) -> Callable[[int], None]:
    """Let days pass at TikTok, and have what was sent sent as many days ago."""

    def advance(days: int) -> None:
        seconds = {"advance": days * 86400}
        requests.post(f"{emulator.url}/_emulator/clock", json=seconds, timeout=10).raise_for_status()
        with tenant_scope(acme):
            earlier = timedelta(days=days)
            Batch.objects.update(sent_at=F("sent_at") - earlier)
            Run.objects.update(finished_at=F("finished_at") - earlier)

    return advance


def numbers(run: Run) -> tuple[int, ...]:
    """Return a run's numbers, after seeing that they add up."""
    assert run.selected == run.in_events + run.rejected + run.duplicates
    assert run.events == run.accepted + run.refused + run.unknown + run.unsent
    return run.selected, run.rejected, run.events, run.accepted


def foretold(run: Run, rows: str, **options: Any) -> Forecast:
    """Return what a replay would do."""
    with tenant_scope(run.tenant):
        return replay_forecasts(Run.objects.get(pk=run.pk), **options)[rows]


def setting(orchestration: Orchestration, **values: Any) -> None:
    """Put a setting of the destination right."""
    with tenant_scope(orchestration.tenant):
        destination = Destination.objects.get(pk=orchestration.destination_id)
        destination.settings |= values
        destination.save()


def reject_rows(run: Run) -> list[int]:
    """Return the numbers of the rows that a run has rejected."""
    with tenant_scope(run.tenant):
        lines = "".join(run_issues_csv(run, [REJECT])).splitlines()[1:]
    return sorted(int(line.split(",")[0]) for line in lines)


def times_held(held: Any) -> dict[str, int]:
    """Return how often TikTok holds each event."""
    return {event_id: row["held"] for event_id, row in held(ACME_SET).items()}


def orders(*indices: int) -> dict[str, int]:
    """Return orders, each held once."""
    return {f"order-{index:05d}": 1 for index in indices}


def no_country(index: int) -> str:
    return "0171 2345678" if index % 4 == 0 else "+14155550100"


def test_unknown_events_are_held_once_after_their_replay(acme, orchestration_of, run_of, fault, recover, held, replay):
    fault(LOST)
    run = run_of(orchestration_of(acme, order_rows(1500)))
    assert (run.status, run.unknown) == (RunStatus.FAILED, 1500)
    assert foretold(run, UNKNOWN).may_drop == 1500
    recover()
    again = replay(run, UNKNOWN)
    assert (again.status, numbers(again)) == (RunStatus.SUCCEEDED, (1500, 0, 1500, 1500))
    assert times_held(held) == orders(*range(1500))
    with tenant_scope(acme):
        run.refresh_from_db()
    assert (run.unknown, run.status) == (1500, RunStatus.FAILED)


def test_within_48_hours_tiktok_drops_what_it_has(acme, orchestration_of, run_of, held, replay):
    run = run_of(orchestration_of(acme, order_rows(30)))
    assert (foretold(run, ALL).drops, foretold(run, ALL).needs_consent) == (30, False)
    again = replay(run, ALL)
    assert (numbers(again), again.replay_of_id, again.replay_rows) == ((30, 0, 30, 30), run.pk, ALL)
    seen = held(ACME_SET)
    assert {(row["received"], row["held"]) for row in seen.values()} == {(2, 1)}


def test_after_48_hours_tiktok_would_count_twice_and_consent_is_needed(
    acme, orchestration_of, run_of, held, replay, days_pass
):
    run = run_of(orchestration_of(acme, order_rows(30)))
    days_pass(3)
    assert (foretold(run, ALL).drops, foretold(run, ALL).counts_twice) == (0, 30)
    with pytest.raises(ValidationError, match="would count them twice"):
        replay(run, ALL)
    replay(run, ALL, count_twice=True)
    assert set(times_held(held).values()) == {2}


def test_what_was_lost_more_than_48_hours_ago_is_left_to_a_replay_that_says_so(
    acme, ada, membership_in, orchestration_of, run_of, fault, recover, replay, days_pass
):
    fault(LOST)
    run = run_of(orchestration_of(acme, order_rows(30)))
    recover()
    days_pass(3)
    assert (foretold(run, UNKNOWN).may_count_twice, foretold(run, UNKNOWN).needs_consent) == (30, False)
    with tenant_scope(acme), pytest.raises(ValidationError, match="Replay the unknown rows"):
        run_retry(run=Run.objects.get(pk=run.pk), membership=membership_in(ada, acme))
    assert numbers(replay(run, UNKNOWN)) == (30, 0, 30, 30)


def test_what_a_replay_has_sent_long_ago_is_not_sent_again_unasked(
    acme, orchestration_of, run_of, fault, recover, replay, days_pass
):
    fault({"match": TRACK, "action": {"poison": {"event_id": "order-00003"}}})
    run = run_of(orchestration_of(acme, order_rows(30)))
    recover()
    again = replay(run, REJECTED)
    days_pass(3)
    assert foretold(run, REJECTED).replayed_by == [again.pk]
    with pytest.raises(ValidationError, match="replayed by run"):
        replay(run, REJECTED)


def test_refused_events_are_sent_again_when_the_cause_is_gone(
    acme, orchestration_of, run_of, fault, recover, held, replay
):
    poisons = [{"match": TRACK, "action": {"poison": {"event_id": f"order-{index:05d}"}}} for index in (3, 700)]
    fault(*poisons)
    run = run_of(orchestration_of(acme, order_rows(800)))
    assert (run.refused, set(times_held(held))) == (2, set(orders(*range(800))) - set(orders(3, 700)))
    recover()
    assert numbers(replay(run, REJECTED)) == (2, 0, 2, 2)
    assert times_held(held) == orders(*range(800))


def test_rejected_rows_are_prepared_again_with_the_present_settings(acme, orchestration_of, run_of, held, replay):
    with tenant_scope(acme):
        acme.default_country = ""
        acme.save()
    orchestration = orchestration_of(acme, order_rows(20, email="", phone=no_country))
    run = run_of(orchestration)
    assert (run.rejected_by_reason, foretold(run, REJECTED).prepared_again) == ({"phone_without_country": 5}, 5)
    setting(orchestration, default_country="DE")
    assert numbers(replay(run, REJECTED)) == (5, 0, 5, 5)
    assert times_held(held) == orders(*range(20))


def test_rows_that_are_still_bad_keep_their_numbers(emulator, acme, orchestration_of, run_of, replay):
    run = run_of(
        orchestration_of(acme, order_rows(20, email=lambda index: "bad" if index in (4, 17) else "a@b.example"))
    )
    again = replay(run, REJECTED)
    assert (numbers(again), again.status) == ((2, 2, 0, 0), RunStatus.SUCCEEDED_WITH_ERRORS)
    assert reject_rows(again) == reject_rows(run) == [5, 18]
    assert again.error["resolution"] == "no_eligible_rows"


def test_a_replay_of_all_rows_adds_up_with_rejects_duplicates_and_several_rows_per_event(
    acme, orchestration_of, run_of, replay
):
    rows = [*order_rows(30, event_id=lambda index: f"order-{index // 2}"), *order_rows(1, email="bad")]
    run = run_of(orchestration_of(acme, [*rows, rows[0], rows[3]]))
    assert (run.selected, run.events, run.rejected, run.duplicates) == (33, 15, 1, 2)
    again = replay(run, ALL)
    assert numbers(again) == numbers(run)
    assert again.duplicates == 2
    assert bodies(again) == bodies(run)
    third = replay(again, REJECTED)
    assert (numbers(third), reject_rows(third)) == ((1, 1, 0, 0), [31])


def bodies(run: Run) -> list[bytes]:
    """Return the request bodies of a run."""
    with tenant_scope(run.tenant):
        return [Spool(run.spool).body_read(batch.number) for batch in Batch.objects.filter(run=run)]


def test_a_mended_row_gets_the_id_that_it_has_among_equal_rows(acme, orchestration_of, run_of, held, replay):
    rows = order_rows(3, event_id="", email="same@mail.example", timestamp=order_rows(1)[0]["timestamp"])
    rows[1]["currency"] = "XTS"
    run = run_of(orchestration_of(acme, rows))
    with tenant_scope(acme):
        key = run.inputs["tables"]["orders"]
    before = set(times_held(held))
    with tenant_scope(acme):
        assert (default_storage.exists(key), run.rejected, len(before)) == (True, 1, 2)
    again = replay(run, REJECTED)
    assert (again.rejected_by_reason, set(times_held(held))) == ({"bad_currency": 1}, before)


def test_what_has_become_too_old_is_rejected_and_told_beforehand(acme, orchestration_of, run_of, held, replay):
    orchestration = orchestration_of(acme, order_rows(30))
    run = run_of(orchestration)
    later = foretold(run, ALL, now=timezone.now() + timedelta(days=28))
    assert (later.too_old, later.counts_twice, later.needs_consent) == (30, 0, False)
    setting(orchestration, max_age_days=1)
    again = replay(run, ALL)
    assert (numbers(again), again.rejected_by_reason) == ((30, 30, 0, 0), {"timestamp_too_old": 30})


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT * FROM orders ORDER BY random()", id="another order"),
        pytest.param("SELECT * FROM orders WHERE random() < 0.5", id="other rows"),
    ],
)
def test_a_query_that_gives_other_rows_is_not_trusted(emulator, acme, orchestration_of, run_of, replay, sql):
    rows = order_rows(200, email=lambda index: f"bad{index}" if index % 20 == 0 else "a@b.example")
    run = run_of(orchestration_of(acme, rows, sql=sql))
    again = replay(run, REJECTED)
    assert (again.status, again.error["resolution"], again.events) == (RunStatus.FAILED, "replay_rows_changed", 0)
    assert "no longer gives the rows" in again.error["sentence"]


def file_gone(run: Run) -> None:
    default_storage.delete(run.inputs["tables"]["orders"])


def spool_gone(run: Run) -> None:
    Spool(run.spool).clear()


def elsewhere(run: Run) -> None:
    run.orchestration.settings = {"event_source_id": "7654321098765432999"}
    run.orchestration.save()


def a_plan(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(purpose=RunPurpose.PLAN)


def unprepared(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(prepared_at=None)


def an_audience(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(inputs=run.inputs | {"plugin": "tiktok-ads"})


def disabled(run: Run) -> None:
    Destination.objects.update(enabled=False)


@pytest.mark.parametrize(
    ("change", "rows", "sentence"),
    [
        pytest.param(file_gone, REJECTED, "file of the dataset “orders”.*is gone", id="dataset's file gone"),
        pytest.param(spool_gone, ALL, "had prepared is deleted", id="after retention"),
        pytest.param(elsewhere, ALL, "sends elsewhere than run", id="another event set"),
        pytest.param(a_plan, ALL, "was a plan", id="a plan"),
        pytest.param(unprepared, ALL, "ended before its rows were prepared", id="never prepared"),
        pytest.param(an_audience, ALL, "A run for an audience is not replayed", id="an audience"),
        pytest.param(disabled, ALL, "is disabled", id="destination disabled"),
        pytest.param(lambda run: None, UNKNOWN, "has no unknown rows", id="nothing of the kind"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_what_to_do(
    acme, orchestration_of, run_of, replay, change, rows, sentence
):
    run = run_of(orchestration_of(acme, order_rows(20, email=lambda index: "" if index == 3 else "a@b.example")))
    with tenant_scope(acme):
        change(Run.objects.get(pk=run.pk))
    with pytest.raises(ValidationError, match=sentence):
        replay(run, rows)


def test_a_replay_is_refused_while_another_run_is_active(acme, ada, membership_in, orchestration_of, run_of, replay):
    orchestration = orchestration_of(acme, order_rows(10))
    run = run_of(orchestration)
    own = {"membership": membership_in(ada, acme), "trigger": RunTrigger.MANUAL}
    with tenant_scope(acme):
        active = run_replay(run=run, rows=ALL, **own)
    with pytest.raises(ValidationError, match=f"Run {active.pk} .* is not finished yet"):
        replay(run, ALL)


def test_who_may_not_start_runs_may_not_replay(acme, rita, membership_in, orchestration_of, run_of):
    run = run_of(orchestration_of(acme, order_rows(10)))
    with tenant_scope(acme), pytest.raises(PermissionDenied):
        run_replay(run=run, rows=ALL, membership=membership_in(rita, acme), trigger=RunTrigger.MANUAL)


def test_a_replay_that_died_while_it_was_prepared_is_begun_anew(
    acme, ada, membership_in, orchestration_of, run_of, held
):
    run = run_of(orchestration_of(acme, order_rows(2500)))
    with tenant_scope(acme):
        again = run_replay(run=run, rows=ALL, membership=membership_in(ada, acme), trigger=RunTrigger.MANUAL)
        Spool(again.spool).body_write(7, b"left behind")
        died = {"lease_token": "dead", "lease_until": timezone.now() - timedelta(seconds=1), "stage": "preparing"}
        Run.objects.filter(pk=again.pk).update(**died, started_at=timezone.now())
        assert run_prepare(again.pk)
        assert numbers(run_through(Run.objects.get(pk=again.pk))) == (2500, 0, 2500, 2500)
        assert not default_storage.exists(Spool(again.spool).body_path(7))
    assert {(row["received"], row["held"]) for row in held(ACME_SET).values()} == {(2, 1)}


def test_a_replay_whose_run_was_deleted_meanwhile_says_so(acme, ada, membership_in, orchestration_of, run_of):
    run = run_of(orchestration_of(acme, order_rows(10)))
    with tenant_scope(acme):
        again = run_replay(run=run, rows=ALL, membership=membership_in(ada, acme), trigger=RunTrigger.MANUAL)
        Run.objects.filter(pk=run.pk).delete()
        again = run_through(again)
    assert (again.status, again.error["resolution"]) == (RunStatus.FAILED, "prepared_data_lost")


def test_a_replay_stands_in_the_audit_log(emulator, acme, ada, orchestration_of, run_of, replay):
    run = run_of(orchestration_of(acme, order_rows(10)))
    replay(run, ALL)
    with tenant_scope(acme):
        entry, name = Entry.objects.get(action="run.replayed"), str(run)
    told = {change["field"]: change["new"] for change in entry.changes}
    assert (told["replay of"], told["rows"]) == (name, "all")


def test_an_orchestration_runs_as_before_beside_its_replays(acme, orchestration_of, run_of, replay, held):
    orchestration = orchestration_of(acme, order_rows(10))
    replay(run_of(orchestration), ALL)
    run = run_of(orchestration)
    assert (run.status, run.replay_of, numbers(run)) == (RunStatus.SUCCEEDED, None, (10, 0, 10, 10))
