"""Replays: say beforehand what sending rows of a run once more would do at TikTok, then start the run that does it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.utils import timezone

from destinations.specs import get as spec_get
from destinations.specs.base import Resending
from orchestrations.access import RUN, access_check
from orchestrations.choices import ReplayRows, RunPurpose, RunTrigger
from orchestrations.datasets import sql_tables
from orchestrations.models import Batch, Run
from orchestrations.replays.choosing import Verdicts, rows_by_batch
from orchestrations.replays.replaying import preparable
from orchestrations.runs.services import Replay, run_start, settings_effective
from orchestrations.runs.spool import Spool, SpoolError
from tiktok_hub.tenancy.models import Membership

MOST_READ = 1_000
"""Request bodies that are read to tell how old their events are while somebody waits for it (about four seconds)."""

WARNED = "older_than_7_days"
"""What preparation notes of every event that is older than a week."""

LEFT_OUT = (
    "Run {run} has no rows that TikTok refused. {count:,} posted items were rejected when they came in: they are not "
    "kept, and cannot be sent from here. Post them again, put right."
)
REPOSTED = "Post the events again, with the same event ids."

Flags = npt.NDArray[np.bool_]
LABELS = {ReplayRows.ALL: "rows", ReplayRows.REJECTED: "rejected rows", ReplayRows.UNKNOWN: "unknown rows"}


@dataclass(slots=True)
class Forecast:
    """What a replay of some rows would do.

    `rows` of the query are meant: `events` that were prepared then and are sent again as they were, and
    `prepared_again` rows that were rejected. Rejected items of a stream are not kept: they are `left_out`. Of the
    events, TikTok `drops` those that it accepted less than 48 hours ago, and `may_drop` those whose answer was lost
    since; it `counts_twice` what it accepted earlier than that, and `may_count_twice` what was lost earlier. `too_old`
    events are rejected instead of sent and stand in none of these; it is None where they are too many to be looked at
    now. `replayed_by` are runs that have sent these rows already. `refusal` says why there is nothing to replay, or
    cannot be.
    """

    rows: int = 0
    prepared_again: int = 0
    left_out: int = 0
    events: int = 0
    too_old: int | None = 0
    drops: int = 0
    may_drop: int = 0
    counts_twice: int = 0
    may_count_twice: int = 0
    replayed_by: list[int] = field(default_factory=list)
    refusal: str = ""

    @property
    def needs_consent(self) -> bool:
        """Say whether TikTok would count something twice that it is known to have."""
        return bool(self.counts_twice or self.replayed_by)

    @property
    def told(self) -> dict[str, Any]:
        """Return it as JSON tells it."""
        return {**asdict(self), "needs_consent": self.needs_consent}


def replay_forecasts(run: Run, *, now: datetime | None = None) -> dict[str, Forecast]:
    """Return what a replay of all, rejected or unknown rows of a run would do; nothing is sent or changed."""
    now = now or timezone.now()
    forecasts = {str(rows): Forecast(replayed_by=_replayed_by(run, rows, now)) for rows in ReplayRows}
    try:
        resending = _resending(run)
        _count(run, resending, forecasts, now)
    except ValidationError as error:
        for forecast in forecasts.values():
            forecast.refusal = " ".join(error.messages)
        return forecasts
    for rows, forecast in forecasts.items():
        forecast.refusal = _refusal(run, rows, forecast)
    return forecasts


def run_replay(
    *, run: Run, rows: str, membership: Membership | None, trigger: RunTrigger, count_twice: bool = False
) -> Run:
    """Queue a run that sends all, rejected or unknown rows of an earlier one, with the same event ids.

    The earlier run keeps its verdicts. `count_twice` is the consent to send what TikTok has and does not know again.
    Raise ValidationError, with what to do instead, where there is nothing to replay or nothing may be sent now, and
    PermissionDenied as `run_start` does.
    """
    access_check(membership, run.orchestration.destination, RUN)
    forecast = replay_forecasts(run)[ReplayRows(rows)]
    if forecast.refusal:
        raise ValidationError(forecast.refusal)
    if forecast.needs_consent and not count_twice:
        raise ValidationError(twice_sentence(forecast))
    return run_start(
        orchestration=run.orchestration, membership=membership, trigger=trigger, sample=run.sample,
        replay=Replay(run, rows),
    )  # fmt: skip


def forecast_lines(run: Run, rows: str, forecast: Forecast) -> list[str]:
    """Return a forecast in words: a line for everything that will happen to some of the rows."""
    old = "those too old are counted when it starts" if forecast.too_old is None else ""
    lines = [
        f"A replay of run {run.pk} would send {forecast.rows:,} {LABELS[ReplayRows(rows)]}; nothing was sent now.",
        *(f"  {count:>12,} {sentence}" for count, sentence in forecast_parts(forecast)),
        *([f"  {old:>12}"] if old else []),
    ]
    return [*lines, twice_sentence(forecast)] if forecast.needs_consent else lines


def forecast_parts(forecast: Forecast) -> list[tuple[int, str]]:
    """Return how many events (or rows) meet which end, with a sentence for each; what is nothing is left out."""
    parts = [
        (forecast.events, "events were prepared and are sent as they were, with the same event ids"),
        (forecast.prepared_again, "rows were rejected and are prepared again with the present settings"),
        (forecast.left_out, "posted items were rejected and are not kept: post them again, put right"),
        (forecast.too_old or 0, "events have become too old and will be rejected"),
        (forecast.drops, "events TikTok will drop as duplicates: it accepted them less than 48 hours ago"),
        (forecast.may_drop, "events TikTok may drop as duplicates: whether it has them is not known"),
        (forecast.counts_twice, "events TikTok would count twice: it accepted them more than 48 hours ago"),
        (forecast.may_count_twice, "events TikTok may count twice: sent more than 48 hours ago, and it may have them"),
    ]
    return [(count, sentence) for count, sentence in parts if count]


def twice_sentence(forecast: Forecast) -> str:
    """Say why consent is needed."""
    if forecast.counts_twice:
        return (
            f"TikTok accepted {forecast.counts_twice:,} of these events more than 48 hours ago. It does not know them "
            "again and would count them twice. Replay only the rejected or the unknown rows, or say that you want this."
        )
    again = ", ".join(f"run {number}" for number in forecast.replayed_by)
    return (
        f"These rows were replayed by {again} already, more than 48 hours ago. TikTok would count twice what it "
        "accepted then. Replay that run's rows instead, or say that you want this."
    )


def _instead(run: Run) -> str:
    """Name what can be done with a run that has sent nothing: a stream's has no query that could be run anew."""
    return "Retry" if run.stream_id else "Restart"


