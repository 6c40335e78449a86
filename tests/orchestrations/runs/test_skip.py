"""Skip: leave a run as it is, by whom it may be, and let go on what waited for it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from orchestrations.choices import RunPurpose, RunStage, RunStatus, RunTrigger
from orchestrations.models import Orchestration, Run, Schedule
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_start
from orchestrations.runs.skipping import run_skip
from orchestrations.schedules.scheduling import schedules_tick
from orchestrations.schedules.timetables import Wish, schedule_save
from tests.orchestrations.conftest import order_rows
from tests.orchestrations.several import another, end, hold, runs_of
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

DONE, PARTLY, FAILED, CANCELLED, HELD = (
    RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.HELD,
)  # fmt: skip


@pytest.fixture
def ready(acme, orchestration_of) -> Orchestration:
    """An orchestration of Acme that can run."""
    return orchestration_of(acme, order_rows(5))


@pytest.fixture
def run(ready, ada, membership_in) -> Callable[..., Run]:
    """Start a run and bring it into a state."""

    def go(status: RunStatus, **options: object) -> Run:
        with tenant_scope(ready.tenant):
            membership = membership_in(ada, ready.tenant)
            made = run_start(orchestration=ready, membership=membership, trigger=RunTrigger.MANUAL, **options)
        return hold(made) if status == HELD else end(made, status)

    return go


@pytest.fixture
def skip(ready, membership_in) -> Callable[..., Run]:
    """Skip a run as somebody."""

    def go(run: Run, user: object) -> Run:
        with tenant_scope(ready.tenant):
            return run_skip(run=run, membership=membership_in(user, ready.tenant))

    return go


@pytest.mark.parametrize("status", [FAILED, PARTLY, CANCELLED])
def test_a_run_that_ended_badly_is_left_as_it_is(run, skip, bea, status):
    left = skip(run(status), bea)
    assert (left.status, left.skipped_by) == (status, bea)
    with tenant_scope(left.tenant):
        (entry,) = Entry.objects.filter(action="run.skipped")
        assert (entry.object_id, entry.object_name) == (str(left.pk), str(left))


def test_a_held_run_that_is_skipped_ends_as_cancelled(run, skip, olga):
    left = skip(run(HELD), olga)
    assert (left.status, left.stage, left.skipped_by) == (CANCELLED, RunStage.FINISHED, olga)


def restricted(membership: Membership) -> None:
    membership.restrict_data_exports = True
    membership.save()


@pytest.mark.parametrize(
    ("status", "who", "change", "sentence"),
    [
        (HELD, "bea", None, "may not release held runs"),
        (FAILED, "rita", None, "may not start runs"),
        (FAILED, "bea", restricted, "data exports are restricted"),
        (FAILED, "ben", None, "not open to you"),
    ],
    ids=["held by a business user", "read only", "restricted", "closed"],
)
def test_who_may_not_run_or_release_skips_nothing(
    request, run, skip, acme, membership_in, status, who, change, sentence
):
    user = request.getfixturevalue(who)
    if change:
        with tenant_scope(acme):
            change(membership_in(user, acme))
    with pytest.raises(PermissionDenied, match=sentence):
        skip(run(status), user)


def test_there_is_nothing_to_skip_of_what_goes_well_or_is_skipped_already(run, skip, ada):
    for made in (run(DONE), run(FAILED, purpose=RunPurpose.PLAN)):
        with pytest.raises(ValidationError, match="nothing to skip"):
            skip(made, ada)
    failed = run(FAILED)
    skip(failed, ada)
    with pytest.raises(ValidationError, match="was left as it is already"):
        skip(run_again(failed), ada)


def run_again(run: Run) -> Run:
    with tenant_scope(run.tenant):
        return Run.objects.select_related("tenant", "orchestration").get(pk=run.pk)


def test_a_skipped_run_can_be_retried_and_is_not_skipped_then(run, skip, ada, acme, membership_in):
    left = skip(run(FAILED), ada)
    with tenant_scope(acme):
        again = run_retry(run=left, membership=membership_in(ada, acme))
    assert (again.status, again.skipped_at, again.skipped_by) == (RunStatus.QUEUED, None, None)


def test_what_waited_for_a_held_run_is_left_out_with_it(ready, run, skip, ada, bea):
    with tenant_scope(ready.tenant):
        wish = Wish(time_zone="UTC", every_minutes=60, overlap="queue")
        schedule_save(orchestration=ready, wish=wish, user=bea)
        Schedule.objects.update(next_slot=datetime.now(tz=UTC) - timedelta(seconds=5))
    held = run(HELD)
    assert schedules_tick() == 0
    skip(held, ada)
    assert schedules_tick() == 0
    (waited,) = runs_of(ready, trigger=RunTrigger.SCHEDULE)
    assert (waited.status, waited.error["resolution"]) == (CANCELLED, "schedule_skipped")
    assert f"waited for run {held.pk}" in waited.error["sentence"]


def test_what_waited_to_follow_is_left_out_with_the_held_run_before_it(ready, ada, bea, skip, membership_in):
    follower = another(ready, "follower")
    with tenant_scope(ready.tenant):
        schedule_save(orchestration=follower, wish=Wish(time_zone="UTC", after=ready, overlap="queue"), user=bea)
        for orchestration in (follower, ready):
            membership = membership_in(ada, ready.tenant)
            run_start(orchestration=orchestration, membership=membership, trigger=RunTrigger.MANUAL)
    held, ended = hold(runs_of(follower)[0]), end(runs_of(ready)[0])
    assert schedules_tick() == 0
    skip(run_again(held), ada)
    assert schedules_tick() == 0
    (waited,) = runs_of(follower, trigger=RunTrigger.SCHEDULE)
    assert (waited.status, waited.after) == (CANCELLED, ended)
