"""What somebody has to look at: held and failed runs, credentials, audiences; and how many are in which state."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery, TextChoices
from django.http import HttpRequest
from django.urls import reverse

from destinations.choices import COLOURS as CREDENTIAL_COLOURS
from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.admin.audience_words import TROUBLED, standing
from orchestrations.admin.audiences import audiences_visible_to
from orchestrations.admin.base import member
from orchestrations.choices import COLOURS, AudienceStatus, RunPurpose, RunStatus
from orchestrations.models import Orchestration, Run, Stream

MOST = 8
SETTLED = (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS, RunStatus.FAILED)
"""Statuses that say whether an orchestration works; who cancels a run says nothing about it."""
WORST = ("danger", "warning", "info", "default", "success")
VIEW_CREDENTIAL, VIEW_AUDIENCE = "destinations.view_credential", "orchestrations.view_audience"
VIEW_STREAM = "orchestrations.view_stream"


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that somebody should look at: where it is, what it is called, its status, and a sentence."""

    url: str
    title: str
    colour: str
    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class State:
    """How many things are in a state, and the list of them."""

    label: str
    colour: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class Health:
    """The things of one kind by state, those in the worst state first."""

    title: str
    url: str
    empty: str
    states: list[State]


def attention(request: HttpRequest, runs: QuerySet[Run], open_here: QuerySet[Destination]) -> list[Attention]:
    """Return what needs somebody, the most urgent first."""
    return [
        *held(runs),
        *failing(open_here),
        *parked(request, open_here),
        *credentials(request),
        *audiences(request),
    ]


def held(runs: QuerySet[Run]) -> list[Attention]:
    """Return the runs that wait for somebody to release or cancel them."""
    waiting = runs.filter(status=RunStatus.HELD).select_related("orchestration")[:MOST]
    return [_run(run, f"Run {run.pk} of {run.orchestration}", str(run.hold.get("sentence", ""))) for run in waiting]


def failing(open_here: QuerySet[Destination]) -> list[Attention]:
    """Return the last runs of those orchestrations that failed and have not succeeded since, unless they are left."""
    last = Run.objects.filter(orchestration=OuterRef("pk"), purpose=RunPurpose.DELIVER, status__in=SETTLED)
    mine = Orchestration.objects.filter(destination__in=open_here, enabled=True, query__isnull=False)
    latest = mine.annotate(latest=Subquery(last.order_by("-created_at").values("pk")[:1])).values("latest")
    open_failures = Run.objects.filter(pk__in=latest, status=RunStatus.FAILED, skipped_at__isnull=True)
    failed = open_failures.select_related("orchestration")[:MOST]
    return [_run(run, str(run.orchestration), str(run.error.get("sentence", ""))) for run in failed]


def _run(run: Run, title: str, sentence: str) -> Attention:
    url = reverse("admin:orchestrations_run_change", args=[run.pk])
    return Attention(url, title, COLOURS[run.status], str(run.get_status_display()), sentence)


def parked(request: HttpRequest, open_here: QuerySet[Destination]) -> list[Attention]:
    """Return the streams that keep what they accept and cannot send it."""
    if not request.user.has_perm(VIEW_STREAM):
        return []
    streams = Stream.objects.filter(parked_at__isnull=False, orchestration__destination__in=open_here)
    return [
        Attention(
            reverse("admin:orchestrations_stream_detail", args=[stream.pk]), str(stream), "danger", "Parked",
            str(stream.parked.get("sentence", "")),
        )
        for stream in streams.select_related("orchestration")[:MOST]
    ]  # fmt: skip


def credentials(request: HttpRequest) -> list[Attention]:
    """Return credentials that somebody has to authorise, for people who can."""
    if not request.user.has_perm(VIEW_CREDENTIAL):
        return []
    return [
        Attention(
            reverse("admin:destinations_credential_change", args=[each.pk]), each.name,
            CREDENTIAL_COLOURS.get(each.status, "danger"), str(each.get_status_display()),
            each.problem or "It waits for somebody to authorise it at TikTok, or to paste a token.",
        )
        for each in Credential.objects.exclude(status=CredentialStatus.AUTHORISED)[:MOST]
    ]  # fmt: skip


def audiences(request: HttpRequest) -> list[Attention]:
    """Return the audiences that cannot be used, or not for long any more."""
    if not request.user.has_perm(VIEW_AUDIENCE):
        return []
    return [
        Attention(
            reverse("admin:orchestrations_audience_change", args=[audience.pk]), audience.name,
            COLOURS[audience.status], str(audience.get_status_display()), standing(audience).cause,
        )
        for audience in audiences_visible_to(member(request)).filter(status__in=TROUBLED)[:MOST]
    ]  # fmt: skip


def health(request: HttpRequest) -> list[Health]:
    """Return credentials and audiences by state, as far as this person may see them."""
    found = []
    if request.user.has_perm(VIEW_CREDENTIAL):
        none = "No TikTok account is connected yet."
        found.append(_health("Credentials", Credential.objects.all(), CredentialStatus, CREDENTIAL_COLOURS, none))
    if request.user.has_perm(VIEW_AUDIENCE):
        none = "The first run to a TikTok Ads destination makes one."
        found.append(_health("Audiences", audiences_visible_to(member(request)), AudienceStatus, COLOURS, none))
    return found


def _health(
    title: str, things: QuerySet[Any], statuses: type[TextChoices], colours: dict[str, str], empty: str
) -> Health:
    url = reverse(f"admin:{things.model._meta.label_lower.replace('.', '_')}_changelist")
    rows = things.order_by().values_list("status").annotate(number=Count("pk"))
    states = [
        State(str(statuses(status).label), colours.get(status, "danger"), number, f"{url}?status__exact={status}")
        for status, number in rows
    ]
    return Health(title, url, empty, sorted(states, key=lambda state: WORST.index(state.colour)))
