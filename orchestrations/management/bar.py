"""A line on the terminal that shows how far a run is; nothing where the output is no terminal."""

import shutil
import time
from types import TracebackType
from typing import Self

from django.core.management.base import OutputWrapper

from orchestrations.choices import RunPurpose, RunStage, RunStatus
from orchestrations.models import Run

WIDTH = 24
FULL = 100


class ProgressBar:
    """Draw a run's progress over itself, on one line."""

    def __init__(self, output: OutputWrapper) -> None:
        self.output = output
        self.drawn = False
        self.marks: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wipe the line away: what comes next says it better."""
        if self.drawn:
            self.output.write("\r\x1b[K", style_func=str, ending="")
            self.output.flush()

    def show(self, run: Run) -> None:
        """Draw the run as it is now."""
        if self.output.isatty():
            width = shutil.get_terminal_size().columns
            self.output.write(f"\r\x1b[K{line(run, self._rate(run))[: width - 1]}", style_func=str, ending="")
            self.output.flush()
            self.drawn = True

    def _rate(self, run: Run) -> float | None:
        """Return rows, events or entries per second since the present stage was first seen."""
        done, _, _ = measure(run)
        began, first = self.marks.setdefault(run.stage, (time.monotonic(), done))
        seconds = time.monotonic() - began
        return (done - first) / seconds if seconds > 1 and done > first else None


def measure(run: Run) -> tuple[int, int, str]:
    """Return how much of the present stage is done, of how much, and what is counted."""
    if run.stage == RunStage.DELIVERING and run.purpose != RunPurpose.PLAN:
        entries = "entries" if "sync_mode" in run.inputs else "events"  # of audiences: people to add or remove
        return run.accepted + run.refused + run.unknown, run.events, entries
    return run.prepared, run.selected or 0, "rows"


def line(run: Run, rate: float | None) -> str:
    """Return the progress of a run as one line."""
    done, total, unit = measure(run)
    label = "Planning" if run.purpose == RunPurpose.PLAN else run.get_stage_display()
    if run.status == RunStatus.HELD:
        label = "Held"
    if not total:
        return f"Run {run.pk}  {label} …"
    share = min(done / total, 1.0)
    bar = "█" * round(share * WIDTH) + "░" * (WIDTH - round(share * WIDTH))
    text = f"Run {run.pk}  {label}  {bar} {share * FULL:3.0f} %  {done:,} of {total:,} {unit}"
    if not rate:
        return text
    return f"{text}  {rate:,.0f}/s  {(total - done) / rate:,.0f} s to go"
