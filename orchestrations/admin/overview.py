"""The tenant's first page: what is to do next, what needs attention, how today goes, and the last 30 days."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from destinations.models import destinations_usable_by
from orchestrations.admin.attention import attention, health
from orchestrations.admin.base import member
from orchestrations.admin.first_steps import first_steps
from orchestrations.admin.periods import days_chart, period_of
from orchestrations.choices import UNFINISHED_RUNS, RunPurpose, RunStatus
from orchestrations.groups.services import groups_visible_to
from orchestrations.models import Run, Schedule
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.models import Tenant

RECENT = 8
UPCOMING = 6
DAYS = 30

tenant_site.index_template = "orchestrations/overview/page.html"


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with its name and its tone, and the list of what it counts."""

    label: str
    count: int
    tone: str
    url: str


TILES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("Running now", "told", (RunStatus.QUEUED, RunStatus.RUNNING), ""),
    ("Held now", "warn", (RunStatus.HELD,), ""),
    ("Succeeded today", "good", (RunStatus.SUCCEEDED,), "today"),
    ("With errors today", "warn", (RunStatus.SUCCEEDED_WITH_ERRORS,), "today"),
    ("Failed today", "bad", (RunStatus.FAILED,), "today"),
)
"""Name, tone, statuses, and the list's word for when the runs were started."""


def overview_context(request: HttpRequest) -> dict[str, Any]:
    """Return what the first page shows to this person."""
    open_here = destinations_usable_by(member(request))
    runs = Run.objects.filter(orchestration__destination__in=open_here)
    of_queries = runs.filter(orchestration__query__isnull=False)  # those of streams are many, and have their own page
    tenant = member(request).tenant
    return {
        "steps": first_steps(request),
        "attention": attention(request, runs, open_here),
        "tiles": tiles(of_queries, tenant),
        "chart": days_chart(runs, period_of(tenant, DAYS)),
        "days": DAYS,
        "health": health(request),
        "upcoming": next_runs(request),
        "runs": list(of_queries.select_related("orchestration", "started_by")[:RECENT]),
    }


def tiles(runs: QuerySet[Run], tenant: Tenant) -> list[Tile]:
    """Return how many runs are at work or held, and how those that were started today ended; plans do not count."""
    today = Q(created_at__gte=period_of(tenant, 1).start)
    counts = {
        f"tile_{number}": Count("pk", filter=Q(status__in=statuses) & (today if when else Q()))
        for number, (_, _, statuses, when) in enumerate(TILES)
    }
    relevant = runs.filter(today | Q(status__in=UNFINISHED_RUNS), purpose=RunPurpose.DELIVER)
    found = relevant.order_by().aggregate(**counts)
    return [
        Tile(label, count, tone if count else "idle", _where(statuses, when))
        for count, (label, tone, statuses, when) in zip(found.values(), TILES, strict=True)
    ]


def _where(statuses: tuple[str, ...], when: str) -> str:
    """Return the address of the list of runs that a tile counts."""
    status = {"status__exact": statuses[0]} if len(statuses) == 1 else {"status__in": ",".join(statuses)}
    query = status | {"purpose__exact": RunPurpose.DELIVER.value} | ({"when": when} if when else {})
    return f"{reverse('admin:orchestrations_run_changelist')}?{urlencode(query)}"


def next_runs(request: HttpRequest) -> list[Schedule]:
    """Return the schedules that start something next, of destinations open to this person; none in a sandbox."""
    if member(request).tenant.sandbox_of_id is not None:
        return []
    open_here = Q(orchestration__enabled=True, orchestration__destination__in=destinations_usable_by(member(request)))
    groups = Q(group__enabled=True, group__in=groups_visible_to(member(request)).values("pk"))
    rows = Schedule.objects.filter(open_here | groups, enabled=True, next_slot__isnull=False)
    return list(rows.select_related("orchestration", "group")[:UPCOMING])
