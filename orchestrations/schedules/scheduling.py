"""Start what is due: one run per slot, with any number of beats and workers.

Whoever looks at a schedule holds the row of its orchestration or group, starts the run or records why not, and moves
the schedule on, in one transaction; the database refuses a second run of a slot, and a second one that follows the
same run, besides.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from orchestrations.choices import AfterEnds, MissedRuns, RunPurpose, RunStage, RunStatus, ScheduleKind, ScheduleOverlap
from orchestrations.groups.services import group_run_go, group_runs_open
from orchestrations.guarding import guarded
from orchestrations.models import GroupRun, Run, Schedule
from orchestrations.runs.refusals import REFUSED, SKIPPED
from orchestrations.schedules.starters import Due, Starter, starter_of
from orchestrations.schedules.timetables import schedule_membership
from orchestrations.telling import owner_tell
from tiktok_hub.acting import Via
from tiktok_hub.tenancy.scope import hub_scope

#: Runs that ended longer ago than this, before the last one that was followed, are not looked at any more.
FOLLOWED = timedelta(days=1)
COUNTED = {
    AfterEnds.SUCCEEDED: (RunStatus.SUCCEEDED,),
    AfterEnds.WITH_ERRORS: (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS),
    AfterEnds.ANY: (
        RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS, RunStatus.FAILED, RunStatus.CANCELLED,
    ),
}  # fmt: skip


def schedules_tick(now: datetime | None = None) -> int:
    """Start what is due in all tenants but sandboxes, whose schedules rest; return how many runs were started.

    Groups that run take their next steps, in sandboxes too. What fails for an unforeseen reason is left as it is,
    logged, and tried again at the next tick; it does not keep the others from starting.
    """
    now = now or timezone.now()
    with hub_scope():
        due = Q(next_slot__lte=now) | Q(waiting_slot__isnull=False) | _to_follow()
        found = list(Schedule.objects.filter(due, tenant__sandbox_of=None).select_related("tenant"))
    via = Via.SCHEDULE
    started = sum(
        guarded(each.tenant, via, f"schedule {each.pk}", partial(schedule_tick, each.pk, now)) for each in found
    )
    with hub_scope():
        running = list(group_runs_open().select_related("tenant"))
    for group_run in running:
        guarded(group_run.tenant, via, f"group run {group_run.pk}", partial(group_run_go, group_run.pk))
    return started


def schedule_tick(schedule_id: int, now: datetime) -> bool:
    """Carry out one schedule of the opened tenant; return whether something was started."""
    with transaction.atomic():
        rows = Schedule.objects.select_related("tenant", "set_by", "after", "group", "orchestration__query")
        schedule = rows.filter(pk=schedule_id).first()
        if schedule is None or schedule.tenant.sandbox_of_id is not None:
            return False
        starter_of(schedule).lock()
        # What was read before the row was held may have been carried out by somebody else.
        schedule = rows.filter(pk=schedule_id).first()
        return schedule is not None and _carry_out(schedule, now)


def _carry_out(schedule: Schedule, now: datetime) -> bool:
    starter, started = starter_of(schedule), False
    due = _due(schedule, starter, now)
    if due is None or starter.taken(due):
        schedule.waiting_slot = None
    else:
        started = _turn(schedule, starter, due, now)
    if schedule.next_slot is not None and schedule.next_slot <= now:
        schedule.next_slot = schedule.rule.next(now)
    schedule.save(update_fields=["next_slot", "waiting_slot", "anchor"])
    return started


def _due(schedule: Schedule, starter: Starter, now: datetime) -> Due | None:
    """Return what to run now: the latest that is due, since one run does for all; None while it is disabled."""
    if schedule.kind == ScheduleKind.AFTER:
        return _due_after(schedule, starter, now)
    if not schedule.enabled or not starter.enabled:
        return None
    if schedule.next_slot is None or schedule.next_slot > now:
        return Due(schedule.waiting_slot) if schedule.waiting_slot else None
    latest = schedule.rule.latest(now)
    return Due(max(latest, schedule.next_slot) if latest else schedule.next_slot)


def _due_after(schedule: Schedule, starter: Starter, now: datetime) -> Due | None:
    """Return the last run that has to be followed; those before it are left out, and nothing is made up for later."""
    if not schedule.enabled or not starter.enabled:
        schedule.anchor = now
        return None
    runs = unfollowed(schedule)
    if not runs:
        return None
    *earlier, last = runs
    for run in earlier:
        sentence = f"Run {last.pk} of “{schedule.after}” ended later, and one run follows both."
        starter.record(_followed(run), RunStatus.CANCELLED, SKIPPED, sentence)
    due = _followed(last)
    schedule.anchor = max(schedule.anchor, due.slot - FOLLOWED)
    return due


def _followed(run: Run) -> Due:
    assert run.finished_at is not None  # noqa: S101 - only runs that ended are followed
    return Due(run.finished_at, run)


def unfollowed(schedule: Schedule) -> list[Run]:
    """Return the whole runs that a schedule follows and has not followed yet, in the order in which they ended."""
    rows = _ended(schedule.after_id, schedule.anchor).filter(status__in=COUNTED[AfterEnds(schedule.ends)])
    followers = {"followed_by__orchestration": schedule.orchestration_id} if schedule.orchestration_id else {
        "followed_by_groups__group": schedule.group_id
    }  # fmt: skip
    return list(rows.exclude(**followers).order_by("finished_at", "pk"))


def _ended(orchestration: Any, since: Any) -> QuerySet[Run]:
    """Return the whole runs of an orchestration that ended later than a moment: no plans, samples or replays."""
    found: QuerySet[Run] = Run.objects.filter(
        orchestration=orchestration, finished_at__gt=since, stage=RunStage.FINISHED, purpose=RunPurpose.DELIVER,
        sample__isnull=True, replay_rows="",
    ).exclude(inputs={})  # fmt: skip
    return found


def _to_follow() -> Q:
    """Return the condition for schedules that have a run to follow."""
    ended = _ended(OuterRef("after"), OuterRef("anchor"))
    own = Run.objects.filter(after=OuterRef("pk"), orchestration=OuterRef(OuterRef("orchestration")))
    groups = GroupRun.objects.filter(after=OuterRef("pk"), group=OuterRef(OuterRef("group")))
    condition = Q()
    for ends, statuses in COUNTED.items():
        runs = ended.filter(~Exists(own), ~Exists(groups), status__in=statuses)
        condition |= Q(Exists(runs), kind=ScheduleKind.AFTER, ends=ends)
    return condition


def _turn(schedule: Schedule, starter: Starter, due: Due, now: datetime) -> bool:
    """Start what is due, let it wait, or record why it does not run."""
    if schedule.missed == MissedRuns.SKIP and due.slot != schedule.waiting_slot and _is_late(due.slot, now):
        # A slot that waits for another run was not missed: it stays, and has its turn at the next tick.
        sentence = "Nothing could run when this run was due, and missed runs of this schedule are skipped."
        starter.record(due, RunStatus.CANCELLED, SKIPPED, sentence)
        return False
    active = starter.active()
    schedule.waiting_slot = due.slot if active and schedule.overlap == ScheduleOverlap.QUEUE else None
    if not active:
        return _start(schedule, starter, due)
    if schedule.waiting_slot is None:
        sentence = f"{active} was not finished when this one was due, and such runs are skipped."
        starter.record(due, RunStatus.CANCELLED, SKIPPED, sentence)
    return False


def _is_late(slot: datetime, now: datetime) -> bool:
    return now - slot > timedelta(seconds=settings.HUB_SCHEDULE_GRACE_SECONDS)


def _start(schedule: Schedule, starter: Starter, due: Due) -> bool:
    """Start as the person would by hand; a refusal becomes a run that failed, with the sentence."""
    try:
        starter.start(due, schedule_membership(schedule))
        return True
    except PermissionDenied as error:
        sentence = f"The destination is not open to {schedule.set_by} any more, in whose name the schedule runs."
        if schedule.group_id:
            sentence = f"{error} The schedule runs in the name of {schedule.set_by}."
    except ValidationError as error:
        sentence = " ".join(error.messages)
    told = starter.was_refused()
    starter.record(due, RunStatus.FAILED, REFUSED, sentence)
    if not told:
        owner_tell(schedule, sentence)
    return False


def waiting_drop(schedule: Schedule, sentence: str) -> None:
    """Leave out the run that waits for another one to end; nothing happens where none waits."""
    with transaction.atomic():
        starter = starter_of(schedule)
        starter.lock()
        schedule.refresh_from_db()
        if schedule.waiting_slot is None:
            return
        due = Due(schedule.waiting_slot)
        if schedule.kind == ScheduleKind.AFTER:
            due = next((_followed(run) for run in unfollowed(schedule) if run.finished_at == due.slot), due)
        if not starter.taken(due):
            starter.record(due, RunStatus.CANCELLED, SKIPPED, sentence)
        schedule.waiting_slot = None
        schedule.save(update_fields=["waiting_slot"])
