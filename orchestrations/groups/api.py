"""Groups of orchestrations and their runs in the API, and leaving a run as it is."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from destinations.models import destinations_usable_by
from orchestrations.access import RUN
from orchestrations.api import REFUSALS, Id, Problem, RunOut, allow, member, row_of, run_told, runs_seen
from orchestrations.choices import GroupFailure, GroupOrder, RunStatus, RunTrigger
from orchestrations.groups.results import group_run_result
from orchestrations.groups.services import group_run_cancel, group_run_start, groups_visible_to, members_open_to
from orchestrations.models import GroupRun, Orchestration, OrchestrationGroup
from orchestrations.runs.skipping import run_skip
from orchestrations.schedules.timetables import members_of, schedule_of

router = Router()
PAGE = 50


class GroupOut(Schema):
    """A group; members that are not open to you are counted in `hidden`."""

    id: int
    name: str
    description: str
    enabled: bool
    order: GroupOrder
    on_failure: GroupFailure
    members: list[str]
    hidden: int
    next_run: datetime | None


class GroupRunOut(Schema):
    """A run of a group, with the same names as `group_run --json`."""

    group_run: int
    status: RunStatus
    tenant: str
    group: str
    trigger: RunTrigger
    order: GroupOrder
    seconds: float
    error: dict[str, Any] | None
    members: list[dict[str, Any]]


@router.get("/groups", response={200: list[GroupOut], 401: Problem, 403: Problem},
            tags=["groups"], summary="Groups with a member that is open to you")  # fmt: skip
def groups_list(request: HttpRequest) -> Any:
    """Return them by name."""
    return [_group(request, each) for each in _groups(request)]


@router.get("/groups/{group_id}", response={200: GroupOut, **REFUSALS}, tags=["groups"], summary="One group")
def group_show(request: HttpRequest, group_id: Id) -> Any:
    """Return it."""
    return _group(request, row_of(_groups(request), group_id))


@router.post("/groups/{group_id}/runs", response={202: GroupRunOut, **REFUSALS},
             tags=["groups"], summary="Start a group")  # fmt: skip
def group_run(request: HttpRequest, group_id: Id) -> Any:
    """Begin a run of its members; ask for it again to see how it goes."""
    row = row_of(_groups(request), group_id)
    started = group_run_start(group=row, membership=member(request), trigger=RunTrigger.API)
    return Status(202, _told(request, started))


@router.get("/group-runs", response={200: list[GroupRunOut], 401: Problem, 403: Problem, 422: Problem},
            tags=["groups"], summary="The latest runs of groups")  # fmt: skip
def group_runs_list(request: HttpRequest, group: Id | None = None, before: Id | None = None) -> Any:
    """Return up to 50, the newest first; `before` a number gives the next page."""
    rows = _group_runs(request)
    if group is not None:
        rows = rows.filter(group=group)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [_told(request, each) for each in rows.order_by("-pk")[:PAGE]]


@router.get("/group-runs/{group_run_id}", response={200: GroupRunOut, **REFUSALS},
            tags=["groups"], summary="One run of a group")  # fmt: skip
def group_run_show(request: HttpRequest, group_run_id: Id) -> Any:
    """Return how its members fare."""
    return _told(request, row_of(_group_runs(request), group_run_id))


@router.post("/group-runs/{group_run_id}/cancel", response={200: GroupRunOut, **REFUSALS},
             tags=["groups"], summary="End a run of a group")  # fmt: skip
def group_run_end(request: HttpRequest, group_run_id: Id) -> Any:
    """End it and those of its members that run."""
    allow(request, "orchestrations.change_grouprun")
    return _told(request, group_run_cancel(group_run=row_of(_group_runs(request), group_run_id)))


@router.post("/runs/{run_id}/skip", response={200: RunOut, **REFUSALS}, tags=["runs"], summary="Leave a run as it is")
def run_left(request: HttpRequest, run_id: Id) -> Any:
    """Say that nobody needs to look at it; a held run ends as cancelled, and its group goes on."""
    allow(request, RUN)
    return run_told(request, run_skip(run=row_of(runs_seen(request), run_id), membership=member(request)))


def _groups(request: HttpRequest) -> Any:
    """Return what the page of groups would list."""
    allow(request, "orchestrations.view_orchestrationgroup")
    return groups_visible_to(member(request)).select_related("tenant")


def _group_runs(request: HttpRequest) -> Any:
    allow(request, "orchestrations.view_grouprun")
    visible = groups_visible_to(member(request)).values("pk")
    return GroupRun.objects.filter(group__in=visible).select_related("tenant", "group")


def _group(request: HttpRequest, row: OrchestrationGroup) -> dict[str, Any]:
    members, schedule = members_of(row), schedule_of(row)
    open_here = members_open_to(members, member(request))
    return {
        "id": row.pk, "name": row.name, "description": row.description, "enabled": row.enabled, "order": row.order,
        "on_failure": row.on_failure, "members": [each.name for each in open_here],
        "hidden": len(members) - len(open_here),
        "next_run": schedule.next_slot if schedule and schedule.enabled and row.enabled else None,
    }  # fmt: skip


def _told(request: HttpRequest, row: GroupRun) -> dict[str, Any]:
    usable = Orchestration.objects.filter(destination__in=destinations_usable_by(member(request)))
    return group_run_result(row, usable=set(usable.values_list("pk", flat=True)))
