"""The way of a first-time administrator, from nothing to orchestrations that run by themselves."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from destinations.choices import CredentialStatus
from destinations.models import Credential, destinations_usable_by
from orchestrations.admin.base import member
from orchestrations.choices import RunPurpose
from orchestrations.models import Dataset, Orchestration, Query, Run, Schedule
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.models import Tenant

#: Pages on which the way goes on: names of their addresses begin so.
ALONG = (
    "destinations_credential_", "destinations_destination_", "orchestrations_dataset_", "orchestrations_query_",
    "orchestrations_orchestration_", "orchestrations_run_",
)  # fmt: skip
WAITS = "This waits for an administrator or operator of this tenant."
SENDERS = "This waits for somebody who may send."


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is done, what it is for, and where; `url` is empty for people who may not, `waits` says why."""

    title: str
    help: str
    done: bool
    url: str
    waits: str = WAITS


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """The steps in their order."""

    steps: list[Step]

    @property
    def done(self) -> int:
        """Return how many steps are done."""
        return sum(step.done for step in self.steps)

    @property
    def next(self) -> Step:
        """Return the first step that is to be done."""
        return next(step for step in self.steps if not step.done)


def first_steps(request: HttpRequest) -> FirstSteps | None:
    """Return the way as far as this person sees it; None once it is done: nobody needs it any more."""
    found = _found(request)
    if found["scheduled"] or found["whole"]:
        return None
    return FirstSteps(_steps(request, found))


def _found(request: HttpRequest) -> dict[str, Any]:
    """Ask in one query what there is, of what is open to this person."""
    who = member(request)
    open_here = destinations_usable_by(who)
    orchestrations = Orchestration.objects.filter(destination__in=open_here, query__isnull=False)
    runs = Run.objects.filter(orchestration__in=orchestrations, purpose=RunPurpose.DELIVER)
    asked: dict[str, QuerySet[Any]] = {
        "credential": Credential.objects.filter(status=CredentialStatus.AUTHORISED),
        "destination": open_here,
        "dataset": Dataset.objects.all(),
        "query": Query.objects.all(),
        "orchestration": orchestrations,
        "sample": runs.filter(sample__isnull=False),
        "whole": runs.filter(sample__isnull=True),
        "scheduled": Schedule.objects.filter(Q(orchestration__in=orchestrations) | Q(group__isnull=False)),
    }
    tenant = Tenant.objects.filter(pk=who.tenant.pk)
    found: dict[str, Any] = {**tenant.values(**{name: Exists(rows) for name, rows in asked.items()}).get()}
    if found["orchestration"] and not (found["whole"] or found["scheduled"]):
        found["latest"] = orchestrations.order_by("-pk").values_list("pk", flat=True).first()
    return found


def _steps(request: HttpRequest, found: dict[str, Any]) -> list[Step]:
    return [
        Step("Connect a TikTok account", "A credential: authorised at TikTok, or a token that you paste.",
             found["credential"], _add(request, "destinations.credential")),
        Step("Create a destination", "Where rows go: an ad account with its event set, pixel or audience.",
             found["destination"], _add(request, "destinations.destination")),
        Step("Upload data", "A CSV, Parquet or JSON lines file becomes a table that queries can read.",
             found["dataset"], _add(request, "orchestrations.dataset"), "This waits for somebody who may add data."),
        Step("Write a query", "SQL whose column names say what goes where at TikTok.",
             found["query"], _add(request, "orchestrations.query"), "This waits for somebody who may write queries."),
        Step("Send a sample", "Tie the query to the destination, send ten rows, look at what becomes of them.",
             found["sample"], _sample(request, found), SENDERS),
        Step("Schedule it", "Let it run by itself, or run all rows once by hand.",
             False, _schedule(request, found), SENDERS),
    ]  # fmt: skip


def _add(request: HttpRequest, model: str) -> str:
    app, name = model.split(".")
    return reverse(f"admin:{app}_{name}_add") if request.user.has_perm(f"{app}.add_{name}") else ""


def _sample(request: HttpRequest, found: dict[str, Any]) -> str:
    """Return the page on which a sample is sent, or the form that leads to it."""
    if not request.user.has_perm("orchestrations.run_orchestration"):
        return ""
    latest = found.get("latest")
    if latest is None:
        return _add(request, "orchestrations.orchestration")
    return reverse("admin:orchestrations_orchestration_detail", args=[latest])


def _schedule(request: HttpRequest, found: dict[str, Any]) -> str:
    """Return the form in which an orchestration is scheduled."""
    allowed = request.user.has_perm("orchestrations.change_orchestration")
    if not allowed or not request.user.has_perm("orchestrations.run_orchestration") or found.get("latest") is None:
        return ""
    return reverse("admin:orchestrations_orchestration_change", args=[found["latest"]]) + "#schedule"


def guide(request: HttpRequest) -> FirstSteps | None:
    """Return the way for the pages that lie along it, until it is done; None elsewhere."""
    match = request.resolver_match
    along = match is not None and (match.url_name or "").startswith(ALONG)
    return first_steps(request) if along else None


tenant_site.guide = guide
