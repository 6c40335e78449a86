"""Orchestrations and runs in the API: the same services, rules and numbers as on the pages."""

from datetime import datetime
from typing import Annotated, Any, cast

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import Field, Router, Schema, Status

from destinations.models import destinations_usable_by
from orchestrations.access import RUN
from orchestrations.choices import ReplayRows, RunPurpose, RunStage, RunStatus, RunTrigger
from orchestrations.models import Orchestration, Run
from orchestrations.replays.services import replay_forecasts, run_replay
from orchestrations.runs.downloads import run_issues_response
from orchestrations.runs.results import run_result
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_cancel, run_release, run_start
from tiktok_hub.tenancy.middleware import TenantRequest
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.policies import is_admin

router = Router()
LARGEST = 2**63 - 1
SAMPLE_MOST = 2_147_483_647
PAGE = 50


class OrchestrationOut(Schema):
    """An orchestration."""

    id: int
    name: str
    description: str
    query: str
    destination: str
    enabled: bool
    next_run: datetime | None

    @staticmethod
    def from_row(row: Orchestration) -> dict[str, Any]:
        """Return an orchestration's fields."""
        schedule = getattr(row, "schedule", None)
        return {
            "id": row.pk, "name": row.name, "description": row.description, "query": row.asked.name,
            "destination": row.destination.name, "enabled": row.enabled,
            "next_run": schedule.next_slot if schedule and schedule.enabled and row.enabled else None,
        }  # fmt: skip


class RunIn(Schema):
    """What to start: everything, the first rows, or a plan that sends nothing."""

    sample: int | None = Field(None, ge=1, le=SAMPLE_MOST, description="send the first rows of the query only")
    plan: bool = Field(False, description="say what a run would do, and send nothing")


class ReplayIn(Schema):
    """Which rows of a run are sent once more."""

    rows: ReplayRows = Field(ReplayRows.ALL, description="all, rejected (here or by TikTok) or unknown")
    count_twice: bool = Field(False, description="send also what TikTok has accepted and would count twice")


class ForecastOut(Schema):
    """What a replay of some rows would do; see `run_replay --dry-run`."""

    rows: int = Field(..., description="rows of the query that are meant")
    prepared_again: int = Field(..., description="of them: rejected here, prepared with the present settings")
    left_out: int = Field(..., description="posted to a stream and rejected there: not kept, so not sent")
    events: int = Field(..., description="events that were prepared and are sent as they were")
    too_old: int | None = Field(..., description="events that will be rejected; null: too many to look at")
    drops: int = Field(..., description="TikTok has them for less than 48 hours and drops them")
    may_drop: int = Field(..., description="whether TikTok has them is not known")
    counts_twice: int = Field(..., description="TikTok has them for longer and counts them twice")
    may_count_twice: int = Field(..., description="sent longer ago, and TikTok may have them")
    replayed_by: list[int] = Field(..., description="runs that have sent these rows more than 48 hours ago")
    needs_consent: bool = Field(..., description="whether `count_twice` must be said")
    refusal: str = Field(..., description="why it is not possible; empty where it is")


class RunOut(Schema):
    """A run, with the same names and numbers as `run_show --json`; those of an audience where one is kept."""

    run: int
    status: RunStatus
    stage: RunStage
    purpose: RunPurpose
    tenant: str
    orchestration: str
    sample: int | None
    replay_of: int | None
    replay: ReplayRows | None
    test_event_code: str | None
    note: str | None
    selected: int
    rejected: int
    in_events: int
    duplicates: int
    warnings: int
    events: int
    accepted: int
    accepted_with_warning: int
    refused: int
    unknown: int
    unsent: int
    requests: int
    attempts: int
    seconds: float | None
    rejected_by_reason: dict[str, int]
    warnings_by_reason: dict[str, int]
    requests_deleted_at: str | None = Field(None, description="since when it can be neither retried nor replayed")
    rejects_deleted_at: str | None = Field(None, description="since when its rows cannot be downloaded")
    people: int | None = None
    added: int | None = None
    removed: int | None = None
    unchanged: int | None = None
    audience_id: str | None = None
    sync_mode: str | None = None
    valid: dict[str, int] | None = None
    audiences: list[dict[str, Any]] | None = None
    hold: dict[str, Any] | None
    plan: dict[str, Any] | None
    error: dict[str, Any] | None


class Problem(Schema):
    """Why a request was refused."""

    error: dict[str, Any]


REFUSALS = {401: Problem, 403: Problem, 404: Problem, 409: Problem, 422: Problem}
Id = Annotated[int, Field(ge=1, le=LARGEST)]


@router.get("/orchestrations", response={200: list[OrchestrationOut], 401: Problem, 403: Problem},
            tags=["orchestrations"], summary="Orchestrations whose destination is open to you")  # fmt: skip
def orchestrations_list(request: HttpRequest) -> Any:
    """Return them by name."""
    return [OrchestrationOut.from_row(row) for row in _orchestrations(request)]


@router.get("/orchestrations/{orchestration_id}", response={200: OrchestrationOut, **REFUSALS},
            tags=["orchestrations"], summary="One orchestration")  # fmt: skip
def orchestration_show(request: HttpRequest, orchestration_id: Id) -> Any:
    """Return it."""
    return OrchestrationOut.from_row(row_of(_orchestrations(request), orchestration_id))


@router.post("/orchestrations/{orchestration_id}/runs", response={202: RunOut, **REFUSALS},
             tags=["runs"], summary="Start a run, a sample or a plan")  # fmt: skip
