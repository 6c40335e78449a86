"""Set schedules, and start the runs that are due: one run per slot, with any number of beats and workers.

Whoever looks at a schedule holds the row of its orchestration, starts the run or records why not, and moves the
schedule on, in one transaction; the database refuses a second run of a slot besides.
"""

import logging
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from orchestrations.access import RUN, access_check
from orchestrations.choices import MissedRuns, RunStage, RunStatus, RunTrigger, ScheduleKind, ScheduleOverlap
from orchestrations.finishing import local_error
from orchestrations.models import Orchestration, Run, Schedule
from orchestrations.schedules import Cron, Interval, Rule
from orchestrations.services import run_active, run_start
from orchestrations.telling import owner_tell
from tiktok_hub.acting import Via, acting_as
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.backends import membership_of
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.policies import membership_allows
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

logger = logging.getLogger(__name__)

REFUSED, SKIPPED = "schedule_refused", "schedule_skipped"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a schedule: `cron` or `every_minutes`, and the choices that go with it."""

    time_zone: str
    cron: str = ""
    every_minutes: int | None = None
    overlap: str = ScheduleOverlap.SKIP
    missed: str = MissedRuns.ONCE
    enabled: bool = True

    @property
    def kind(self) -> ScheduleKind:
        """Return which of the two it is."""
        return ScheduleKind.INTERVAL if self.every_minutes is not None else ScheduleKind.CRON

    def rule(self, anchor: datetime) -> Rule:
        """Return the rule; raise ScheduleError where there is none."""
        if self.every_minutes is not None:
            return Interval(self.every_minutes, anchor, self.time_zone)
        return Cron(self.cron, self.time_zone)

    def fields(self) -> dict[str, Any]:
        """Return the model's fields."""
        return {
            "kind": self.kind, "cron": self.cron, "every_minutes": self.every_minutes, "time_zone": self.time_zone,
            "overlap": self.overlap, "missed": self.missed, "enabled": self.enabled,
        }  # fmt: skip


SCHEDULED = "A schedule sends this by itself, in somebody else's name, and you may not change what it sends."


def anchor_for(wish: Wish, present: Schedule | None, now: datetime) -> datetime:
    """Return from when an interval counts: an interval that stays as it is keeps its beat, a new one starts now."""
    if present is not None and present.kind == wish.kind and present.every_minutes == wish.every_minutes:
        return present.anchor
    return now.replace(second=0, microsecond=0)


def schedule_save(
    *, orchestration: Orchestration, wish: Wish | None, user: User | None, now: datetime | None = None
) -> Schedule | None:
    """Give an orchestration a schedule, or none; runs start on behalf of `user` from now on.

    A schedule that stays as it is keeps whose it is, while they may start its runs. Slots count from now: a change
    never makes up for earlier ones. Raise ScheduleError for a rule that cannot be.
    """
    now = now or timezone.now()
    with transaction.atomic():
        Orchestration.objects.select_for_update().get(pk=orchestration.pk)
        present = Schedule.objects.select_related("set_by").filter(orchestration=orchestration).first()
        if wish is None:
            Schedule.objects.filter(orchestration=orchestration).delete()
            return None
        if present is not None and schedule_stays(present, wish):
            return present
        anchor = anchor_for(wish, present, now)
        rule = wish.rule(anchor)
        goes_on = present is not None and present.enabled == wish.enabled and present.rule == rule
        schedule = present or Schedule(tenant=orchestration.tenant, orchestration=orchestration)
        for name, value in wish.fields().items():
            setattr(schedule, name, value)
        schedule.anchor, schedule.set_by, schedule.set_at = anchor, user, now
        if not goes_on:
            schedule.next_slot, schedule.waiting_slot = rule.next(now), None
        schedule.save()
    return schedule


