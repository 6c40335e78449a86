"""Scheduled runs: one per slot, in somebody's name, as the policies for overlap and missed runs say."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection
from django_scopes import scopes_disabled

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.choices import QueryStatus, RunStage, RunStatus, RunTrigger
from orchestrations.models import Orchestration, Query, Run, Schedule
from orchestrations.removing import orchestration_delete
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_start
from orchestrations.schedules.rules import ScheduleError
from orchestrations.schedules.scheduling import schedule_tick, schedules_tick
from orchestrations.schedules.timetables import Wish, schedule_save, schedule_switch
from orchestrations.tasks import schedules_tick as schedules_tick_task
from tests.orchestrations.conftest import order_rows, run_through
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

DAILY = Wish(time_zone="America/New_York", cron="30 2 * * *")
SET = datetime(2026, 6, 1, 12, tzinfo=UTC)
SLOT = datetime(2026, 6, 2, 6, 30, tzinfo=UTC)  # 02:30 in New York
SOON = SLOT + timedelta(seconds=7)
DAY = timedelta(days=1)


@pytest.fixture
def ready(acme, orchestration_of) -> Orchestration:
    """An orchestration of Acme that can run."""
    return orchestration_of(acme, order_rows(5))


@pytest.fixture
def scheduled(ready, bea) -> Callable[..., Schedule]:
    """Give it a schedule in Bea's name."""

    def make(**changes: object) -> Schedule:
        wish = Wish(**{**{name: getattr(DAILY, name) for name in ("time_zone", "cron")}, **changes})  # type: ignore[arg-type]
        with tenant_scope(ready.tenant):
            return schedule_save(orchestration=ready, wish=wish, user=bea, now=SET)

    return make


def runs() -> list[Run]:
    with scopes_disabled():
        return list(Run.objects.select_related("orchestration").order_by("pk"))


def told() -> list[tuple[str, str]]:
    """Return the status and the error's kind of every run."""
    return [(run.status, run.error.get("resolution", "")) for run in runs()]


def finish(run: Run) -> None:
    with tenant_scope(run.tenant):
        Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED, stage=RunStage.FINISHED)


def next_slot(schedule: Schedule) -> datetime | None:
    with tenant_scope(schedule.tenant):
        schedule.refresh_from_db()
    return schedule.next_slot


def test_a_run_starts_when_it_is_due_and_in_the_name_of_who_set_it(scheduled, bea):
    schedule = scheduled()
    assert schedules_tick(SLOT - timedelta(seconds=1)) == 0
    assert schedules_tick(SOON) == 1
    (run,) = runs()
    assert (run.status, run.slot, run.trigger, run.started_by) == (RunStatus.QUEUED, SLOT, RunTrigger.SCHEDULE, bea)
    assert next_slot(schedule) == SLOT + DAY


def test_a_scheduled_run_is_carried_through(scheduled, emulator, held):
    scheduled()
    schedules_tick(SOON)
    (run,) = runs()
    with tenant_scope(run.tenant):
        assert run_through(run).status == RunStatus.SUCCEEDED
    assert len(held("7654321098765432100")) == 5


def test_a_second_tick_starts_nothing(scheduled):
    scheduled()
    assert [schedules_tick(SOON) for _ in range(3)] == [1, 0, 0]
    assert len(runs()) == 1


def test_a_slot_that_ran_does_not_run_again_when_the_schedule_is_set_back(scheduled):
    schedule = scheduled()
    schedules_tick(SOON)
    finish(*runs())
    with tenant_scope(schedule.tenant):
        Schedule.objects.update(next_slot=SLOT)
    assert schedules_tick(SOON) == 0
    assert next_slot(schedule) == SLOT + DAY


def test_the_database_refuses_a_second_run_of_a_slot(scheduled, ready):
    scheduled()
    schedules_tick(SOON)
    with tenant_scope(ready.tenant), pytest.raises(IntegrityError):
        Run.objects.create(tenant=ready.tenant, orchestration=ready, slot=SLOT)


