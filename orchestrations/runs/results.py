"""What became of a run, for programs and files: one JSON form, and the rows that did not arrive as CSV."""

import os
from collections.abc import Collection, Iterator
from errno import ENOENT
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings
from django.db.models import Sum
from django.utils import timezone
from pyarrow import csv

from destinations.preparation.reasons import REASONS
from destinations.tiktok.codes import WARNING_CODES
from orchestrations.choices import BatchStatus, ReplayRows, RunPurpose, RunStatus
from orchestrations.models import Batch, Run, RunAudience
from orchestrations.runs.planning import run_plan
from orchestrations.runs.resolutions import resolution_of
from orchestrations.runs.spool import Spool
from orchestrations.sources.masking import DOTS
from orchestrations.streams.items import SENTENCES
from tiktok_hub.spreadsheets import column

REJECT, WARNING, DUPLICATE, REFUSED, UNKNOWN = "reject", "warning", "duplicate", "refused", "unknown"
SPOOLED = (REJECT, WARNING, DUPLICATE)
NOT_ARRIVED = (REJECT, REFUSED, UNKNOWN)

COLUMNS = ("row", "field", "reason", "value", "level", "request_id", "message")
UNKNOWN_MESSAGE = (
    "The connection was lost after sending: TikTok may have the event. A retry sends it with the same event id."
)
UNKNOWN_PERSON_MESSAGE = (
    "The connection was lost after sending: TikTok may know of this person. A retry or the next run sends it again."
)
SAMPLE_NOTE = "The sample was sent without a test event code: TikTok counts these events like all others."
SAMPLE_OF_PEOPLE_NOTE = "The people of the sample are in the audience now; a sample removes nobody."


def run_result(run: Run, *, rejects_file: Path | None = None) -> dict[str, Any]:
    """Return a run as `--json` prints it.

    `selected`, `rejected` and `duplicates` count rows, `warnings` values; `events`, `accepted`, `refused`, `unknown`
    and `unsent` events; `requests` batches, `attempts` HTTP requests. `seconds` runs on until the run has ended.

    `replay` says which rows (all, rejected, unknown) of the run `replay_of` were sent once more.

    `accepted_with_warning` are those of the accepted whose request TikTok took with a reservation (partly done, had it
    before); what it said is in the list of batches.

    Where an audience is kept, an event is an entry of a request: one person to add or remove. `people` are those in the
    query's result; `added`, `removed` and `unchanged` people are what the run means for its audience (for several ad
    accounts the sum; `audiences` has each), `valid` rows with a valid id by type. `plan` says what will come of it.
    """
    code = run.inputs.get("settings", {}).get("test_event_code")
    return {
        "run": run.pk,
        "status": run.status,
        "stage": run.stage,
        "purpose": run.purpose,
        "tenant": run.tenant.slug,
        "orchestration": run.orchestration.name,
        "sample": run.sample,
        "replay_of": run.replay_of_id,
        "replay": run.replay_rows or None,
        "test_event_code": code,
        "note": _note(run) if run.sample and not code else None,
        "selected": run.selected or 0,
        "rejected": run.rejected,
        "in_events": run.in_events,
        "duplicates": run.duplicates,
        "warnings": run.warnings,
        "events": run.events,
        "accepted": run.accepted,
        "accepted_with_warning": _accepted_with_warning(run),
        "refused": run.refused,
        "unknown": run.unknown,
        "unsent": run.unsent,
        "requests": run.requests,
        "attempts": run.attempts,
        "seconds": _seconds(run),
        "rejected_by_reason": run.rejected_by_reason,
        "warnings_by_reason": run.warnings_by_reason,
        **_audience_result(run),
        "hold": run.hold or None,
        "plan": run_plan(run) if run.prepared_at else None,
        "requests_deleted_at": run.spool_deleted_at.isoformat() if run.spool_deleted_at else None,
        "rejects_deleted_at": run.rejects_deleted_at.isoformat() if run.rejects_deleted_at else None,
        "rejects_file": str(rejects_file) if rejects_file else None,
        "error": error_result(run.error, streamed=run.stream_id is not None),
    }


