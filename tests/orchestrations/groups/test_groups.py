"""Groups: members in order or at once, each once, whoever looks and however often."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django_scopes import scopes_disabled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from destinations.models import Destination
from orchestrations.choices import RunStatus, RunTrigger
from orchestrations.groups.services import (
    group_delete,
    group_members_set,
    group_run_cancel,
    group_run_go,
    group_run_start,
    groups_visible_to,
)
from orchestrations.models import GroupRun, Orchestration, OrchestrationGroup, Run, Schedule
from orchestrations.removing import orchestration_delete
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_start
from orchestrations.runs.skipping import run_skip
from orchestrations.schedules.scheduling import schedules_tick
from orchestrations.schedules.timetables import Wish, schedule_save
from tests.orchestrations.conftest import order_rows
from tests.orchestrations.several import another, end, hold
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

DONE, PARTLY, FAILED, CANCELLED, HELD = (
    RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.HELD,
)  # fmt: skip
SET = datetime(2026, 6, 1, 12, tzinfo=UTC)
SOON = datetime(2026, 6, 2, 2, 30, 7, tzinfo=UTC)


@pytest.fixture
def members(acme, orchestration_of) -> list[Orchestration]:
    """Three orchestrations."""
    first = orchestration_of(acme, order_rows(5))
    return [first, another(first, "b"), another(first, "c")]


@pytest.fixture
def group(acme, members) -> OrchestrationGroup:
    """A group of them."""
    with tenant_scope(acme):
        made = OrchestrationGroup.objects.create(tenant=acme, name="nightly")
        group_members_set(group=made, members=members)
    return made


@pytest.fixture
def start(group, bea, membership_in) -> Callable[..., GroupRun]:
    """Start the group in Bea's name, with other choices, and take the first step."""

    def go(**choices: str) -> GroupRun:
        with tenant_scope(group.tenant):
            for name, value in choices.items():
                setattr(group, name, value)
            group.save()
            membership = membership_in(bea, group.tenant)
            made = group_run_start(group=group, membership=membership, trigger=RunTrigger.MANUAL)
        return step(made)

    return go


def step(group_run: GroupRun) -> GroupRun:
    """Do what the task does, and look."""
    with tenant_scope(group_run.tenant):
        group_run_go(group_run.pk)
        group_run.refresh_from_db()
    return group_run


def member(group_run: GroupRun, position: int) -> Run:
    """Return a member's run."""
    with scopes_disabled():
        return Run.objects.select_related("tenant", "orchestration").get(group_run=group_run, position=position)


def places(group_run: GroupRun) -> list[int]:
    """Return the places of the members that have a run."""
    with scopes_disabled():
        return list(Run.objects.filter(group_run=group_run).order_by("position").values_list("position", flat=True))


def test_members_run_one_after_another(start, bea):
    group_run = start()
    for position in (1, 2, 3):
        assert places(group_run) == list(range(1, position + 1))
        run = member(group_run, position)
        assert (run.trigger, run.started_by, group_run.status) == (RunTrigger.GROUP, bea, RunStatus.RUNNING)
        end(run)
        step(group_run)
    assert (group_run.status, group_run.is_finished) == (DONE, True)


def test_members_run_all_at_once(start):
    group_run = start(order="parallel")
    assert places(group_run) == [1, 2, 3]
    for position, status in ((1, FAILED), (2, DONE), (3, DONE)):
        end(member(group_run, position), status)
    assert step(group_run).status == FAILED


def test_a_failure_stops_the_group_and_says_so(start):
    group_run = start()
    end(member(group_run, 1), FAILED)
    step(group_run)
    assert (group_run.status, places(group_run)) == (FAILED, [1])
    assert (
        group_run.error["sentence"] == "“purchases-to-tiktok” failed, and the group stops then. 2 after it did not run."
    )


def test_a_failure_lets_the_group_go_on_where_it_says_so(start):
    group_run = start(on_failure="go_on")
    for position, status in ((1, FAILED), (2, DONE), (3, DONE)):
        end(member(group_run, position), status)
        step(group_run)
    assert group_run.status == PARTLY


def test_a_held_run_makes_the_group_wait(start):
    group_run = start()
    held = hold(member(group_run, 1))
    assert (step(group_run).status, places(group_run)) == (HELD, [1])
    end(held)
    assert (step(group_run).status, places(group_run)) == (RunStatus.RUNNING, [1, 2])


@pytest.mark.parametrize("status", [FAILED, HELD])
def test_a_skipped_run_lets_the_group_go_on(start, ada, membership_in, status):
    group_run = start()
    run = hold(member(group_run, 1)) if status == HELD else end(member(group_run, 1), status)
    step(group_run)
    with tenant_scope(group_run.tenant):
        run_skip(run=run, membership=membership_in(ada, group_run.tenant))
    assert (step(group_run).status, places(group_run)) == (RunStatus.RUNNING, [1, 2])