def test_many_ticks_at_once_start_one_run(scheduled):
    scheduled()
    barrier, started = threading.Barrier(4), []

    def tick() -> None:
        try:
            barrier.wait()
            started.append(schedules_tick(SOON))
        finally:
            connection.close()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started) == [0, 0, 0, 1]
    assert len(runs()) == 1


def test_the_task_ticks_by_the_present_time(scheduled):
    schedule = scheduled()
    with tenant_scope(schedule.tenant):
        Schedule.objects.update(next_slot=datetime.now(tz=UTC) - timedelta(seconds=5))
    schedules_tick_task()
    assert [status for status, _ in told()] == [RunStatus.QUEUED]
    assert next_slot(schedule) > datetime.now(tz=UTC)


def test_a_run_before_that_is_not_finished_makes_the_next_skip(scheduled):
    scheduled(overlap="skip")
    schedules_tick(SOON)
    schedules_tick(SOON + DAY)
    first, second = runs()
    assert (second.status, second.slot, second.error["resolution"]) == (
        RunStatus.CANCELLED, SLOT + DAY, "schedule_skipped",
    )  # fmt: skip
    assert f"Run {first.pk} was not finished" in second.error["sentence"]


def test_a_queued_slot_waits_for_the_run_before_it(scheduled):
    schedule = scheduled(overlap="queue")
    schedules_tick(SOON)
    assert schedules_tick(SOON + DAY) == 0
    assert next_slot(schedule) == SLOT + 2 * DAY
    finish(*runs())
    assert schedules_tick(SOON + DAY + timedelta(hours=3)) == 1
    assert [run.slot for run in runs()] == [SLOT, SLOT + DAY]


def test_at_most_one_slot_waits_and_it_is_the_latest(scheduled):
    schedule = scheduled(overlap="queue")
    for days in range(4):
        schedules_tick(SOON + days * DAY)
    (active,) = runs()
    finish(active)
    assert [schedules_tick(SOON + 3 * DAY + timedelta(minutes=minutes)) for minutes in (1, 2)] == [1, 0]
    assert [run.slot for run in runs()] == [SLOT, SLOT + 3 * DAY]
    assert next_slot(schedule) == SLOT + 4 * DAY


def test_a_run_by_hand_makes_a_slot_wait_too(scheduled, ready, bea, membership_in):
    scheduled(overlap="queue")
    with tenant_scope(ready.tenant):
        run_start(orchestration=ready, membership=membership_in(bea, ready.tenant), trigger=RunTrigger.MANUAL)
    assert schedules_tick(SOON) == 0
    finish(*runs())
    assert schedules_tick(SOON + timedelta(minutes=1)) == 1