def _resending(run: Run) -> Resending:
    """Return how a run's events are sent again; raise ValidationError where none of them can be."""
    if not run.is_finished:
        raise ValidationError(f"Run {run.pk} has not ended yet. Wait for it, or cancel it.")
    if run.purpose == RunPurpose.PLAN:
        raise ValidationError(f"Run {run.pk} was a plan: nothing was sent. Start a run instead.")
    if not run.inputs or run.prepared_at is None:
        raise ValidationError(f"Run {run.pk} ended before its rows were prepared. {_instead(run)} it instead.")
    resending = spec_get(run.inputs["plugin"]).resending
    if resending is None:
        raise ValidationError(
            "A run for an audience is not replayed: the next run sends what is still missing, and a retry what is "
            "unknown."
        )
    present = settings_effective(run.orchestration) | run.inputs.get("address", {})
    moved = [name for name in resending.address if present.get(name) != run.inputs["settings"].get(name)]
    if moved:
        labels = ", ".join(spec_get(run.inputs["plugin"]).setting(name).label for name in moved)
        raise ValidationError(
            f"The orchestration sends elsewhere than run {run.pk} did ({labels}): TikTok would not know its events "
            f"again. {REPOSTED if run.stream_id else 'Restart the run instead.'}"
        )
    there = all(default_storage.exists(Spool(run.spool).table_path(name)) for name in ("rows", "issues"))
    if not there or run.spool_deleted_at is not None:
        raise ValidationError(
            f"What run {run.pk} had prepared is deleted: its time has passed, or somebody removed it from storage. "
            f"{REPOSTED if run.stream_id else 'Restart the run instead.'}"
        )
    return resending


