"""What the run page shows, worked out from a run: stages, progress, and sums that a person can check."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from destinations.preparation.reasons import REASONS
from orchestrations.choices import RunStage, RunStatus
from orchestrations.models import Run

FULL = 100
ENDED_BADLY = (RunStatus.FAILED, RunStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the stepper; `state` is `done`, `now`, `todo` or `stopped`."""

    label: str
    state: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the present stage is: `done` of `total` units (rows or events), units per second, seconds to go.

    `total` is None where the stage cannot say.
    """

    done: int
    total: int | None
    unit: str
    rate: float | None
    eta: float | None

    @property
    def percent(self) -> float:
        """Return the share that is done, 0 to 100."""
        return min(FULL * self.done / self.total, FULL) if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """One summand: a count, what it counts, a tone (`good`, `bad`, `warn`, `idle`), and its share of the whole."""

    count: int
    label: str
    tone: str
    percent: float = 0.0


@dataclass(frozen=True, slots=True)
class Sum:
    """A whole and its parts, as it is written on the page: `total label = part + part + …`."""

    total: int
    label: str
    parts: list[Part]

    @property
    def adds_up(self) -> bool:
        """Say whether the parts make the whole."""
        return sum(part.count for part in self.parts) == self.total


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rows were rejected or values dropped: key, sentence, how many, share of the largest."""

    key: str
    sentence: str
    count: int
    percent: float


def run_steps(run: Run) -> list[Step]:
    """Return the stepper: waiting → query → preparing → delivering → finished."""
    stages = list(RunStage)
    now = stages.index(stage_reached(run))
    bad = run.is_finished and run.status in ENDED_BADLY
    steps = []
    for index, stage in enumerate(stages):
        state = "done" if index < now or (run.is_finished and not bad) else "todo"
        if index == now and (bad or not run.is_finished):
            state = "stopped" if bad else "now"
        label = str(run.get_status_display()) if stage == RunStage.FINISHED and run.is_finished else str(stage.label)
        steps.append(Step(label, state))
    return steps


def stage_reached(run: Run) -> RunStage:
    """Return the stage a run is in, or the one in which it ended early."""
    if not run.is_finished or run.status not in ENDED_BADLY:
        return RunStage(run.stage)
    if run.prepared_at is not None:
        return RunStage.DELIVERING
    if run.selected is not None:
        return RunStage.PREPARING
    return RunStage.QUERYING if run.started_at else RunStage.WAITING


def run_progress(run: Run, now: datetime | None = None) -> Progress:
    """Return how far the present stage is."""
    now = now or timezone.now()
    if run.stage == RunStage.PREPARING:
        return _progress(run.prepared, run.selected, "rows", run.started_at, now)
    if run.stage in (RunStage.DELIVERING, RunStage.FINISHED) and run.prepared_at:
        done = run.accepted + run.refused + run.unknown
        return _progress(done, run.events, "events", run.prepared_at, run.finished_at or now)
    return Progress(0, None, "rows", None, None)


def _progress(done: int, total: int | None, unit: str, since: datetime | None, now: datetime) -> Progress:
    seconds = (now - since).total_seconds() if since else 0.0
    rate = done / seconds if seconds > 0 and done else None
    eta = (total - done) / rate if rate and total else None
    return Progress(done, total, unit, rate, eta)


def rows_sum(run: Run) -> Sum | None:
    """Return where the selected rows went; None until they are all prepared."""
    if run.selected is None or run.prepared_at is None:
        return None
    rows = run.selected
    return _sum(
        rows, "rows selected",
        [
            (run.in_events, "in events", "good"),
            (run.rejected, "rejected", "bad"),
            (run.duplicates, "duplicates", "warn"),
        ],
    )  # fmt: skip


def events_sum(run: Run) -> Sum | None:
    """Return what became of the events; None until they are all prepared."""
    if run.prepared_at is None:
        return None
    waiting = "not sent" if run.is_finished else "still to send"
    return _sum(
        run.events, "events",
        [
            (run.accepted, "accepted", "good"),
            (run.refused, "refused", "bad"),
            (run.unknown, "unknown", "warn"),
            (run.unsent, waiting, "idle"),
        ],
    )  # fmt: skip


def _sum(total: int, label: str, parts: list[tuple[int, str, str]]) -> Sum:
    return Sum(total, label, [Part(n, what, tone, FULL * n / total if total else 0.0) for n, what, tone in parts])


def run_funnel(run: Run) -> list[Part]:
    """Return the narrowing from selected rows to accepted events, each bar relative to the widest."""
    rows = run.selected or 0
    bars = [
        (rows, "rows selected", "idle"),
        (run.in_events, "rows in events", "idle"),
        (run.events, "events", "idle"),
        (run.accepted, "events accepted by TikTok", "good"),
    ]
    widest = max(count for count, _, _ in bars) or 1
    return [Part(count, label, tone, FULL * count / widest) for count, label, tone in bars]


def reasons(counts: dict[str, int]) -> list[Reason]:
    """Return reasons with their sentences, the most frequent first."""
    most = max(counts.values(), default=1)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Reason(key, REASONS.get(key, key.replace("_", " ")), n, FULL * n / most) for key, n in ordered]