@pytest.mark.parametrize("hours", [1, 60], ids=["one missed", "three missed"])
def test_missed_runs_run_once_after_a_time_without_any(scheduled, hours):
    schedule = scheduled(missed="once")
    now = SLOT + timedelta(hours=hours)
    assert [schedules_tick(now), schedules_tick(now)] == [1, 0]
    assert [run.slot for run in runs()] == [SLOT + hours // 24 * DAY]
    assert next_slot(schedule) == SLOT + (hours // 24 + 1) * DAY


def test_missed_runs_are_skipped_and_say_so(scheduled):
    schedule = scheduled(missed="skip")
    assert schedules_tick(SLOT + timedelta(hours=60)) == 0
    assert told() == [(RunStatus.CANCELLED, "schedule_skipped")]
    assert next_slot(schedule) == SLOT + 3 * DAY
    assert schedules_tick(SOON + 3 * DAY) == 1


def test_a_run_that_is_a_little_late_was_not_missed(scheduled, settings):
    scheduled(missed="skip")
    assert schedules_tick(SLOT + timedelta(seconds=settings.HUB_SCHEDULE_GRACE_SECONDS)) == 1


def test_a_waiting_slot_survives_missed_ones_that_are_skipped(scheduled):
    scheduled(overlap="queue", missed="skip")
    schedules_tick(SOON)
    schedules_tick(SOON + DAY)
    finish(*runs())
    later = SLOT + 2 * DAY + timedelta(hours=5)
    assert [schedules_tick(later), schedules_tick(later)] == [0, 1]
    assert [(run.slot, run.status) for run in runs()][1:] == [
        (SLOT + 2 * DAY, RunStatus.CANCELLED), (SLOT + DAY, RunStatus.QUEUED),
    ]  # fmt: skip


def leave(membership: Membership) -> None:
    membership.delete()


def read_only(membership: Membership) -> None:
    membership.policy = Policy.READ_ONLY
    membership.save()


def inactive(membership: Membership) -> None:
    membership.user.is_active = False
    membership.user.save()


def gone(membership: Membership) -> None:
    membership.user.delete()


def closed(membership: Membership) -> None:
    Destination.objects.update(admin_only=True)


def switched_off(membership: Membership) -> None:
    Destination.objects.update(enabled=False)


def draft(membership: Membership) -> None:
    Query.objects.update(status=QueryStatus.DRAFT)


def parked(membership: Membership) -> None:
    Credential.objects.update(status=CredentialStatus.EXPIRED)


def incomplete(membership: Membership) -> None:
    Orchestration.objects.update(settings={})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (leave, "Bea, in whose name this schedule runs, may not start runs here any more."),
        (read_only, "Bea, in whose name this schedule runs, may not start runs here any more."),
        (inactive, "Bea, in whose name this schedule runs, may not start runs here any more."),
        (gone, "The person in whose name this schedule ran is gone."),
        (closed, "The destination is not open to Bea any more"),
        (switched_off, "is disabled"),
        (draft, "is a draft"),
        (parked, "has to authorise it again"),
        (incomplete, "required here"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_has_changed_meanwhile_is_asked_again_and_told(scheduled, bea, acme, membership_in, change, sentence):
    schedule = scheduled()
    with tenant_scope(acme):
        change(membership_in(bea, acme))
    assert schedules_tick(SOON) == 0
    (run,) = runs()
    assert (run.status, run.slot, run.error["resolution"]) == (RunStatus.FAILED, SLOT, "schedule_refused")
    assert sentence in run.error["sentence"]
    assert next_slot(schedule) == SLOT + DAY


def test_a_refused_run_is_over_and_cannot_be_retried(scheduled, bea, acme, membership_in):
    scheduled()
    with tenant_scope(acme):
        parked(membership_in(bea, acme))
        schedules_tick(SOON)
        Credential.objects.update(status=CredentialStatus.AUTHORISED)
        (run,) = runs()
        assert run.is_finished
        with pytest.raises(Exception, match="never started"):
            run_retry(run=run, membership=membership_in(bea, acme))


def test_the_next_slot_runs_after_the_cause_is_gone(scheduled, bea, acme, membership_in):
    scheduled()
    with tenant_scope(acme):
        parked(membership_in(bea, acme))
        schedules_tick(SOON)
        Credential.objects.update(status=CredentialStatus.AUTHORISED)
    assert schedules_tick(SOON + DAY) == 1


def test_a_paused_schedule_starts_nothing_and_makes_up_for_nothing(scheduled, bea):
    schedule = scheduled()
    with tenant_scope(schedule.tenant):
        schedule_switch(schedule=schedule, enabled=False, user=bea)
    assert schedules_tick(SOON) == 0
    with tenant_scope(schedule.tenant):
        schedule.refresh_from_db()
        schedule_switch(schedule=schedule, enabled=True, user=bea)
    assert schedules_tick(SOON + timedelta(minutes=1)) == 0
    assert runs() == []


def test_a_disabled_orchestration_starts_nothing_and_makes_up_for_nothing(scheduled, ready):
    schedule = scheduled()
    with tenant_scope(ready.tenant):
        Orchestration.objects.update(enabled=False)
    assert schedules_tick(SOON) == 0
    with tenant_scope(ready.tenant):
        Orchestration.objects.update(enabled=True)
    assert schedules_tick(SOON + timedelta(minutes=1)) == 0
    assert next_slot(schedule) == SLOT + DAY
    assert schedules_tick(SOON + DAY) == 1


def test_schedules_of_all_tenants_start_each_in_its_own(scheduled, globex, charlie, orchestration_of):
    other = orchestration_of(globex, order_rows(5))
    with tenant_scope(globex):
        schedule_save(orchestration=other, wish=DAILY, user=charlie, now=SET)
    scheduled()
    assert schedules_tick(SOON) == 2
    assert {(run.tenant_id, run.orchestration.tenant_id) for run in runs()} == {
        (tenant.pk, tenant.pk) for tenant in (globex, scheduled().tenant)
    }


def test_another_tenants_schedule_does_not_start_under_ones_own_scope(scheduled, ready, globex):
    schedule = scheduled()
    with tenant_scope(globex):
        assert schedule_tick(schedule.pk, SOON) is False
    assert runs() == []


def test_a_membership_elsewhere_does_not_start_runs_here(scheduled, bea, acme, globex, membership_in):
    scheduled()
    with tenant_scope(acme):
        leave(membership_in(bea, acme))
    with tenant_scope(globex):
        Membership.objects.create(tenant=globex, user=bea, policy=Policy.ADMINISTRATOR)
    assert schedules_tick(SOON) == 0
    assert told() == [(RunStatus.FAILED, "schedule_refused")]


def test_a_schedule_that_fails_unforeseen_does_not_stop_the_others(
    scheduled, globex, charlie, orchestration_of, caplog
):
    other = orchestration_of(globex, order_rows(5))
    with tenant_scope(globex):
        broken = schedule_save(orchestration=other, wish=DAILY, user=charlie, now=SET)
        Schedule.objects.filter(pk=broken.pk).update(time_zone="Mars/marker-value")
    scheduled()
    assert schedules_tick(SOON) == 1
    assert "ScheduleError" in caplog.text
    assert "marker-value" not in caplog.text


def test_an_interval_keeps_its_beat_however_late_ticks_are(scheduled):
    scheduled(cron="", every_minutes=45)
    for late in (3, 46 + 8, 91 + 2, 136 + 11):
        schedules_tick(SET + timedelta(minutes=44 + late))
        finish(*runs()[-1:])
    assert [(run.slot - SET) // timedelta(minutes=1) for run in runs()] == [45, 90, 135, 180]


def test_saving_the_same_again_changes_neither_beat_nor_name(scheduled, ada):
    before = scheduled(cron="", every_minutes=90)
    wish = Wish(time_zone="America/New_York", every_minutes=90)
    with tenant_scope(before.tenant):
        after = schedule_save(orchestration=before.orchestration, wish=wish, user=ada, now=SET + timedelta(hours=5))
    assert (after.anchor, after.next_slot, after.set_by) == (before.anchor, before.next_slot, before.set_by)


def test_saving_puts_a_schedule_in_a_new_name_where_the_old_may_not_run_it(scheduled, ada, bea, acme, membership_in):
    schedule = scheduled()
    with tenant_scope(acme):
        leave(membership_in(bea, acme))
        after = schedule_save(orchestration=schedule.orchestration, wish=DAILY, user=ada, now=SET + timedelta(hours=1))
    assert (after.set_by, after.next_slot) == (ada, schedule.next_slot)


def test_a_changed_rule_counts_from_now(scheduled, ada):
    schedule = scheduled()
    with tenant_scope(schedule.tenant):
        wish = Wish(time_zone="Asia/Kathmandu", cron="0 6 * * *")
        after = schedule_save(orchestration=schedule.orchestration, wish=wish, user=ada, now=SLOT)
        assert Schedule.objects.count() == 1
    assert (after.set_by, after.next_slot) == (ada, datetime(2026, 6, 3, 0, 15, tzinfo=UTC))


def test_a_rule_that_cannot_be_is_not_saved(ready, ada):
    with tenant_scope(ready.tenant):
        with pytest.raises(ScheduleError):
            schedule_save(orchestration=ready, wish=Wish(time_zone="UTC", cron="99 * * * *"), user=ada)
        assert Schedule.objects.count() == 0


def test_no_schedule_is_left_without_a_wish_or_an_orchestration(scheduled, bea):
    schedule = scheduled()
    with tenant_scope(schedule.tenant):
        assert schedule_save(orchestration=schedule.orchestration, wish=None, user=bea) is None
        assert Schedule.objects.count() == 0
        orchestration_delete(orchestration=scheduled().orchestration)
        assert Schedule.objects.count() == 0
    assert schedules_tick(SOON) == 0