def test_a_retried_run_lets_a_stopped_group_go_on(start, bea, membership_in):
    group_run = start()
    run = end(member(group_run, 1), FAILED)
    step(group_run)
    with tenant_scope(group_run.tenant):
        run_retry(run=run, membership=membership_in(bea, group_run.tenant))
    assert (step(group_run).status, places(group_run), group_run.error) == (RunStatus.RUNNING, [1], {})
    end(run)
    assert places(step(group_run)) == [1, 2]


def test_a_group_that_has_run_again_since_does_not_go_on(start, bea, membership_in):
    stopped = start()
    run = end(member(stopped, 1), FAILED)
    step(stopped)
    later = start()
    with tenant_scope(stopped.tenant):
        run_skip(run=run, membership=membership_in(bea, stopped.tenant))
    assert (step(stopped).status, places(stopped), places(later)) == (FAILED, [1], [1])


def rights(members: list[Orchestration]) -> None:
    Membership.objects.filter(policy=Policy.BUSINESS_USER).update(policy=Policy.READ_ONLY)


def disabled(members: list[Orchestration]) -> None:
    Orchestration.objects.filter(pk=members[1].pk).update(enabled=False)


def destination(members: list[Orchestration]) -> None:
    Destination.objects.update(enabled=False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [(rights, "You may not start runs"), (disabled, "is disabled"), (destination, "is disabled")],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_member_that_may_not_start_fails_with_the_sentence(start, members, change, sentence):
    group_run = start()
    end(member(group_run, 1))
    with tenant_scope(group_run.tenant):
        change(members)
    step(group_run)
    run = member(group_run, 2)
    assert (group_run.status, run.status, run.error["resolution"]) == (FAILED, FAILED, "group_refused")
    assert sentence in run.error["sentence"]


def test_a_member_that_runs_already_fails(start, members, bea, membership_in, acme):
    with tenant_scope(acme):
        run_start(orchestration=members[1], membership=membership_in(bea, acme), trigger=RunTrigger.MANUAL)
    group_run = start(order="parallel")
    assert "is not finished yet" in member(group_run, 2).error["sentence"]
    assert [member(group_run, position).status for position in (1, 3)] == [RunStatus.QUEUED] * 2


def test_members_that_are_not_open_fail_and_groups_of_them_are_not_shown(group, start, ada, bea, ben, membership_in):
    with tenant_scope(group.tenant):
        assert group in groups_visible_to(membership_in(bea, group.tenant))
        assert group not in groups_visible_to(membership_in(ben, group.tenant))
        with pytest.raises(PermissionDenied, match="open to you"):
            group_run_start(group=group, membership=membership_in(ben, group.tenant), trigger=RunTrigger.MANUAL)
        Destination.objects.update(admin_only=True)
        with pytest.raises(PermissionDenied):
            start()
        assert group_run_start(group=group, membership=membership_in(ada, group.tenant), trigger=RunTrigger.API)


def test_a_group_runs_once_at_a_time(start):
    start()
    with pytest.raises(ValidationError, match="is not finished yet"):
        start()


def test_an_empty_or_disabled_group_is_not_started(group, start):
    with pytest.raises(ValidationError, match="is disabled"):
        start(enabled=False)
    with tenant_scope(group.tenant):
        group_members_set(group=group, members=[])
    with pytest.raises(ValidationError, match="has no members"):
        start(enabled=True)


def test_cancelling_ends_the_group_and_its_runs(start):
    group_run = start(order="parallel")
    hold(member(group_run, 2))
    end(member(group_run, 3))
    with tenant_scope(group_run.tenant):
        group_run_cancel(group_run=group_run)
    assert [member(group_run, position).status for position in (1, 2, 3)] == [CANCELLED, CANCELLED, DONE]
    assert (step(group_run).status, group_run.is_finished) == (CANCELLED, True)
    with tenant_scope(group_run.tenant), pytest.raises(ValidationError, match="has ended already"):
        group_run_cancel(group_run=group_run)


def test_a_cancelled_group_starts_nothing_more_when_a_run_is_retried(start, bea, membership_in):
    group_run = start()
    with tenant_scope(group_run.tenant):
        group_run_cancel(group_run=group_run)
        run_retry(run=member(group_run, 1), membership=membership_in(bea, group_run.tenant))
    end(member(group_run, 1))
    assert (step(group_run).status, places(group_run)) == (CANCELLED, [1])


def test_members_of_a_group_are_not_deleted_and_a_deleted_group_leaves_their_runs(group, start, members):
    group_run = start()
    with tenant_scope(group.tenant):
        end(member(group_run, 1), FAILED)
        with pytest.raises(ValidationError, match="is a member of the group “nightly”"):
            orchestration_delete(orchestration=members[0])
        with pytest.raises(ValidationError, match="is not finished yet"):
            group_delete(group=group)
    step(group_run)
    with tenant_scope(group.tenant):
        group_delete(group=group)
        assert Run.objects.get().group_run is None


def test_a_member_that_was_deleted_meanwhile_is_passed_over(group, start, members):
    group_run = start()
    with tenant_scope(group.tenant):
        group_members_set(group=group, members=[members[0], members[2]])
        orchestration_delete(orchestration=members[1])
    end(member(group_run, 1))
    assert places(step(group_run)) == [1, 3]


def scheduled(group: OrchestrationGroup, user: object, **changes: object) -> Schedule:
    with tenant_scope(group.tenant):
        wish = Wish(**{"time_zone": "UTC", "cron": "30 2 * * *", **changes})
        return schedule_save(orchestration=group, wish=wish, user=user, now=SET)


def group_runs(group: OrchestrationGroup) -> list[GroupRun]:
    with scopes_disabled():
        return list(GroupRun.objects.filter(group=group).order_by("pk"))


def test_a_scheduled_group_runs_once_per_slot_and_takes_its_first_step(group, bea):
    scheduled(group, bea)
    assert [schedules_tick(SOON) for _ in range(3)] == [1, 0, 0]
    (group_run,) = group_runs(group)
    assert (group_run.trigger, group_run.started_by, places(group_run)) == (RunTrigger.SCHEDULE, bea, [1])
    with tenant_scope(group.tenant), transaction.atomic(), pytest.raises(IntegrityError):
        GroupRun.objects.create(tenant=group.tenant, group=group, slot=group_run.slot)


def test_the_tick_takes_the_steps_that_a_lost_task_did_not(group, start):
    group_run = start()
    end(member(group_run, 1))
    schedules_tick(SOON)
    assert places(group_run) == [1, 2]


def test_a_group_follows_another_orchestration(group, members, bea, membership_in):
    leader = another(members[0], "leader")
    scheduled(group, bea, cron="", after=leader)
    with tenant_scope(group.tenant):
        run = run_start(orchestration=leader, membership=membership_in(bea, group.tenant), trigger=RunTrigger.API)
    end(run)
    assert [schedules_tick(), schedules_tick()] == [1, 0]
    assert [each.after_id for each in group_runs(group)] == [run.pk]


def test_a_slot_of_a_group_that_still_runs_is_skipped_or_waits(group, bea):
    day = timedelta(days=1)
    scheduled(group, bea, overlap="queue")
    assert [schedules_tick(SOON), schedules_tick(SOON + day)] == [1, 0]
    with tenant_scope(group.tenant):
        group_run_cancel(group_run=group_runs(group)[0])
    assert schedules_tick(SOON + day) == 1
    scheduled(group, bea, overlap="skip")
    schedules_tick(SOON + 2 * day)
    assert [each.error.get("resolution") for each in group_runs(group)] == [None, None, "schedule_skipped"]


def test_a_scheduled_group_whose_owner_may_not_start_it_says_so(group, bea, mailoutbox):
    scheduled(group, bea)
    with tenant_scope(group.tenant):
        Membership.objects.filter(user=bea).update(policy=Policy.READ_ONLY)
    assert schedules_tick(SOON) == 0
    (group_run,) = group_runs(group)
    assert (group_run.status, group_run.error["resolution"]) == (FAILED, "schedule_refused")
    assert "may not start runs here any more" in group_run.error["sentence"]


def test_another_tenants_group_is_not_stepped_under_ones_own_scope(start, globex):
    group_run = start()
    end(member(group_run, 1))
    with tenant_scope(globex):
        group_run_go(group_run.pk)
        assert not groups_visible_to(None).exists()
    assert places(group_run) == [1]


def test_many_workers_at_once_start_each_member_once(start):
    group_run = start(order="sequence")
    end(member(group_run, 1))
    barrier = threading.Barrier(4)

    def work() -> None:
        try:
            barrier.wait()
            with tenant_scope(group_run.tenant):
                group_run_go(group_run.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert places(group_run) == [1, 2]


ENDS = st.lists(st.sampled_from([DONE, PARTLY, FAILED, HELD, "look", "look"]), max_size=8)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choices=st.sampled_from(list(product(["sequence", "parallel"], ["stop", "go_on"]))), deeds=ENDS)
def test_whatever_happens_in_between_each_member_runs_at_most_once_and_in_order(group, start, choices, deeds):
    group_run = start(order=choices[0], on_failure=choices[1])
    for deed in deeds:
        if deed == "look":
            step(group_run)
            continue
        with scopes_disabled():
            active = Run.objects.filter(group_run=group_run).exclude(status__in=[DONE, PARTLY, FAILED]).first()
        if active is not None:
            hold(active) if deed == HELD else end(active, deed)
    step(group_run)
    found = places(group_run)
    assert found == list(range(1, len(found) + 1))
    with tenant_scope(group_run.tenant):
        if not group_run.is_finished:
            group_run_cancel(group_run=group_run)
        Run.objects.filter(group_run=group_run).delete()
