"""What a prepared run would do, and what will come of it: the plan that people see before anything is sent."""

from typing import Any

from django.conf import settings
from django.db.models import Avg

from destinations.specs import get as spec_get
from destinations.tiktok.audience_calls import FEWEST_MEMBERS, MOST_AUDIENCES
from destinations.tiktok.limits import LEVEL_QPS
from orchestrations.models import Batch, Run, RunAudience

ANSWER_SECONDS = 0.3  # how long a request takes where no earlier one tells
LATELY = 200  # requests that tell how long one takes


def run_plan(run: Run) -> dict[str, Any]:
    """Return what a run means beyond its counts.

    `estimated_seconds` of sending; where an audience is kept, how many people TikTok was told of afterwards
    (`predicted_people`: the audience can be used when at least `floor` of them are matched) and how many audiences the
    ad account has (`audiences_used` of `audiences_limit`; the new ones are counted in), the fullest account first.
    """
    plan: dict[str, Any] = {"estimated_seconds": seconds_estimated(run)}
    targets = list(RunAudience.objects.filter(run=run).select_related("audience"))
    if targets:
        smallest = min(target.after for target in targets)
        plan |= {
            "predicted_people": smallest,
            "floor": FEWEST_MEMBERS,
            "below_floor": smallest < FEWEST_MEMBERS,
            "audiences_used": max(target.used_audiences or 0 for target in targets),
            "audiences_limit": MOST_AUDIENCES,
        }
    return plan


def seconds_estimated(run: Run) -> float | None:
    """Return how long sending will take: as long as requests took lately, within TikTok's limits."""
    if run.prepared_at is None:
        return None
    keeps = spec_get(run.inputs["plugin"]).keeps_audience
    lanes = RunAudience.objects.filter(run=run).count() if keeps else settings.HUB_DELIVERY_CONNECTIONS
    rate = LEVEL_QPS[settings.TIKTOK_API_LEVEL] if keeps else settings.TIKTOK_EVENTS_QPS
    each = _answer_seconds(run) / max(lanes, 1)
    return round(run.requests * max(each, 1 / rate), 1)


def _answer_seconds(run: Run) -> float:
    lately = Batch.objects.filter(run__orchestration=run.orchestration_id, seconds__isnull=False).order_by("-pk")
    found: float | None = lately[:LATELY].aggregate(average=Avg("seconds"))["average"]
    return ANSWER_SECONDS if found is None else found
