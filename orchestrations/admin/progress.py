"""What the run page shows, worked out from a run: stages, progress, and sums that a person can check."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from destinations.preparation.reasons import REASONS
from orchestrations.choices import RunPurpose, RunStage, RunStatus
from orchestrations.models import Run
from orchestrations.streams.items import SENTENCES

FULL = 100
QUARTER = 25
SOONEST = 3.0  # seconds of work before anybody can say how long the rest takes
ENDED_BADLY = (RunStatus.FAILED, RunStatus.CANCELLED)
HELD = "held"
"""Where a run waits that its guards have stopped: a step between preparing and delivering."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the stepper; `state` is `done`, `now`, `held`, `todo` or `stopped`."""

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


def keeps_audience(run: Run) -> bool:
    """Say whether a run is for audiences: its parts are then people, and entries of requests instead of events."""
    return "sync_mode" in run.inputs


def unit_of(run: Run) -> str:
    """Return what the requests of a run are made of."""
    return "entries" if keeps_audience(run) else "events"


def run_steps(run: Run) -> list[Step]:
    """Return the stepper: waiting → query → preparing → (held →) delivering → finished; a plan is not delivered."""
    path, place = _path(run), _place(run)
    now = path.index(place)
    bad = run.is_finished and run.status in ENDED_BADLY
    steps = []
    for index, stage in enumerate(path):
        state = "done" if index < now or (run.is_finished and not bad) else "todo"
        if index == now and (bad or not run.is_finished):
            state = "stopped" if bad else "held" if stage == HELD else "now"
        steps.append(Step(_label(run, stage, state), state))
    return steps


def _path(run: Run) -> list[str]:
    """Return the stages that a run passes."""
    if run.purpose == RunPurpose.PLAN:
        return [stage for stage in RunStage if stage != RunStage.DELIVERING]
    path: list[str] = [stage for stage in RunStage if stage != RunStage.QUERYING or not run.stream_id]
    if run.hold:
        path.insert(path.index(RunStage.DELIVERING), HELD)
    return path


def _place(run: Run) -> str:
    """Return where on its path a run is, or ended early."""
    stage = stage_reached(run)
    if stage != RunStage.DELIVERING:
        return stage
    if run.purpose == RunPurpose.PLAN:
        return RunStage.PREPARING
    return HELD if waits_for_release(run) else stage


def waits_for_release(run: Run) -> bool:
    """Say whether nobody has released what a run's guards have stopped, whether it still waits or has ended."""
    return run.status == RunStatus.HELD or bool(run.hold and run.released_at is None)


def _label(run: Run, stage: str, state: str) -> str:
    if stage == HELD:
        return "Released" if state == "done" else "Held"
    if stage != RunStage.FINISHED or not run.is_finished:
        return str(RunStage(stage).label)
    planned = run.purpose == RunPurpose.PLAN and run.status == RunStatus.SUCCEEDED
    return "Planned" if planned else str(run.get_status_display())


def stage_reached(run: Run) -> RunStage:
    """Return the stage a run is in, or the one in which it ended early."""
    if not run.is_finished or run.status not in ENDED_BADLY:
        return RunStage(run.stage)
    if run.prepared_at is not None:
        return RunStage.DELIVERING
    if run.selected is not None or (run.stream_id and run.started_at):
        return RunStage.PREPARING
    return RunStage.QUERYING if run.started_at else RunStage.WAITING


def run_progress(run: Run, now: datetime | None = None) -> Progress:
    """Return how far the present stage is."""
    now = now or timezone.now()
    if run.stage == RunStage.PREPARING:
        return _progress(run.prepared, run.selected, "rows", run.started_at, now)
    sends = run.purpose != RunPurpose.PLAN and not waits_for_release(run)
    if sends and run.stage in (RunStage.DELIVERING, RunStage.FINISHED) and run.prepared_at:
        done = run.accepted + run.refused + run.unknown
        return _progress(done, run.events, unit_of(run), run.released_at or run.prepared_at, run.finished_at or now)
    return Progress(0, None, "rows", None, None)


def _progress(done: int, total: int | None, unit: str, since: datetime | None, now: datetime) -> Progress:
    seconds = (now - since).total_seconds() if since else 0.0
    rate = done / seconds if seconds > 0 and done else None
    known = rate and total and seconds >= SOONEST
    return Progress(done, total, unit, rate, (total - done) / rate if known and rate and total else None)


def run_said(run: Run) -> str:
    """Say where a run is in words that change seldom enough to be read out: by quarters of a stage."""
    if run.is_finished:
        return f"{run.get_status_display()}. {run.accepted:,} {unit_of(run)} accepted, {run.rejected:,} rows rejected."
    if waits_for_release(run):
        return "Held: it waits for somebody to release it."
    quarters = int(run_progress(run).percent // QUARTER) * QUARTER
    return f"{run.get_stage_display()}{f', {quarters} %' if quarters else ''}."


def rows_sum(run: Run) -> Sum | None:
    """Return where the selected rows went; None until they are all prepared."""
    if run.selected is None or run.prepared_at is None:
        return None
    rows = run.selected
    return sum_of(
        rows, _selected(run),
        [
            (run.in_events, "in people" if keeps_audience(run) else "in events", "good"),
            (run.rejected, "rejected", "bad"),
            (run.duplicates, "duplicates", "warn"),
        ],
    )  # fmt: skip


def _selected(run: Run) -> str:
    """Say where a run's rows come from: a query, or what was posted."""
    return "items posted" if run.stream_id else "rows selected"


def events_sum(run: Run) -> Sum | None:
    """Return what became of the events, or of the entries for audiences; None until they are prepared, and of plans."""
    if run.prepared_at is None or run.purpose == RunPurpose.PLAN:
        return None
    waiting = "not sent" if run.is_finished else "still to send"
    return sum_of(
        run.events, unit_of(run),
        [
            (run.accepted, "accepted", "good"),
            (run.refused, "refused", "bad"),
            (run.unknown, "unknown", "warn"),
            (run.unsent, waiting, "idle"),
        ],
    )  # fmt: skip


def sum_of(total: int, label: str, parts: list[tuple[int, str, str]]) -> Sum:
    """Make a sum of parts: each a count, what it counts, and a tone."""
    return Sum(total, label, [Part(n, what, tone, FULL * n / total if total else 0.0) for n, what, tone in parts])


def run_funnel(run: Run) -> list[Part]:
    """Return the narrowing: rows selected, valid, then events sent and accepted, or people.

    A bar is as wide as the share that got so far; that several rows make one event or person narrows nothing.
    """
    selected, valid = run.selected or 0, (run.selected or 0) - run.rejected
    through = FULL * valid / selected if selected else 0.0
    rows = [
        Part(selected, _selected(run), "idle", FULL if selected else 0.0),
        Part(valid, "valid rows", "idle", through),
    ]
    if keeps_audience(run):
        return [*rows, Part(run.people or 0, "people", "good", through if run.people else 0.0)]
    if run.purpose == RunPurpose.PLAN:
        return [*rows, Part(run.events, "events", "good", through if run.events else 0.0)]
    share = through / run.events if run.events else 0.0
    sent = run.events - run.unsent
    return [
        *rows,
        Part(sent, "events sent", "idle", share * sent),
        Part(run.accepted, "events accepted", "good", share * run.accepted),
    ]


def reasons(counts: dict[str, int]) -> list[Reason]:
    """Return reasons with their sentences, the most frequent first."""
    most = max(counts.values(), default=1)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        Reason(key, SENTENCES.get(key) or REASONS.get(key, key.replace("_", " ")), n, FULL * n / most)
        for key, n in ordered
    ]