def _accepted_with_warning(run: Run) -> int:
    """Count what was in requests whose answer was a success, but not a plain one."""
    warned = Batch.objects.filter(run=run, code__in=WARNING_CODES).aggregate(total=Sum("accepted"))
    return warned["total"] or 0


def _note(run: Run) -> str:
    """Say what a sample means that TikTok does not know to be one."""
    return SAMPLE_OF_PEOPLE_NOTE if "sync_mode" in run.inputs else SAMPLE_NOTE


def _audience_result(run: Run) -> dict[str, Any]:
    """Return what a run means for its audiences; nothing where its destination keeps none."""
    targets = list(RunAudience.objects.filter(run=run).select_related("audience"))
    if not targets:
        return {}
    return {
        "people": run.people or 0,
        "added": sum(target.added for target in targets),
        "removed": sum(target.removed for target in targets),
        "unchanged": sum(target.unchanged for target in targets),
        "audience_id": targets[0].audience.audience_id or None,
        "sync_mode": run.inputs["sync_mode"],
        "valid": {name.removeprefix("valid_"): number for name, number in run.tally.items()},
        "audiences": [_target_result(target) for target in targets],
    }


def _target_result(target: RunAudience) -> dict[str, Any]:
    sums = target.batches.aggregate(**{name: Sum(name) for name in ("accepted", "refused", "unknown")})
    return {
        "advertiser_id": target.audience.advertiser_id,
        "audience_id": target.audience.audience_id or None,
        "name": target.audience.name,
        "before": target.before,
        "added": target.added,
        "removed": target.removed,
        "unchanged": target.unchanged,
        "after": target.after,
        **{name: number or 0 for name, number in sums.items()},
        "error": error_result(target.error),
    }


def error_result(error: dict[str, Any], *, streamed: bool = False) -> dict[str, Any] | None:
    """Return a run's error with a title, the steps that remove its cause and the actions; None where there is none."""
    if not error:
        return None
    found = resolution_of(str(error.get("resolution", "")), streamed=streamed)
    names = ("class", "code", "sentence", "resolution", "message", "request_id")
    told = {"title": found.title, "steps": list(found.steps), "actions": list(found.actions)}
    return {name: error.get(name) for name in names} | told


def _seconds(run: Run) -> float | None:
    if run.started_at is None:
        return None
    return round(((run.finished_at or timezone.now()) - run.started_at).total_seconds(), 3)


def run_issues_csv(run: Run, levels: Collection[str], *, hidden: bool = False) -> Iterator[str]:
    """Yield a CSV of rows that were not sent as they were, or did not arrive, in pieces of about 20,000 rows.

    `levels` are of `reject`, `warning`, `duplicate` (found here; `value` is masked), `refused` and `unknown` (at
    TikTok). Rows count from 1 in the query's result. What a spreadsheet would take for a formula begins with `'`. The
    tenant's scope must be open.

    `hidden` leaves neither a trace of a value nor TikTok's own words, for people who may not see personal data: a query
    of theirs could put an address where a currency belongs, of which the mask shows the text.
    """
    yield ",".join(COLUMNS) + "\n"
    spool = Spool(run.spool)
    if wanted := [level for level in SPOOLED if level in levels]:
        for piece in spool.table_read("issues"):
            found = _issues(piece, wanted)
            yield from _written(_hidden(found, "value") if hidden else found)
    if REFUSED in levels or UNKNOWN in levels:
        lost = _lost(run, levels)
        if lost:
            for piece in spool.table_read("rows"):
                found = _lost_rows(piece, lost)
                yield from _written(_hidden(found, "message") if hidden else found)


