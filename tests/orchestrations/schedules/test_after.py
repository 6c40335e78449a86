"""What runs after another orchestration: once for each whole run of it, and never in a circle."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection

from destinations.models import Destination
from orchestrations.choices import RunPurpose, RunStatus, RunTrigger
from orchestrations.groups.services import group_members_set
from orchestrations.models import Orchestration, OrchestrationGroup, Run, Schedule
from orchestrations.removing import orchestration_delete
from orchestrations.runs.services import run_start
from orchestrations.schedules.scheduling import schedules_tick
from orchestrations.schedules.timetables import Wish, schedule_save, schedule_switch
from tests.orchestrations.conftest import order_rows, run_through
from tests.orchestrations.several import another, end, hold, runs_of
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

DONE, PARTLY, FAILED, CANCELLED = (
    RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS, RunStatus.FAILED, RunStatus.CANCELLED,
)  # fmt: skip


@pytest.fixture
def first(acme, orchestration_of) -> Orchestration:
    """The orchestration that others follow."""
    return orchestration_of(acme, order_rows(5))


@pytest.fixture
def second(first) -> Orchestration:
    """An orchestration that follows it."""
    return another(first, "second")


@pytest.fixture
def follow(first, second, bea) -> Callable[..., Schedule]:
    """Let the second follow the first, in Bea's name."""

    def save(**changes: object) -> Schedule:
        with tenant_scope(first.tenant):
            return schedule_save(
                orchestration=second, wish=Wish(time_zone="UTC", **{"after": first, **changes}), user=bea
            )

    return save


@pytest.fixture
def run(first, ada, membership_in) -> Callable[..., Run]:
    """Start a run of the first, and let it end."""

    def go(status: RunStatus | None = DONE, **options: object) -> Run:
        with tenant_scope(first.tenant):
            membership = membership_in(ada, first.tenant)
            made = run_start(orchestration=first, membership=membership, trigger=RunTrigger.MANUAL, **options)
        return end(made, status) if status else made

    return go


def told(orchestration: Orchestration) -> list[tuple[str, str]]:
    return [(run.status, run.error.get("resolution", "")) for run in runs_of(orchestration)]


def test_a_run_follows_in_the_name_of_who_set_it(follow, run, second, bea):
    follow()
    ended = run()
    assert [schedules_tick() for _ in range(3)] == [1, 0, 0]
    (follower,) = runs_of(second)
    assert (follower.after, follower.slot, follower.trigger) == (ended, ended.finished_at, RunTrigger.SCHEDULE)
    assert (follower.status, follower.started_by) == (RunStatus.QUEUED, bea)


@pytest.mark.parametrize(
    ("ends", "followed"),
    [("succeeded", {DONE}), ("with_errors", {DONE, PARTLY}), ("any", {DONE, PARTLY, FAILED, CANCELLED})],
)
def test_only_the_ends_that_count_are_followed(follow, run, second, ends, followed):
    follow(ends=ends)
    for status in (DONE, PARTLY, FAILED, CANCELLED):
        run(status)
        assert schedules_tick() == (status in followed), status
        for follower in runs_of(second):
            end(follower)


@pytest.mark.parametrize("options", [{"sample": 10}, {"purpose": RunPurpose.PLAN}], ids=["sample", "plan"])
def test_neither_samples_nor_plans_are_followed(follow, run, options):
    follow(ends="any")
    run(**options)
    assert schedules_tick() == 0


def test_a_run_that_has_not_ended_is_not_followed(follow, run):
    follow(ends="any")
    run(status=None)
    assert schedules_tick() == 0


def test_a_run_that_never_started_is_not_followed(follow, first, second, bea):
    follow(ends="any")
    with tenant_scope(first.tenant):
        schedule_save(orchestration=first, wish=Wish(time_zone="UTC", every_minutes=5), user=bea)
        Schedule.objects.filter(orchestration=first).update(next_slot=datetime.now(tz=UTC) - timedelta(seconds=5))
        Destination.objects.update(enabled=False)
    schedules_tick()
    with tenant_scope(first.tenant):
        Destination.objects.update(enabled=True)
    schedules_tick()
    assert (told(first), told(second)) == [[(FAILED, "schedule_refused")], []] or told(second) == []


def test_runs_that_ended_before_it_was_set_are_not_followed(follow, run):
    run()
    follow()
    assert schedules_tick() == 0


def test_nothing_is_made_up_for_after_a_pause(follow, run, bea):
    schedule = follow()
    with tenant_scope(schedule.tenant):
        schedule_switch(schedule=schedule, enabled=False, user=bea)
    run()
    assert schedules_tick() == 0
    with tenant_scope(schedule.tenant):
        schedule.refresh_from_db()
        schedule_switch(schedule=schedule, enabled=True, user=bea)
    assert schedules_tick() == 0
    run()
    assert schedules_tick() == 1


def test_nothing_is_made_up_for_what_ended_while_the_follower_was_disabled(follow, run, second):
    follow()
    with tenant_scope(second.tenant):
        Orchestration.objects.filter(pk=second.pk).update(enabled=False)
    run()
    assert schedules_tick() == 0
    with tenant_scope(second.tenant):
        Orchestration.objects.filter(pk=second.pk).update(enabled=True)
    assert schedules_tick() == 0


def test_a_retried_run_that_succeeds_is_followed_once(follow, run, second):
    follow(ends="any")
    failed = run(FAILED)
    schedules_tick()
    for follower in runs_of(second):
        end(follower)
    end(failed, DONE)
    assert schedules_tick() == 0
    assert len(runs_of(second)) == 1