def schedule_stays(schedule: Schedule, wish: Wish) -> bool:
    """Say whether a schedule is as wished already, and goes on in the name in which it runs."""
    as_wished = all(getattr(schedule, name) == value for name, value in wish.fields().items())
    return as_wished and schedule_stands(schedule)


def schedule_switch(*, schedule: Schedule, enabled: bool, user: User) -> Schedule | None:
    """Let a schedule rest, or go on with the next slot from now, in the name of `user`.

    Raise PermissionDenied where runs would start in the name of somebody who may not start them.
    """
    if enabled:
        access_check(membership_of(user, schedule.tenant), schedule.orchestration.destination, RUN)
    wish = Wish(
        time_zone=schedule.time_zone, cron=schedule.cron, every_minutes=schedule.every_minutes,
        overlap=schedule.overlap, missed=schedule.missed, enabled=enabled,
    )  # fmt: skip
    return schedule_save(orchestration=schedule.orchestration, wish=wish, user=user)


def schedule_stands(schedule: Schedule) -> bool:
    """Say whether the person in whose name a schedule runs may (still) start its runs."""
    try:
        access_check(_membership(schedule), schedule.orchestration.destination, RUN)
    except (PermissionDenied, ValidationError):
        return False
    return True


def scheduled_change_check(orchestrations: QuerySet[Orchestration], membership: Membership | None) -> None:
    """Raise ValidationError where somebody would change what schedules send, whose runs they may not start themselves.

    Schedules run in the name of whoever set them: who may not send must not choose what somebody else's name sends.
    """
    for each in orchestrations.filter(schedule__enabled=True).select_related("destination", "tenant"):
        try:
            access_check(membership, each.destination, RUN)
        except PermissionDenied as error:
            raise ValidationError(f"{SCHEDULED} {error}") from None


def schedules_tick(now: datetime | None = None) -> int:
    """Start what is due in all tenants but sandboxes, whose schedules rest; return how many runs were started.

    A schedule whose start fails for an unforeseen reason is left as it is, logged, and tried again at the next tick;
    it does not keep the others from starting.
    """
    now = now or timezone.now()
    due = Q(next_slot__lte=now) | Q(waiting_slot__isnull=False)
    with hub_scope():
        found = list(
            Schedule.objects.filter(due, tenant__sandbox_of=None).order_by("next_slot", "pk").select_related("tenant")
        )
    return sum(_tick_guarded(schedule.tenant, schedule.orchestration_id, now) for schedule in found)


def _tick_guarded(tenant: Tenant, orchestration_id: int, now: datetime) -> bool:
    try:
        with tenant_scope(tenant), acting_as(None, Via.SCHEDULE):
            return schedule_tick(orchestration_id, now) is not None
    except Exception as error:
        # The error's own text may quote a value: the log gets its class and the way through the code.
        way = "".join(traceback.format_tb(error.__traceback__))
        logger.error("the schedule of orchestration %s: %s\n%s", orchestration_id, type(error).__name__, way)
        return False


def schedule_tick(orchestration_id: int, now: datetime) -> Run | None:
    """Start the run that is due of one orchestration of the opened tenant; return it, None where none was started."""
    with transaction.atomic():
        if not Orchestration.objects.select_for_update().filter(pk=orchestration_id).first():
            return None
        rows = Schedule.objects.select_related("orchestration__query", "orchestration__tenant", "set_by")
        schedule = rows.filter(orchestration=orchestration_id).first()
        if schedule is None or schedule.orchestration.tenant.sandbox_of_id is not None:
            return None
        slot, started = _due(schedule, now), None
        if slot is None or Run.objects.filter(orchestration=orchestration_id, slot=slot).exists():
            schedule.waiting_slot = None
        else:
            started = _slot_run(schedule, slot, now)
        if schedule.next_slot is not None and schedule.next_slot <= now:
            schedule.next_slot = schedule.rule.next(now)
        schedule.save(update_fields=["next_slot", "waiting_slot"])
    return started