def rejects_write(run: Run, path: Path | None = None) -> Path | None:
    """Write the rows that did not arrive to a file that its owner alone can read, and return its path.

    Without `path` it goes to the data folder, and only when there is something to tell. Raise OSError when it cannot
    be written, or the rows were deleted.
    """
    if path is not None and run.rejects_deleted_at is not None:
        raise FileNotFoundError(ENOENT, f"the rows of run {run.pk} were deleted on {run.rejects_deleted_at:%d %B %Y}")
    if path is None:
        if run.rejects_deleted_at is not None or not (run.rejected or run.refused or run.unknown):
            return None
        folder = Path(settings.HUB_DATA_DIR) / "rejects"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"run-{run.pk}.csv"
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.writelines(run_issues_csv(run, NOT_ARRIVED))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path.resolve()


def _issues(piece: pa.RecordBatch, levels: list[str]) -> pa.Table:
    """Return those issues of a piece of the spool that are of the wanted levels."""
    table = pa.Table.from_batches([piece])
    table = table.filter(pc.is_in(table["level"], value_set=pa.array(levels)))
    known = {**REASONS, **SENTENCES}
    keys, sentences = pa.array(list(known)), pa.array(list(known.values()))
    message = sentences.take(pc.index_in(table["reason"].combine_chunks(), value_set=keys))
    empty = pa.repeat(pa.scalar(""), table.num_rows)
    return table.append_column("request_id", empty).append_column("message", message)


def _hidden(table: pa.Table, name: str) -> pa.Table:
    """Put dots in a column of texts wherever it says something."""
    texts = table[name].cast(pa.string())
    dots = pc.if_else(pc.equal(pc.fill_null(texts, ""), ""), texts, pa.scalar(DOTS))
    return table.set_column(table.column_names.index(name), name, dots)


class Lost:
    """Where the events of one batch are that TikTok refused, or that nobody knows of.

    An event is told by its reason, level, request id and message. A refused one has the id of the very request in
    which it was refused, where that was kept: the batch's own may be of a later one, that was accepted.
    """

    def __init__(self, batch: Batch, levels: Collection[str]) -> None:
        self.refused: dict[int, tuple[str, str, str, str]] = {}
        if REFUSED in levels:
            for position, code, message, *request in batch.refused_positions:
                reason = f"refused_{code}" if code is not None else "refused"
                self.refused[position] = (reason, REFUSED, str(request[0]) if request else "", str(message or ""))
        is_unknown = UNKNOWN in levels and batch.status == BatchStatus.UNKNOWN
        self.open: list[tuple[int, int]] = [tuple(pair) for pair in batch.open_ranges] if is_unknown else []
        sentence = UNKNOWN_MESSAGE if batch.target_id is None else UNKNOWN_PERSON_MESSAGE
        self.unknown = ("unknown", UNKNOWN, batch.request_id, sentence)

    def look(self, position: int) -> tuple[str, str, str, str] | None:
        """Return what became of the event at a position; None when it arrived."""
        if position in self.refused:
            return self.refused[position]
        return self.unknown if any(start <= position < stop for start, stop in self.open) else None


def _lost(run: Run, levels: Collection[str]) -> dict[int, Lost]:
    """Return batch number → what of it was lost, for the batches where something was."""
    batches = Batch.objects.filter(run=run).exclude(refused=0, unknown=0)
    return {batch.number: Lost(batch, levels) for batch in batches.defer("error", "halves").iterator(chunk_size=500)}


def _lost_rows(piece: pa.RecordBatch, lost: dict[int, Lost]) -> pa.Table:
    """Return the rows of a piece of the spool whose events were lost."""
    piece = piece.filter(pc.is_in(piece["batch"], value_set=pa.array(list(lost), pa.int32())))
    found: list[tuple[Any, ...]] = []
    for number, position, row in zip(*(piece[name].to_pylist() for name in ("batch", "position", "row")), strict=True):
        seen = lost[number].look(position)
        if seen is not None:
            reason, level, request_id, message = seen
            found.append((row, "", reason, "", level, request_id, message))
    fields: list[Any] = [pa.field("row", pa.int64()), *(pa.field(name, pa.string()) for name in COLUMNS[1:])]
    return pa.table(
        [list(column) for column in zip(*found, strict=True)] or [[] for _ in COLUMNS], schema=pa.schema(fields)
    )


