"""Set schedules: of orchestrations and of groups, in the name of who sets them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from orchestrations.access import RUN, RUN_GROUP, access_check, may_check
from orchestrations.choices import AfterEnds, MissedRuns, ScheduleKind, ScheduleOverlap
from orchestrations.models import GroupMember, Orchestration, OrchestrationGroup, Schedule
from orchestrations.schedules.circles import circle_sentence, circle_through
from orchestrations.schedules.rules import After, Cron, Interval, Rule
from tiktok_hub.tenancy.backends import membership_of
from tiktok_hub.tenancy.models import Membership, Tenant, User

Scheduled = Orchestration | OrchestrationGroup


@dataclass(frozen=True, slots=True)
class Node:
    """An orchestration or a group as a place in the way from one to another; one that is not saved has no `pk`."""

    kind: type
    pk: int | None
    name: str = field(compare=False)


STREAMED = "“{name}” is a stream: it sends by itself, and neither schedules nor groups start or follow it."
SCHEDULED = "A schedule sends this by itself, in somebody else's name, and you may not change what it sends."


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a schedule: `cron`, `every_minutes` or `after`, and the choices that go with it."""

    time_zone: str
    cron: str = ""
    every_minutes: int | None = None
    after: Orchestration | None = None
    ends: str = AfterEnds.SUCCEEDED
    overlap: str = ScheduleOverlap.SKIP
    missed: str = MissedRuns.ONCE
    enabled: bool = True

    @property
    def kind(self) -> ScheduleKind:
        """Return which of the three it is."""
        if self.after is not None:
            return ScheduleKind.AFTER
        return ScheduleKind.INTERVAL if self.every_minutes is not None else ScheduleKind.CRON

    def rule(self, anchor: datetime) -> Rule:
        """Return the rule; raise ScheduleError where there is none."""
        if self.after is not None:
            return After(str(self.after), self.ends, self.time_zone)
        if self.every_minutes is not None:
            return Interval(self.every_minutes, anchor, self.time_zone)
        return Cron(self.cron, self.time_zone)

    def fields(self) -> dict[str, Any]:
        """Return the model's fields."""
        return {
            "kind": self.kind, "cron": self.cron, "every_minutes": self.every_minutes, "after": self.after,
            "ends": self.ends if self.after else "", "time_zone": self.time_zone, "overlap": self.overlap,
            "missed": self.missed, "enabled": self.enabled,
        }  # fmt: skip


def anchor_for(wish: Wish, present: Schedule | None, now: datetime) -> datetime:
    """Return from when an interval counts: an interval that stays as it is keeps its beat, a new one starts now."""
    if present is not None and present.kind == wish.kind and present.every_minutes == wish.every_minutes:
        return present.anchor
    return now.replace(second=0, microsecond=0)


def schedule_of(thing: Scheduled) -> Schedule | None:
    """Return the schedule of an orchestration or a group; None where it starts by hand only."""
    return Schedule.objects.select_related("set_by", "after").filter(**_owner(thing)).first()


def schedule_save(
    *,
    orchestration: Scheduled,
    wish: Wish | None,
    user: User | None,
    now: datetime | None = None,
    circles: bool = False,
) -> Schedule | None:
    """Give an orchestration or a group a schedule, or none; runs start on behalf of `user` from now on.

    A schedule that stays as it is keeps whose it is, while they may start its runs. Slots count from now: a change
    never makes up for earlier ones. Raise ScheduleError for a rule that cannot be, ValidationError for a stream and for
    a circle, unless `circles` says that the caller looks for these when all is set.
    """
    now = now or timezone.now()
    thing = orchestration
    if wish is not None:
        streams_refuse([thing, wish.after])
    with transaction.atomic():
        # Two circles' halves are set by two people at once: whoever follows another waits here for the other half.
        if wish is not None and wish.after is not None:
            Tenant.objects.select_for_update().get(pk=thing.tenant_id)
        type(thing).objects.select_for_update().get(pk=thing.pk)
        present = schedule_of(thing)
        if wish is None:
            Schedule.objects.filter(**_owner(thing)).delete()
            return None
        if present is not None and schedule_stays(present, wish):
            return present
        if wish.after is not None and not circles:
            circle_refuse(thing, after=wish.after, members=members_of(thing))
        return _schedule_write(present or Schedule(tenant=thing.tenant, **_owner(thing)), wish, user, now)


def streams_refuse(things: Iterable[Scheduled | None]) -> None:
    """Raise ValidationError where one of these is a stream's orchestration."""
    for each in things:
        if isinstance(each, Orchestration) and each.query_id is None:
            raise ValidationError(STREAMED.format(name=each))


def _schedule_write(schedule: Schedule, wish: Wish, user: User | None, now: datetime) -> Schedule:
    """Write what is wished; a rule that stays as it is goes on with its next slot."""
    present = schedule if schedule.pk else None
    anchor = anchor_for(wish, present, now)
    rule = wish.rule(anchor)
    goes_on = present is not None and present.enabled == wish.enabled and present.rule == rule
    for name, value in wish.fields().items():
        setattr(schedule, name, value)
    schedule.set_by, schedule.set_at = user, now
    if not goes_on:
        schedule.next_slot, schedule.waiting_slot = rule.next(now), None
    if wish.kind != ScheduleKind.AFTER:
        schedule.anchor = anchor
    elif not goes_on:
        schedule.anchor = now
    schedule.save()
    return schedule