def _due(schedule: Schedule, now: datetime) -> datetime | None:
    """Return the slot to run now: the latest that is due, since one run does for all; None while it is disabled."""
    if not schedule.enabled or not schedule.orchestration.enabled:
        return None
    if schedule.next_slot is None or schedule.next_slot > now:
        return schedule.waiting_slot
    latest = schedule.rule.latest(now)
    return max(latest, schedule.next_slot) if latest else schedule.next_slot


def _slot_run(schedule: Schedule, slot: datetime, now: datetime) -> Run | None:
    """Start the run of a slot, let it wait, or record why it does not run."""
    if schedule.missed == MissedRuns.SKIP and slot != schedule.waiting_slot and _is_late(slot, now):
        # A slot that waits for another run was not missed: it stays, and has its turn at the next tick.
        sentence = "Nothing could run when this run was due, and missed runs of this schedule are skipped."
        _record(schedule, slot, RunStatus.CANCELLED, SKIPPED, sentence)
        return None
    active = run_active(schedule.orchestration)
    schedule.waiting_slot = slot if active is not None and schedule.overlap == ScheduleOverlap.QUEUE else None
    if active is None:
        return _start(schedule, slot)
    if schedule.waiting_slot is None:
        sentence = f"Run {active.pk} was not finished when this one was due, and such runs are skipped."
        _record(schedule, slot, RunStatus.CANCELLED, SKIPPED, sentence)
    return None


def _is_late(slot: datetime, now: datetime) -> bool:
    return now - slot > timedelta(seconds=settings.HUB_SCHEDULE_GRACE_SECONDS)


def _start(schedule: Schedule, slot: datetime) -> Run | None:
    """Start a run as the person would by hand; a refusal becomes a run that failed, with the sentence."""
    try:
        return run_start(
            orchestration=schedule.orchestration, membership=_membership(schedule), trigger=RunTrigger.SCHEDULE,
            slot=slot,
        )  # fmt: skip
    except PermissionDenied:
        sentence = f"The destination is not open to {schedule.set_by} any more, in whose name the schedule runs."
    except ValidationError as error:
        sentence = " ".join(error.messages)
    told = _was_refused(schedule)
    _record(schedule, slot, RunStatus.FAILED, REFUSED, sentence)
    if not told:
        owner_tell(schedule, sentence)
    return None


def _was_refused(schedule: Schedule) -> bool:
    """Say whether the slot before was refused too, so that its owner knows."""
    last = Run.objects.filter(orchestration=schedule.orchestration_id, trigger=RunTrigger.SCHEDULE).first()
    return last is not None and last.error.get("resolution") == REFUSED


def _membership(schedule: Schedule) -> Membership:
    """Ask again whether the person in whose name the schedule runs may start runs; raise ValidationError if not."""
    user = schedule.set_by
    if user is None:
        raise ValidationError("The person in whose name this schedule ran is gone. Save the schedule in your own name.")
    membership = membership_of(user, schedule.tenant)
    if membership is None or not membership_allows(membership, RUN):
        raise ValidationError(f"{user}, in whose name this schedule runs, may not start runs here any more.")
    return membership


def _record(schedule: Schedule, slot: datetime, status: RunStatus, resolution: str, sentence: str) -> None:
    """Put a run that never started among the others, so that people see it and why."""
    run = Run.objects.create(
        tenant=schedule.tenant, orchestration=schedule.orchestration, credential=None, trigger=RunTrigger.SCHEDULE,
        started_by=schedule.set_by, slot=slot, status=status, stage=RunStage.FINISHED, finished_at=timezone.now(),
        error=local_error(resolution, sentence),
    )  # fmt: skip
    if resolution == REFUSED:
        audit_record(Action.RUN_REFUSED, run, changes=[{"field": "reason", "old": None, "new": sentence}])
    logger.info("slot %s of orchestration %s did not run (%s)", slot, schedule.orchestration_id, resolution)