def orchestration_run(request: HttpRequest, wanted: RunIn, orchestration_id: Id) -> Any:
    """Queue a run; ask for it again to see how it goes."""
    row = row_of(_orchestrations(request), orchestration_id)
    run = run_start(
        orchestration=row, membership=member(request), trigger=RunTrigger.API, sample=wanted.sample,
        purpose=RunPurpose.PLAN if wanted.plan else RunPurpose.DELIVER,
    )  # fmt: skip
    return Status(202, run_told(request, run))


@router.get("/runs", response={200: list[RunOut], 401: Problem, 403: Problem, 422: Problem},
            tags=["runs"], summary="The latest runs")  # fmt: skip
def runs_list(
    request: HttpRequest,
    status: RunStatus | None = None,
    orchestration: Id | None = None,
    before: Id | None = None,
    streams: bool = False,
) -> Any:
    """Return up to 50 runs, the newest first; `before` a number gives the next page.

    Those of streams, of which there are many, are among them where `streams` says so, or one's orchestration is named.
    """
    rows = runs_seen(request)
    if status is not None:
        rows = rows.filter(status=status)
    if orchestration is not None:
        rows = rows.filter(orchestration=orchestration)
    elif not streams:
        rows = rows.filter(orchestration__query__isnull=False)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [run_told(request, row) for row in rows.order_by("-pk")[:PAGE]]


@router.get("/runs/{run_id}", response={200: RunOut, **REFUSALS}, tags=["runs"], summary="One run")
def run_show(request: HttpRequest, run_id: Id) -> Any:
    """Return what has become of it so far."""
    return run_told(request, row_of(runs_seen(request), run_id))


@router.post("/runs/{run_id}/cancel", response={200: RunOut, **REFUSALS}, tags=["runs"], summary="End a run")
def run_end(request: HttpRequest, run_id: Id) -> Any:
    """End it at once, or within seconds where a worker holds it."""
    allow(request, "orchestrations.change_run")
    return run_told(request, run_cancel(run=row_of(runs_seen(request), run_id)))


@router.post("/runs/{run_id}/retry", response={202: RunOut, **REFUSALS}, tags=["runs"], summary="Go on with a run")
def run_again(request: HttpRequest, run_id: Id) -> Any:
    """Send what was not sent or is unknown, from the same inputs."""
    return Status(202, run_told(request, run_retry(run=row_of(runs_seen(request), run_id), membership=member(request))))


@router.get("/runs/{run_id}/replay", response={200: dict[ReplayRows, ForecastOut], **REFUSALS},
            tags=["runs"], summary="What a replay would do")  # fmt: skip
def run_replay_show(request: HttpRequest, run_id: Id) -> Any:
    """Return it for all, rejected and unknown rows; nothing is sent."""
    allow(request, RUN)
    return {rows: forecast.told for rows, forecast in replay_forecasts(row_of(runs_seen(request), run_id)).items()}


@router.post("/runs/{run_id}/replay", response={202: RunOut, **REFUSALS}, tags=["runs"], summary="Replay a run")
def run_once_more(request: HttpRequest, wanted: ReplayIn, run_id: Id) -> Any:
    """Send rows of a run that has ended once more, as a new run with the same event ids."""
    run = run_replay(
        run=row_of(runs_seen(request), run_id), rows=wanted.rows, membership=member(request), trigger=RunTrigger.API,
        count_twice=wanted.count_twice,
    )  # fmt: skip
    return Status(202, run_told(request, run))


@router.post("/runs/{run_id}/release", response={202: RunOut, **REFUSALS}, tags=["runs"], summary="Release a held run")
def run_let_go(request: HttpRequest, run_id: Id) -> Any:
    """Let it do what it has planned."""
    return Status(
        202,
        run_told(request, run_release(run=row_of(runs_seen(request), run_id), membership=member(request))),
    )


@router.get("/runs/{run_id}/issues.csv", tags=["runs"], summary="Rows that did not arrive, as CSV",
            openapi_extra={"responses": {200: {"description": "CSV", "content": {"text/csv": {}}}}},
            response=REFUSALS)  # fmt: skip
def run_issues(request: HttpRequest, run_id: Id) -> HttpResponseBase | HttpResponse:
    """Return rows that were rejected, refused or are unknown, warnings and duplicates; values are masked."""
    allow(request, "orchestrations.download_run")
    return run_issues_response(row_of(runs_seen(request), run_id), hidden=member(request).restrict_pii)


def member(request: HttpRequest) -> Membership:
    """Return whose key asks."""
    return cast(TenantRequest, request).membership


def allow(request: HttpRequest, permission: str) -> None:
    """Raise PermissionDenied where the person in whose name a program acts may not do something."""
    if not request.user.has_perm(permission):
        raise PermissionDenied


def run_told(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return a run as JSON, with TikTok's own words about errors for administrators only, as on its page."""
    result = run_result(run)
    if is_admin(member(request)):
        return result
    for part in (result, *(result.get("audiences") or ())):
        if part["error"]:
            part["error"] |= {"message": None, "request_id": None}
    return result


def _orchestrations(request: HttpRequest) -> QuerySet[Orchestration]:
    """Return what the page of orchestrations would list."""
    allow(request, "orchestrations.view_orchestration")
    rows = Orchestration.objects.filter(destination__in=destinations_usable_by(member(request)), query__isnull=False)
    found: QuerySet[Orchestration] = rows.select_related("query", "destination__tenant", "schedule", "tenant")
    return found


def runs_seen(request: HttpRequest) -> QuerySet[Run]:
    """Return the runs whose destination is open to the person."""
    allow(request, "orchestrations.view_run")
    rows = Run.objects.filter(orchestration__destination__in=destinations_usable_by(member(request)))
    found: QuerySet[Run] = rows.select_related("tenant", "orchestration__destination")
    return found


def row_of(rows: QuerySet[Any], pk: int) -> Any:
    """Return one of some rows; raise Http404 where it is not among them."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found
