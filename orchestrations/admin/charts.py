"""Pictures, in the form that the theme's Chart.js reads, each with the same numbers as a table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrations.choices import RunStatus
from orchestrations.models import Batch, Run

SLICES = 60
FEWEST = 3  # points below which a line says nothing
SPARK_HEIGHT = 24.0
SPARK_STEP = 10
COLOURS = {
    "good": "var(--color-green-500)",
    "bad": "var(--color-red-400)",
    "warn": "var(--color-orange-400)",
    "idle": "var(--color-base-400)",
    "told": "var(--color-primary-500)",
}
Number = float | int | None


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one thing, its name, and its tone: `good`, `bad`, `warn`, `idle` or `told`."""

    label: str
    tone: str
    values: Sequence[Number]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: its kind (`bar`, `line`), what it shows in words, data and options as JSON, and the numbers in rows.

    `rows` has a line for each label with something to tell: the label, then the value of each series.
    """

    kind: str
    label: str
    data: str
    options: str
    series: list[Series]
    axis: str
    rows: list[tuple[str, list[Number]]]


def options_make(*, stacked: bool = False, ticks: int = 0) -> str:
    """Return what the theme's own options lack: an axis from zero, bars on top of each other, at most so many ticks."""
    colour = {"color": "#9ca3af"}
    few = {"maxTicksLimit": ticks, "maxRotation": 0} if ticks else {}
    scales = {
        "x": {"stacked": stacked, "grid": {"display": False}, "ticks": colour | few},
        "y": {"stacked": stacked, "beginAtZero": True, "grid": {}, "ticks": {**colour, "precision": 0}},
    }
    legend = {"legend": {"display": False}}
    return json.dumps(
        {"responsive": True, "maintainAspectRatio": False, "animation": False, "plugins": legend, "scales": scales}
    )


def bars(label: str, axis: str, labels: Sequence[str], series: list[Series], *, ticks: int = 0) -> Chart:
    """Return bars, those of one label on top of each other; what lies below zero hangs down."""
    sets = [
        {"label": each.label, "data": list(each.values), "backgroundColor": COLOURS[each.tone], "stack": "one",
         "maxBarThickness": 28}
        for each in series
    ]  # fmt: skip
    return _chart("bar", label, axis, labels, series, sets, options_make(stacked=True, ticks=ticks))


def lines(
    label: str, axis: str, labels: Sequence[str], series: list[Series], *, stepped: bool = False, ticks: int = 0
) -> Chart:
    """Return lines, smooth or in steps."""
    shape: dict[str, Any] = {"stepped": True} if stepped else {"tension": 0.3}
    sets = [
        {"label": each.label, "data": list(each.values), "borderColor": COLOURS[each.tone],
         "backgroundColor": COLOURS[each.tone], "pointRadius": 0, "borderWidth": 2, **shape,
         **({"borderDash": [4, 4]} if each.dashed else {})}
        for each in series
    ]  # fmt: skip
    return _chart("line", label, axis, labels, series, sets, options_make(ticks=ticks))


def _chart(
    kind: str, label: str, axis: str, labels: Sequence[str], series: list[Series], sets: list[Any], options: str
) -> Chart:
    columns = zip(*(each.values for each in series), strict=True)
    rows = [(name, list(values)) for name, values in zip(labels, columns, strict=True) if any(values)]
    return Chart(kind, label, json.dumps({"labels": list(labels), "datasets": sets}), options, series, axis, rows)


def throughput_chart(run: Run, unit: str) -> Chart | None:
    """Return events or entries per second over the delivery, at most 60 slices of equal length; None for short runs."""
    batches = Batch.objects.filter(run=run, sent_at__isnull=False).order_by().values_list("sent_at", "accepted")
    sent: list[tuple[datetime, int]] = [(at, accepted) for at, accepted in batches if at is not None]
    if len(sent) < FEWEST:
        return None
    start, end = min(at for at, _ in sent), max(at for at, _ in sent)
    width = max((end - start).total_seconds() / SLICES, 1.0)
    slices = [0.0] * (int((end - start).total_seconds() // width) + 1)
    for at, accepted in sent:
        slices[int((at - start).total_seconds() // width)] += accepted / width
    if len(slices) < FEWEST:
        return None
    labels = [f"{index * width:.0f} s" for index in range(len(slices))]
    series = [Series(f"{unit.capitalize()} per second", "good", [round(value) for value in slices])]
    return lines(f"{unit.capitalize()} accepted per second during delivery", "After", labels, series, ticks=10)


@dataclass(frozen=True, slots=True)
class SparkBar:
    """A run as a bar of a small picture: its place and height in pixels, its tone, and what it says."""

    run: Run
    x: int
    y: float
    height: float
    tone: str
    title: str


TONES: dict[str, str] = {
    RunStatus.SUCCEEDED: "good",
    RunStatus.SUCCEEDED_WITH_ERRORS: "warn",
    RunStatus.FAILED: "bad",
    RunStatus.CANCELLED: "bad",
}


def sparkline(runs: list[Run]) -> list[SparkBar]:
    """Return bars of a small picture, oldest first: what TikTok accepted of each run."""
    most = max((run.accepted for run in runs), default=0) or 1
    found = []
    for index, run in enumerate(reversed(runs)):
        height = max(SPARK_HEIGHT * run.accepted / most, 3.0)
        title = f"Run {run.pk}: {run.get_status_display()}, {run.accepted:,} accepted"
        tone = TONES.get(run.status, "idle")
        found.append(SparkBar(run, index * SPARK_STEP, SPARK_HEIGHT - height, height, tone, title))
    return found