def schedule_stays(schedule: Schedule, wish: Wish) -> bool:
    """Say whether a schedule is as wished already, and goes on in the name in which it runs."""
    as_wished = all(getattr(schedule, name) == value for name, value in wish.fields().items())
    return as_wished and schedule_stands(schedule)


def schedule_wish(schedule: Schedule, **changes: Any) -> Wish:
    """Return what a schedule is, with changes, as a wish."""
    same = {name: getattr(schedule, name) for name in Wish.__dataclass_fields__}
    return Wish(**{**same, **changes})


def schedule_switch(*, schedule: Schedule, enabled: bool, user: User) -> Schedule | None:
    """Let a schedule rest, or go on with the next slot from now, in the name of `user`.

    Raise PermissionDenied where runs would start in the name of somebody who may not start them.
    """
    if enabled:
        start_check(schedule.of, membership_of(user, schedule.tenant))
    return schedule_save(orchestration=schedule.of, wish=schedule_wish(schedule, enabled=enabled), user=user)


def schedule_membership(schedule: Schedule) -> Membership:
    """Ask again whether the person in whose name the schedule runs may start it; raise ValidationError if not."""
    user = schedule.set_by
    if user is None:
        raise ValidationError("The person in whose name this schedule ran is gone. Save the schedule in your own name.")
    membership = membership_of(user, schedule.tenant)
    try:
        may_check(membership, RUN if schedule.orchestration_id else RUN_GROUP)
    except PermissionDenied:
        sentence = f"{user}, in whose name this schedule runs, may not start runs here any more."
        raise ValidationError(sentence) from None
    assert membership is not None  # noqa: S101 - may_check has seen to it
    return membership


def schedule_stands(schedule: Schedule) -> bool:
    """Say whether the person in whose name a schedule runs may (still) start its runs."""
    try:
        start_check(schedule.of, schedule_membership(schedule))
    except (PermissionDenied, ValidationError):
        return False
    return True


def start_check(thing: Scheduled, membership: Membership | None) -> None:
    """Raise PermissionDenied where somebody may not start an orchestration or a group.

    Of a group's members each is asked about when its turn comes.
    """
    if isinstance(thing, Orchestration):
        access_check(membership, thing.destination, RUN)
    else:
        may_check(membership, RUN_GROUP)


def scheduled_change_check(orchestrations: QuerySet[Orchestration], membership: Membership | None) -> None:
    """Raise ValidationError where somebody would change what schedules send, whose runs they may not start themselves.

    Schedules run in the name of whoever set them: who may not send must not choose what somebody else's name sends.
    """
    scheduled = Q(schedule__enabled=True) | Q(member_of__group__schedule__enabled=True)
    for each in orchestrations.filter(scheduled).select_related("destination", "tenant").distinct():
        try:
            access_check(membership, each.destination, RUN)
        except PermissionDenied as error:
            raise ValidationError(f"{SCHEDULED} {error}") from None


def group_change_check(group: OrchestrationGroup, membership: Membership | None) -> None:
    """Raise ValidationError where somebody would let a schedule start a group, who may not start it themselves."""
    if Schedule.objects.filter(group=group, enabled=True).exists():
        try:
            may_check(membership, RUN_GROUP)
        except PermissionDenied as error:
            raise ValidationError(f"{SCHEDULED} {error}") from None


def circle_refuse(
    thing: Scheduled, *, after: Orchestration | None, members: Iterable[Orchestration] = ()
) -> None:  # fmt: skip
    """Raise ValidationError where something would come to start itself, through schedules and groups.

    `after` is what it is to follow; `members` are to be those of a group.
    """
    node = _node(thing)
    starts = starts_of()
    for source, started in starts.items():
        if source.kind is Orchestration and node in started:
            started.remove(node)
    if isinstance(thing, OrchestrationGroup):
        starts[node] = [_node(member) for member in members]
    if after is not None:
        starts.setdefault(_node(after), []).append(node)
    _refuse(circle_through(node, starts))


def circles_refuse() -> None:
    """Raise ValidationError where anything of the opened tenant would come to start itself."""
    starts = starts_of()
    for node in starts:
        _refuse(circle_through(node, starts))


def _refuse(circle: list[Node]) -> None:
    if circle:
        raise ValidationError(circle_sentence(node.name for node in circle))


def starts_of() -> dict[Node, list[Node]]:
    """Return what starts what in the opened tenant: a group its members, an orchestration those that follow it."""
    starts: dict[Node, list[Node]] = {}
    followers = Schedule.objects.filter(kind=ScheduleKind.AFTER).select_related("after", "orchestration", "group")
    for schedule in followers:
        starts.setdefault(_node(schedule.after), []).append(_node(schedule.of))
    for member in GroupMember.objects.select_related("group", "orchestration"):
        starts.setdefault(_node(member.group), []).append(_node(member.orchestration))
    return starts


def _node(thing: Scheduled | None) -> Node:
    return Node(type(thing), thing.pk if thing else None, str(thing))


def members_of(thing: Scheduled) -> list[Orchestration]:
    """Return the members of a group in their order; an orchestration has none."""
    if isinstance(thing, Orchestration):
        return []
    members = GroupMember.objects.filter(group=thing).select_related("orchestration__destination")
    return [member.orchestration for member in members.order_by("position")]


def _owner(thing: Scheduled) -> dict[str, Any]:
    return {"orchestration" if isinstance(thing, Orchestration) else "group": thing}