def test_a_run_that_succeeds_only_when_retried_is_followed_then(follow, run):
    follow()
    failed = run(FAILED)
    assert schedules_tick() == 0
    end(failed, DONE)
    assert schedules_tick() == 1


def test_one_run_follows_several_that_ended_meanwhile(follow, run, second):
    follow()
    ended = [run() for _ in range(3)]
    assert schedules_tick() == 1
    assert [follower.after for follower in runs_of(second)] == ended
    assert told(second) == [(CANCELLED, "schedule_skipped")] * 2 + [(RunStatus.QUEUED, "")]


def test_a_follower_that_is_busy_skips_or_waits(follow, run, second):
    for overlap, then in (("skip", 0), ("queue", 1)):
        follow(overlap=overlap)
        run()
        schedules_tick()
        run()
        assert schedules_tick() == 0
        for follower in runs_of(second, status=RunStatus.QUEUED):
            end(follower)
        assert [schedules_tick(), schedules_tick()] == [then, 0], overlap


def test_missed_runs_are_made_up_for_or_left_out(follow, run, second):
    follow(missed="skip")
    run()
    assert schedules_tick(datetime.now(tz=UTC) + timedelta(hours=1)) == 0
    assert told(second) == [(CANCELLED, "schedule_skipped")]
    follow(missed="once")
    run()
    assert schedules_tick(datetime.now(tz=UTC) + timedelta(hours=1)) == 1


def test_a_waiting_follower_was_not_missed(follow, run, second):
    follow(missed="skip", overlap="queue")
    run()
    schedules_tick()
    run()
    schedules_tick()
    end(runs_of(second)[0])
    assert schedules_tick(datetime.now(tz=UTC) + timedelta(hours=1)) == 1


def test_rights_are_asked_again_at_each_start(follow, run, second, acme, bea, membership_in):
    follow()
    with tenant_scope(acme):
        Membership.objects.filter(user=bea).delete()
    run()
    assert schedules_tick() == 0
    assert told(second) == [(FAILED, "schedule_refused")]


def test_many_ticks_at_once_follow_once(follow, run, second):
    follow()
    run()
    barrier, started = threading.Barrier(4), []

    def tick() -> None:
        try:
            barrier.wait()
            started.append(schedules_tick())
        finally:
            connection.close()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started) == [0, 0, 0, 1]
    assert len(runs_of(second)) == 1


def test_the_database_refuses_a_second_follower(follow, run, second):
    follow()
    ended = run()
    schedules_tick()
    with tenant_scope(second.tenant), pytest.raises(IntegrityError):
        Run.objects.create(tenant=second.tenant, orchestration=second, after=ended)


def test_another_tenants_runs_are_not_followed(follow, globex, charlie, orchestration_of, membership_in):
    follow()
    other = orchestration_of(globex, order_rows(5))
    with tenant_scope(globex):
        started = run_start(orchestration=other, membership=membership_in(charlie, globex), trigger=RunTrigger.MANUAL)
    end(started)
    assert schedules_tick() == 0


def test_the_end_of_a_run_rings_for_what_follows_it(follow, first, run, emulator, monkeypatch):
    rung: list[tuple[object, ...]] = []
    monkeypatch.setattr("orchestrations.doorbell.task_send", lambda *args: bool(rung.append(args)))
    follow()
    started = run(status=None)
    with tenant_scope(first.tenant):
        run_through(started)
    assert ("schedules_tick",) in rung


def chain(first: Orchestration, names: str, user: object) -> list[Orchestration]:
    """Let each of some orchestrations follow the one before it."""
    made = [first, *(another(first, name) for name in names)]
    for before, after in zip(made, made[1:], strict=False):
        schedule_save(orchestration=after, wish=Wish(time_zone="UTC", after=before), user=user)
    return made


def test_circles_are_refused_and_named(first, bea):
    with tenant_scope(first.tenant):
        made = chain(first, "bc", bea)
        circle = "“purchases-to-tiktok” → “b” → “c” → “purchases-to-tiktok”"
        with pytest.raises(ValidationError, match=circle):
            schedule_save(orchestration=first, wish=Wish(time_zone="UTC", after=made[-1]), user=bea)
        with pytest.raises(ValidationError, match="circle"):
            schedule_save(orchestration=first, wish=Wish(time_zone="UTC", after=first), user=bea)
        assert not Schedule.objects.filter(orchestration=first).exists()


def test_circles_through_groups_are_refused(first, bea):
    with tenant_scope(first.tenant):
        made = chain(first, "b", bea)
        group = OrchestrationGroup.objects.create(tenant=first.tenant, name="nightly")
        schedule_save(orchestration=group, wish=Wish(time_zone="UTC", after=made[-1]), user=bea)
        with pytest.raises(ValidationError, match="“nightly” → “purchases-to-tiktok” → “b” → “nightly”"):
            group_members_set(group=group, members=[first])
        schedule_save(orchestration=group, wish=None, user=bea)
        group_members_set(group=group, members=[first])
        with pytest.raises(ValidationError, match="circle"):
            schedule_save(orchestration=group, wish=Wish(time_zone="UTC", after=made[-1]), user=bea)


def test_what_others_follow_is_not_deleted(follow, first, second):
    follow()
    with tenant_scope(first.tenant):
        with pytest.raises(ValidationError, match="“second” runs after “purchases-to-tiktok”"):
            orchestration_delete(orchestration=first)
        orchestration_delete(orchestration=second)
        orchestration_delete(orchestration=first)


def test_a_held_run_is_followed_when_it_has_ended(follow, run):
    follow(ends="any")
    held = hold(run(status=None))
    assert schedules_tick() == 0
    end(held, CANCELLED)
    assert schedules_tick() == 1
