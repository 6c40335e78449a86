"""The tenant's first page: what is to do next, what ran lately, what needs attention."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from destinations.choices import CredentialStatus
from destinations.models import Credential, destinations_usable_by
from orchestrations.admin.audience_words import TROUBLED, standing
from orchestrations.admin.audiences import audiences_visible_to
from orchestrations.admin.base import member
from orchestrations.admin.charts import STACKED, days_chart
from orchestrations.choices import RunStatus
from orchestrations.models import Dataset, Orchestration, Query, Run, Schedule
from tiktok_hub.shell import tenant_site

RECENT = 8
UPCOMING = 6
ATTENTION = 8
DAYS = 14

tenant_site.index_template = "orchestrations/overview/page.html"


@dataclass(frozen=True, slots=True)
class Todo:
    """One line of the list of first steps; `url` is empty for people who may not do it."""

    title: str
    help: str
    done: bool
    url: str


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that somebody should look at: where it is, what it is called, its status, and a sentence."""

    url: str
    title: str
    status: str
    label: str
    sentence: str


def overview_context(request: HttpRequest) -> dict[str, Any]:
    """Return what the first page shows to this person."""
    open_here = destinations_usable_by(member(request))
    runs = Run.objects.filter(orchestration__destination__in=open_here)
    todos = first_steps(request)
    return {
        "runs": list(runs.select_related("orchestration", "started_by")[:RECENT]),
        "upcoming": next_runs(request),
        "chart": days_chart(runs, days=DAYS),
        "chart_options": STACKED,
        "days": DAYS,
        "todos": [] if all(todo.done for todo in todos) else todos,
        "next": next((todo for todo in todos if not todo.done), None),
        "credentials": credentials_attention(request),
        "attention": [*held_attention(runs), *audiences_attention(request)],
    }


def next_runs(request: HttpRequest) -> list[Schedule]:
    """Return the schedules that start something next, of destinations open to this person; none in a sandbox."""
    if member(request).tenant.sandbox_of_id is not None:
        return []
    open_here = destinations_usable_by(member(request))
    rows = Schedule.objects.filter(enabled=True, orchestration__enabled=True, next_slot__isnull=False)
    return list(rows.filter(orchestration__destination__in=open_here).select_related("orchestration")[:UPCOMING])


def credentials_attention(request: HttpRequest) -> list[Credential]:
    """Return credentials that somebody has to authorise, for people who can."""
    if not request.user.has_perm("destinations.view_credential"):
        return []
    return list(Credential.objects.exclude(status=CredentialStatus.AUTHORISED))


def held_attention(runs: Any) -> list[Attention]:
    """Return the runs that wait for somebody to release or cancel them."""
    return [
        Attention(
            reverse("admin:orchestrations_run_change", args=[run.pk]), f"Run {run.pk} of {run.orchestration}",
            run.status, str(run.get_status_display()), str(run.hold.get("sentence", "")),
        )
        for run in runs.filter(status=RunStatus.HELD).select_related("orchestration")[:ATTENTION]
    ]  # fmt: skip


def audiences_attention(request: HttpRequest) -> list[Attention]:
    """Return the audiences that cannot be used, or not for long any more."""
    if not request.user.has_perm("orchestrations.view_audience"):
        return []
    return [
        Attention(
            reverse("admin:orchestrations_audience_change", args=[audience.pk]), audience.name,
            audience.status, str(audience.get_status_display()), standing(audience).cause,
        )
        for audience in audiences_visible_to(member(request)).filter(status__in=TROUBLED)[:ATTENTION]
    ]  # fmt: skip


def first_steps(request: HttpRequest) -> list[Todo]:
    """Return the way from nothing to the first run."""
    open_here = destinations_usable_by(member(request))
    runs = Run.objects.filter(orchestration__destination__in=open_here)
    sampled, whole = runs.filter(sample__isnull=False).exists(), runs.filter(sample__isnull=True).exists()
    return [
        Todo("Connect a TikTok account", "An administrator authorises a credential at TikTok, or pastes a token.",
             Credential.objects.filter(status=CredentialStatus.AUTHORISED).exists(),
             _add(request, "destinations.credential")),
        Todo("Create a destination", "Where events go: an advertiser and its event set or pixel.",
             open_here.exists(), _add(request, "destinations.destination")),
        Todo("Upload a dataset", "A CSV, Parquet or JSON lines file becomes a table.",
             Dataset.objects.exists(), _add(request, "orchestrations.dataset")),
        Todo("Write a query", "SQL whose column names say what goes where.",
             Query.objects.exists(), _add(request, "orchestrations.query")),
        Todo("Create an orchestration", "The query, the destination, and what is still missing.",
             Orchestration.objects.filter(destination__in=open_here).exists(),
             _add(request, "orchestrations.orchestration")),
        Todo("Send a sample", "Ten rows first: look at what becomes of them.", sampled or whole, _runs(request)),
        Todo("Run it", "All rows, with live progress.", whole, _runs(request)),
    ]  # fmt: skip


def _add(request: HttpRequest, model: str) -> str:
    app, name = model.split(".")
    return reverse(f"admin:{app}_{name}_add") if request.user.has_perm(f"{app}.add_{name}") else ""


def _runs(request: HttpRequest) -> str:
    allowed = request.user.has_perm("orchestrations.run_orchestration")
    return reverse("admin:orchestrations_orchestration_changelist") if allowed else ""