def _refusal(run: Run, rows: str, forecast: Forecast) -> str:
    """Return why this choice is not possible; nothing where it is."""
    if not forecast.rows and forecast.left_out:
        return LEFT_OUT.format(run=run.pk, count=forecast.left_out)
    if not forecast.rows:
        return f"Run {run.pk} has no {LABELS[ReplayRows(rows)]}."
    if not forecast.prepared_again:
        return ""
    tables = run.inputs["tables"]
    gone = [name for name in sql_tables(run.inputs["sql"], tables) if not default_storage.exists(tables[name])]
    if not gone:
        return ""
    return (
        f"The file of the dataset “{gone[0]}” that run {run.pk} has read is gone, so that its rejected rows cannot be "
        "prepared again. Restart the run: it reads the present file."
    )


def _count(run: Run, resending: Resending, forecasts: Mapping[str, Forecast], now: datetime) -> None:
    """Count rows and events of each choice."""
    known = timedelta(hours=resending.known_hours)
    limit = resending.age_limit(settings_effective(run.orchestration))
    oldest, young = int(now.timestamp()) - limit, _all_young(run, limit, now)
    read_times = run.requests <= MOST_READ and not young
    refused: dict[int, Verdicts] = {}
    for batch in Batch.objects.filter(run=run).order_by("number").defer("error", "halves").iterator(chunk_size=200):
        verdicts = Verdicts(batch)
        lately = batch.sent_at is not None and now - batch.sent_at < known
        if batch.refused or batch.unknown:
            refused[batch.number] = verdicts
        fresh = _times(run, batch.number, resending) >= oldest if read_times else np.ones(batch.events, np.bool_)
        for rows, forecast in forecasts.items():
            _add(forecast, verdicts, verdicts.chosen(rows), fresh, lately=lately)
    for rows, forecast in forecasts.items():
        again = preparable(run)
        forecast.prepared_again = 0 if rows == ReplayRows.UNKNOWN else again
        forecast.left_out = 0 if rows == ReplayRows.UNKNOWN else run.rejected - again
        forecast.too_old = forecast.too_old if read_times or young else None
    _count_rows(run, forecasts, refused)


def _add(forecast: Forecast, verdicts: Verdicts, chosen: Flags, fresh: Flags, *, lately: bool) -> None:
    """Add the events of one batch."""
    sent = chosen & fresh
    forecast.events += int(chosen.sum())
    forecast.too_old = (forecast.too_old or 0) + int((chosen & ~fresh).sum())
    had, perhaps = int((sent & verdicts.accepted).sum()), int((sent & verdicts.unknown).sum())
    if lately:
        forecast.drops += had
        forecast.may_drop += perhaps
    else:
        forecast.counts_twice += had
        forecast.may_count_twice += perhaps


def _count_rows(run: Run, forecasts: Mapping[str, Forecast], lost: Mapping[int, Verdicts]) -> None:
    """Count the rows of the query that are meant: several may be one event."""
    again = preparable(run)
    forecasts[ReplayRows.ALL].rows = (run.selected or 0) - run.rejected + again
    forecasts[ReplayRows.REJECTED].rows = again
    for number, positions, _ in rows_by_batch(Spool(run.spool)) if lost else ():
        for rows in (ReplayRows.REJECTED, ReplayRows.UNKNOWN) if number in lost else ():
            forecasts[rows].rows += int(lost[number].chosen(rows)[positions].sum())


def _all_young(run: Run, limit: int, now: datetime) -> bool:
    """Say whether no event can have become too old by now: none was older than a week when the run started."""
    if run.started_at is None or WARNED in run.warnings_by_reason:
        return False
    return now - run.started_at + timedelta(days=7) < timedelta(seconds=limit)


def _times(run: Run, number: int, resending: Resending) -> Any:
    try:
        return resending.times(Spool(run.spool).body_read(number))
    except SpoolError as error:
        raise ValidationError(str(error)) from None


def _replayed_by(run: Run, rows: str, now: datetime) -> list[int]:
    """Return the runs by which TikTok accepted these rows too long ago to know them again."""
    resent = Run.objects.filter(replay_of=run, accepted__gt=0).order_by("pk")
    if rows != ReplayRows.ALL:
        resent = resent.filter(replay_rows__in=[rows, ReplayRows.ALL])
    resending = spec_get(run.inputs["plugin"]).resending if run.inputs else None
    if resending is None:
        return []
    known = now - timedelta(hours=resending.known_hours)
    return list(resent.filter(finished_at__lt=known).values_list("pk", flat=True))