def _written(table: pa.Table) -> Iterator[str]:
    """Yield a table's lines of CSV, if it has any."""
    if not table.num_rows:
        return
    columns = [table["row"]] + [column(table[name]) for name in COLUMNS[1:]]
    buffer = BytesIO()
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    csv.write_csv(pa.table(columns, names=list(COLUMNS)), buffer, options)
    yield buffer.getvalue().decode()


def run_text(result: dict[str, Any]) -> str:
    """Return a result as people read it on a terminal."""
    seconds = f" in {result['seconds']:,.1f} s" if result["seconds"] is not None else ""
    label = RunStatus(result["status"]).label.lower()
    lines = [f"Run {result['run']} of {result['orchestration']} ({result['tenant']}): {label}{seconds}"]
    if result["replay"]:
        lines.append(f"  {'replay':<12}{ReplayRows(result['replay']).label.lower()} of run {result['replay_of']}")
    lines += _counts(result, "rows", ("selected", "in_events", "duplicates", "rejected"), "rejected_by_reason")
    lines += _counts(result, "values", ("warnings",), "warnings_by_reason")
    if "people" in result:
        lines += _counts(result, "people", ("people", "added", "removed", "unchanged"), None)
    entries = "entries" if "people" in result else "events"
    lines += _counts(result, entries, ("events", "accepted", "refused", "unknown", "unsent"), None)
    if warned := result["accepted_with_warning"]:
        lines.append(f"    {warned:>12,} of the accepted with a warning from TikTok, see the run's batches")
    lines.append(f"  {'requests':<12}{result['requests']:>12,} ({result['attempts']:,} HTTP requests)")
    lines += _plan_lines(result)
    lines += [
        f"  {name:<12}{result[key]}" for name, key in (("rejects", "rejects_file"), ("note", "note")) if result[key]
    ]
    return "\n".join(lines + _error_lines(result["error"]))


def _plan_lines(result: dict[str, Any]) -> list[str]:
    """Say what will come of a run that has not sent anything."""
    lines = [f"  {'held':<12}{result['hold']['sentence']}"] if result["hold"] else []
    plan = result["plan"]
    if result["purpose"] != RunPurpose.PLAN or plan is None:
        return lines
    lines.append(f"  {'sending':<12}about {plan['estimated_seconds']:,.1f} s; nothing was sent")
    if "floor" in plan:
        enough = "too few" if plan["below_floor"] else "enough if they are matched"
        lines.append(
            f"  {'audience':<12}{plan['predicted_people']:,} people afterwards, {enough} (at least {plan['floor']:,})"
        )
        lines.append(f"  {'account':<12}{plan['audiences_used']} of {plan['audiences_limit']} audiences")
    return lines


def _counts(result: dict[str, Any], unit: str, names: tuple[str, ...], reasons: str | None) -> list[str]:
    lines = [f"  {name:<12}{result[name]:>12,} {unit}" for name in names]
    for reason, count in sorted(result[reasons].items(), key=lambda pair: -pair[1]) if reasons else ():
        lines.append(f"    {count:>12,} {reason}")
    return lines


def _error_lines(error: dict[str, Any] | None) -> list[str]:
    if error is None:
        return []
    said = ", ".join(
        text
        for text in (
            f"code {error['code']}" if error["code"] is not None else "",
            error["message"],
            f"request {error['request_id']}" if error["request_id"] else "",
        )
        if text
    )
    steps = [f"    {number}. {step}" for number, step in enumerate(error["steps"], 1)]
    return [f"  {'error':<12}{error['sentence']}", *([f"  {'':<12}{said}"] if said else []), *steps]
