"""Data of the pictures, in the form that the theme's Chart.js reads."""

import json
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from orchestrations.choices import RunPurpose
from orchestrations.models import Batch, Run

ACCEPTED, REJECTED = "var(--color-green-500)", "var(--color-red-400)"
SLICES = 60


def _options(*, stacked: bool) -> str:
    """Return what the theme's own options lack: an axis from zero, and bars on top of each other."""
    ticks = {"color": "#9ca3af"}
    scales = {
        "x": {"stacked": stacked, "grid": {"display": False}, "ticks": ticks},
        "y": {"stacked": stacked, "beginAtZero": True, "grid": {}, "ticks": {**ticks, "precision": 0}},
    }
    legend = {"legend": {"display": False}}
    return json.dumps(
        {"responsive": True, "maintainAspectRatio": False, "animation": False, "plugins": legend, "scales": scales}
    )


STACKED, PLAIN = _options(stacked=True), _options(stacked=False)
SPARK_HEIGHT = 24.0
SPARK_STEP = 7


def throughput_chart(run: Run) -> str:
    """Return events per second over the delivery, at most 60 slices of equal length; empty for short runs."""
    batches = Batch.objects.filter(run=run).values_list("sent_at", "accepted")
    sent = [(at, accepted) for at, accepted in batches if at is not None]
    if len(sent) < 3:  # noqa: PLR2004 - two points are no curve
        return ""
    start, end = min(at for at, _ in sent), max(at for at, _ in sent)
    width = max((end - start).total_seconds() / SLICES, 1.0)
    slices = [0.0] * (int((end - start).total_seconds() // width) + 1)
    for at, accepted in sent:
        slices[int((at - start).total_seconds() // width)] += accepted / width
    if len(slices) < 3:  # noqa: PLR2004
        return ""
    labels = [f"{index * width:.0f} s" for index in range(len(slices))]
    line = {
        "label": "Events per second", "data": [round(value) for value in slices], "borderColor": ACCEPTED,
        "backgroundColor": ACCEPTED, "pointRadius": 0, "tension": 0.3, "borderWidth": 2,
    }  # fmt: skip
    return json.dumps({"labels": labels, "datasets": [line]})


def days_chart(runs: Any, *, days: int, now: datetime | None = None) -> str:
    """Return what TikTok accepted and rows rejected per day of the last days, stacked; empty without any run.

    What is accepted are events and entries of audiences (a person to add or remove); plans count nowhere.
    """
    today = timezone.localdate(now or timezone.now())
    first = today - timedelta(days=days - 1)
    totals = _by_day(runs, first)
    if not totals:
        return ""
    axis = [first + timedelta(days=index) for index in range(days)]
    bars = [
        _bars("Accepted events and people", [totals.get(day, (0, 0))[0] for day in axis], ACCEPTED),
        _bars("Rejected rows", [totals.get(day, (0, 0))[1] for day in axis], REJECTED),
    ]
    return json.dumps({"labels": [f"{day:%b} {day.day}" for day in axis], "datasets": bars})


def _by_day(runs: Any, first: date) -> dict[date, tuple[int, int]]:
    rows = (
        runs.filter(created_at__date__gte=first, purpose=RunPurpose.DELIVER)
        .order_by()
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(good=Sum("accepted"), bad=Sum("rejected"))
        .values_list("day", "good", "bad")
    )
    return {day: (good or 0, bad or 0) for day, good, bad in rows}


def _bars(label: str, data: list[int], colour: str) -> dict[str, Any]:
    return {"label": label, "data": data, "backgroundColor": colour, "stack": "day", "maxBarThickness": 28}


def sparkline(runs: list[Run]) -> list[dict[str, float | str]]:
    """Return bars of a small picture, oldest first: accepted events of each run, as x, y and height in pixels."""
    most = max((run.accepted for run in runs), default=0) or 1
    bars: list[dict[str, float | str]] = []
    for index, run in enumerate(reversed(runs)):
        height = max(SPARK_HEIGHT * run.accepted / most, 2.0)
        bars.append(
            {"x": index * SPARK_STEP, "y": SPARK_HEIGHT - height, "height": height, "status": str(run.status),
             "title": f"Run {run.pk}: {run.accepted:,} accepted"}
        )  # fmt: skip
    return bars
