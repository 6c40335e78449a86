"""Start and drive groups: each look takes the one step that is due, in one transaction, and may be taken by anybody.

The rows say how far a group is: a member's run is found by its place, of which the database allows one. A worker that
dies loses nothing: the tick looks at every group run that has not ended.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from destinations.models import destinations_usable_by
from orchestrations.access import RUN_GROUP, may_check
from orchestrations.choices import UNFINISHED_RUNS, RunStage, RunStatus, RunTrigger
from orchestrations.doorbell import ring_group
from orchestrations.groups.course import STATES, Course, MemberState, group_course
from orchestrations.models import GroupMember, GroupRun, Orchestration, OrchestrationGroup, Run, Schedule
from orchestrations.runs.finishing import local_error
from orchestrations.runs.refusals import GROUP_REFUSED, run_record
from orchestrations.runs.services import run_cancel, run_start
from orchestrations.schedules.timetables import (
    Wish,
    circle_refuse,
    members_of,
    schedule_of,
    schedule_save,
    streams_refuse,
)
from tiktok_hub.acting import Via, acting_as
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.backends import membership_of
from tiktok_hub.tenancy.models import Membership, Tenant, User

STOPPED = "group_stopped"
MEMBERS_MOST = 50


def groups_visible_to(membership: Membership | None) -> QuerySet[OrchestrationGroup]:
    """Return the groups of which somebody sees a member, and those without any."""
    open_here = Q(members__orchestration__destination__in=destinations_usable_by(membership))
    found: QuerySet[OrchestrationGroup] = OrchestrationGroup.objects.filter(
        open_here | Q(members__isnull=True)
    ).distinct()
    return found


def members_open_to(
    orchestrations: Iterable[Orchestration], membership: Membership | None
) -> list[Orchestration]:  # fmt: skip
    """Return those orchestrations whose destination is open to somebody."""
    usable = set(destinations_usable_by(membership).values_list("pk", flat=True))
    return [each for each in orchestrations if each.destination_id in usable]


def group_set(
    *, group: OrchestrationGroup, members: Sequence[Orchestration], wish: Wish | None, user: User | None
) -> None:
    """Give a group its members and its schedule together; raise ValidationError where it would come to start itself."""
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=group.tenant_id)  # as `schedule_save` does
        group_members_set(group=group, members=members, circles=True)
        schedule_save(orchestration=group, wish=wish, user=user, circles=True)
        circle_refuse(group, after=wish.after if wish else None, members=members)


def group_members_set(
    *, group: OrchestrationGroup, members: Sequence[Orchestration], circles: bool = False
) -> None:  # fmt: skip
    """Give a group these members in this order; runs that are under way keep theirs.

    Raise ValidationError where it has too many, or a stream among them, or would come to start itself, unless `circles`
    says that the caller looks for that when all is set.
    """
    if len(members) > MEMBERS_MOST:
        raise ValidationError(f"A group has {MEMBERS_MOST} members at most.")
    streams_refuse(members)
    with transaction.atomic():
        OrchestrationGroup.objects.select_for_update().get(pk=group.pk)
        before = members_of(group)
        if before == list(members):
            return
        schedule = schedule_of(group)
        if not circles:
            circle_refuse(group, after=schedule.after if schedule else None, members=members)
        GroupMember.objects.filter(group=group).delete()
        GroupMember.objects.bulk_create(
            GroupMember(tenant=group.tenant, group=group, orchestration=each, position=position)
            for position, each in enumerate(members, 1)
        )
        change = {"field": "members", "old": [str(each) for each in before], "new": [str(each) for each in members]}
        audit_record(Action.CHANGED, group, changes=[change])


def group_active(group: OrchestrationGroup) -> GroupRun | None:
    """Return the run of a group that has not ended."""
    return GroupRun.objects.filter(group=group, finished_at__isnull=True).first()


def group_start_check(group: OrchestrationGroup, membership: Membership | None) -> list[Orchestration]:
    """Return the members of a group that somebody may start now; raise PermissionDenied or ValidationError."""
    may_check(membership, RUN_GROUP)
    if not group.enabled:
        raise ValidationError(f"The group “{group}” is disabled.")
    members = members_of(group)
    if not members:
        raise ValidationError(f"The group “{group}” has no members yet. Edit it and choose some.")
    if not members_open_to(members, membership):
        raise PermissionDenied("No destination of this group's members is open to you.")
    return members


def group_run_start(
    *, group: OrchestrationGroup, membership: Membership | None, trigger: RunTrigger, **place: Any
) -> GroupRun:
    """Begin a run of a group in somebody's name and ring for its first step.

    `place` is the `slot` of a schedule, or the run that it comes `after`. Whether members may be started is asked when
    their turn comes. Raise PermissionDenied or ValidationError where the group cannot be started now.
    """
    with transaction.atomic():
        OrchestrationGroup.objects.select_for_update().get(pk=group.pk)
        members = group_start_check(group, membership)
        if (active := group_active(group)) is not None:
            raise ValidationError(
                f"Run {active.pk} of the group “{group}” is not finished yet. Wait for it, or cancel it."
            )
        group_run = GroupRun.objects.create(
            tenant=group.tenant, group=group, trigger=trigger, started_by=membership.user if membership else None,
            order=group.order, on_failure=group.on_failure,
            members=[{"orchestration": each.pk, "name": each.name} for each in members], **place,
        )  # fmt: skip
        told = {"trigger": trigger, "in the name of": group_run.started_by.email if group_run.started_by else None}
        changes = [{"field": name, "old": None, "new": value} for name, value in told.items() if value]
        audit_record(Action.GROUP_STARTED, group_run, changes=changes)
        ring_group(group_run.tenant_id, group_run.pk)
    return group_run


def group_run_go(group_run_id: int) -> None:
    """Take the steps of a group run that are due now."""
    with acting_as(None, Via.SCHEDULE):
        while _step(group_run_id, timezone.now()):
            pass


def _step(group_run_id: int, now: datetime) -> bool:
    """Start the member whose turn it is, or note how the group run stands; return whether to look again."""
    with transaction.atomic():
        open_here = GroupRun.objects.select_for_update().filter(pk=group_run_id, finished_at__isnull=True)
        group_run = open_here.first()
        if group_run is None:
            return False
        course = course_of(group_run, member_runs(group_run))
        if course.start is not None:
            _member_start(group_run, course.start)
            return True
        if course.is_over:
            _end(group_run, course, now)
        elif course.status != group_run.status:
            GroupRun.objects.filter(pk=group_run.pk).update(status=course.status)
    return False


def member_runs(group_run: GroupRun) -> list[Run | None]:
    """Return the runs of a group run's members in their order; None where a member has none."""
    runs = {run.position: run for run in Run.objects.filter(group_run=group_run).select_related("orchestration")}
    return [runs.get(position) for position in range(1, len(group_run.members) + 1)]


