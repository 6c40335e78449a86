"""Replays on the run page: what each would do, told before the button is pressed, and where a run stands among them."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern

from orchestrations.access import RUN
from orchestrations.admin.base import OwnPageAdmin, attempt, back, member
from orchestrations.admin.progress import keeps_audience
from orchestrations.choices import ReplayRows, RunPurpose, RunTrigger
from orchestrations.models import Run
from orchestrations.replays.services import (
    LABELS,
    Forecast,
    forecast_parts,
    replay_forecasts,
    run_replay,
    twice_sentence,
)

EXPLAINED = {
    ReplayRows.UNKNOWN: "The connection was lost after sending: TikTok has these events or has not.",
    ReplayRows.REJECTED: "What was rejected here, and what TikTok refused: for when the cause has been put right.",
    ReplayRows.ALL: "Everything that the query gave this run.",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the choices: its words, its numbers, why consent is needed, why it is not possible."""

    value: str
    title: str
    sentence: str
    button: str
    forecast: Forecast
    parts: list[tuple[int, str]]
    twice: str


class ReplayPages(OwnPageAdmin):
    """The pages of a run's replays."""

    def replay_urls(self) -> list[URLPattern]:
        """Return the page that says what replays would do, and the address that starts one."""
        return [
            self.object_page("replay/", self.replay, name="replay", permission=RUN),
            self.object_page("replay/now/", self.replay_now, name="replay_now", permission=RUN, method="POST"),
        ]

    def replay(self, request: HttpRequest, run: Run) -> HttpResponseBase:
        """Say what a replay of unknown, rejected or all rows would do."""
        forecasts = replay_forecasts(run)
        refusals = {forecast.refusal for forecast in forecasts.values()}
        return self.page(
            request, "orchestrations/run/replay.html", title=f"Replay run {run.pk}", original=run, run=run,
            choices=[_choice(rows, forecasts[rows]) for rows in EXPLAINED],
            refusal=refusals.pop() if len(refusals) == 1 else "",
        )  # fmt: skip

    def replay_now(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Start the replay and show it, or say why it cannot be."""
        rows = request.POST.get("rows", "")
        if rows not in ReplayRows.values:
            messages.error(request, "Choose which rows are sent once more.")
            return back(self.url("replay", run))
        started = attempt(
            request,
            lambda: run_replay(
                run=run, rows=rows, membership=member(request), trigger=RunTrigger.MANUAL,
                count_twice="count_twice" in request.POST,
            ),
        )  # fmt: skip
        return back(self.url("change", started) if started else self.url("replay", run))


def replay_shown(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return what the run page shows of replays: the button, the run this one replays, and those that replayed it."""
    ended = run.is_finished and run.prepared_at is not None and run.spool_deleted_at is None
    replayable = run.purpose == RunPurpose.DELIVER and bool(run.inputs) and not keeps_audience(run)
    return {
        "can_replay": request.user.has_perm(RUN) and ended and replayable,
        "replays": list(Run.objects.filter(replay_of=run).order_by("pk")) if run.is_finished else [],
    }


def _choice(rows: ReplayRows, forecast: Forecast) -> Choice:
    count = f"{forecast.rows:,} "
    return Choice(
        value=rows, title=rows.label, sentence=EXPLAINED[rows], button=f"Replay {count}{LABELS[rows]}",
        forecast=forecast, parts=forecast_parts(forecast),
        twice=twice_sentence(forecast) if forecast.needs_consent else "",
    )  # fmt: skip