def course_of(group_run: GroupRun, runs: Sequence[Run | None]) -> Course:
    """Return what a group run does next."""
    return group_course(group_run.order, group_run.on_failure, member_states(group_run, runs))


def member_states(group_run: GroupRun, runs: Sequence[Run | None]) -> list[MemberState]:
    """Return how far each member is; one that was deleted meanwhile is left out."""
    known = set(
        Orchestration.objects.filter(pk__in=[each["orchestration"] for each in group_run.members])
        .values_list("pk", flat=True)
    )  # fmt: skip
    states = []
    for member, run in zip(group_run.members, runs, strict=True):
        if run is None:
            states.append(MemberState.WAITING if member["orchestration"] in known else MemberState.LEFT)
        elif run.is_finished and run.skipped_at is not None:
            states.append(MemberState.LEFT)
        else:
            states.append(STATES[RunStatus(run.status)])
    return states


def _member_start(group_run: GroupRun, index: int) -> None:
    """Start a member as the person would by hand; a refusal becomes a run that failed, with the sentence."""
    rows = Orchestration.objects.select_related("query", "destination__credential", "tenant")
    orchestration = rows.get(pk=group_run.members[index]["orchestration"])
    user = group_run.started_by
    place: dict[str, Any] = {"trigger": RunTrigger.GROUP, "group_run": group_run, "position": index + 1}
    try:
        membership = membership_of(user, group_run.tenant) if user else None
        run_start(orchestration=orchestration, membership=membership, **place)
        return
    except (PermissionDenied, ValidationError) as error:
        sentence = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
    run_record(
        orchestration=orchestration, status=RunStatus.FAILED, resolution=GROUP_REFUSED, sentence=sentence,
        started_by=user, **place,
    )  # fmt: skip


def _end(group_run: GroupRun, course: Course, now: datetime) -> None:
    error: dict[str, Any] = {}
    if course.stopped_at is not None:
        name, rest = group_run.members[course.stopped_at]["name"], len(group_run.members) - course.stopped_at - 1
        left = f" {rest} after it did not run." if rest else ""
        error = local_error(STOPPED, f"“{name}” failed, and the group stops then.{left}")
    GroupRun.objects.filter(pk=group_run.pk).update(status=course.status, finished_at=now, error=error)


def group_run_cancel(*, group_run: GroupRun) -> GroupRun:
    """End a group run and those of its members that have not ended; raise ValidationError where it has."""
    with transaction.atomic():
        open_here = GroupRun.objects.filter(pk=group_run.pk, finished_at__isnull=True)
        if not open_here.update(status=RunStatus.CANCELLED, finished_at=timezone.now()):
            raise ValidationError(f"Run {group_run.pk} of the group has ended already.")
        audit_record(Action.GROUP_CANCELLED, group_run)
        active = Run.objects.filter(group_run=group_run, status__in=UNFINISHED_RUNS)
        # Should this process end here, the sweeper finds them and they end as cancelled.
        Run.objects.filter(pk__in=[run.pk for run in active], status=RunStatus.HELD).update(
            status=RunStatus.QUEUED, lease_token="", lease_until=None
        )
        active.update(cancel_requested=True)
    for run in Run.objects.filter(group_run=group_run).exclude(stage=RunStage.FINISHED):
        run_cancel(run=run)
    group_run.refresh_from_db()
    return group_run


def group_delete(*, group: OrchestrationGroup) -> None:
    """Delete a group and what is known of its runs; those of its members stay. Raise ValidationError while one runs."""
    if (active := group_active(group)) is not None:
        raise ValidationError(f"Run {active.pk} of the group “{group}” is not finished yet. Wait for it, or cancel it.")
    Schedule.objects.filter(group=group).delete()  # first: the log names what it was the schedule of
    group.delete()


def group_runs_open() -> QuerySet[GroupRun]:
    """Return the group runs that have not ended."""
    found: QuerySet[GroupRun] = GroupRun.objects.filter(finished_at__isnull=True)
    return found
