"""The last events of a stream with what became of each, as far as people may see them: nobody's data in the clear."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from destinations.preparation.contract import DUPLICATE, REJECT
from destinations.preparation.reasons import REASONS
from orchestrations.choices import BatchStatus, RunStatus
from orchestrations.models import Batch, Chunk, Run, Stream
from orchestrations.runs.spool import Spool
from orchestrations.sources.masking import DOTS
from orchestrations.streams.contents import Contents, contents_unpack
from orchestrations.streams.items import SENTENCES

MOST = 50
CHUNKS = 20
DIGEST = re.compile("[0-9a-f]{64}")
SHOWN = 8  # characters of a digest: enough to compare it with one's own, not enough to look it up
PLAIN = {"locale", "action"}
"""Values beside a person's identifiers that are nobody's."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an item: a word, its colour, and a sentence where there is one."""

    word: str
    colour: str
    sentence: str = ""


WAITING = Verdict("Waiting", "info", "It waits until the next batch is sent.")
SENDING = Verdict("Being sent", "info")
REJECTED = Verdict("Rejected", "danger")
REPEATED = Verdict("Duplicate", "warning", "The same event and event ID came before; it is sent once.")
KNOWN = Verdict("In the audience", "success", "TikTok was told of this person before: there was nothing to send.")
ACCEPTED = Verdict("Accepted", "success", "TikTok has accepted it.")
UNKNOWN = Verdict("Unknown", "warning", "The connection was lost after sending: TikTok has it or has not.")
UNSENT = Verdict("Not sent", "danger", "The run ended before it was sent. Retry the run.")
SENT = Verdict("Sent", "warning", "It went with its run, of which not everything arrived: the run has the details.")
WORSE = ("Accepted", "Being sent", "Not sent", "Unknown", "Refused")
"""An item has a verdict in each ad account; the worst is shown."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What was said of a value: its field, the reason, and the masked value."""

    field: str
    sentence: str
    value: str


@dataclass(slots=True)
class Seen:
    """An item as the debugger shows it; `text` is the JSON that goes to TikTok, with identifiers shortened."""

    key: str
    at: datetime
    name: str
    event_id: str
    happened: datetime | None
    identifiers: list[str]
    verdict: Verdict
    run: Run | None
    text: str = ""
    errors: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)


def seen(stream: Stream, *, restricted: bool, raw: bool) -> list[Seen]:
    """Return the last items of a stream, the newest first.

    `restricted` hides masked values and shortened digests too; `raw` shows TikTok's own words about refused ones.
    """
    chunks = Chunk.objects.filter(stream=stream).select_related("run").order_by("-received_at", "-pk")[:CHUNKS]
    found: list[Seen] = []
    rows: dict[int, dict[int, Seen]] = {}
    runs: dict[int, Run] = {}
    for chunk in chunks:
        for number, item in _items(chunk, restricted):
            if len(found) == MOST:
                break
            found.append(item)
            if chunk.run is not None and chunk.first_row is not None and item.verdict is SENDING:
                runs[chunk.run.pk] = chunk.run
                rows.setdefault(chunk.run.pk, {})[chunk.first_row + number] = item
    for pk, wanted in rows.items():
        _verdicts_put(runs[pk], wanted, raw)
    return found


def _items(chunk: Chunk, restricted: bool) -> Iterator[tuple[int, Seen]]:
    """Yield the numbers and items of a chunk, the last one first; none once its contents are gone."""
    if not chunk.content:
        return
    contents = contents_unpack(bytes(chunk.content))
    events = dict(zip(contents.numbers, _events(contents), strict=True))
    remarks = _remarks(contents, restricted)
    for number in range(chunk.rows - 1, -1, -1):
        issues = remarks.get(number, [])
        errors = [remark for level, remark in issues if level == REJECT]
        again = any(level == DUPLICATE for level, _ in issues)
        event = events.get(number)
        item = Seen(
            f"{chunk.pk}-{number}", chunk.received_at, *_named(event, contents.names.get(str(number))),
            _identifiers(event), _first_verdict(chunk, event, again), chunk.run,
            text=_text(event, restricted) if event else "", errors=errors,
            warnings=[remark for level, remark in issues if level != REJECT],
        )  # fmt: skip
        yield number, item


def _events(contents: Contents) -> list[dict[str, Any]]:
    if not contents.body:
        return []
    body = orjson.loads(contents.body)
    found: list[dict[str, Any]] = body["people"] if "people" in body else body["data"]
    return found


def _remarks(contents: Contents, restricted: bool) -> dict[int, list[tuple[str, Remark]]]:
    found: dict[int, list[tuple[str, Remark]]] = {}
    for number, name, reason, value, level in contents.issues:
        shown = "" if value is None else DOTS if restricted else str(value)
        sentence = REASONS.get(str(reason)) or SENTENCES.get(str(reason), str(reason).replace("_", " "))
        found.setdefault(int(str(number)), []).append((str(level), Remark(str(name or ""), sentence, shown)))
    return found


def _named(event: dict[str, Any] | None, given: list[str] | None) -> tuple[str, str, datetime | None]:
    """Return what an item is called, its id, and when it happened."""
    if event is None:
        name, event_id = given or ("", "")
        return name, event_id, None
    if "event" not in event:
        return str(event.get("action", "")), "", None
    return str(event["event"]), str(event.get("event_id", "")), datetime.fromtimestamp(event["event_time"], tz=UTC)


def _identifiers(event: dict[str, Any] | None) -> list[str]:
    """Name what a person can be recognised by."""
    if event is None:
        return []
    return [name for name in event.get("user", event) if name not in PLAIN]


def _first_verdict(chunk: Chunk, event: dict[str, Any] | None, again: bool) -> Verdict:
    if event is None:
        return REPEATED if again else REJECTED
    return WAITING if chunk.run_id is None else SENDING


def _text(event: dict[str, Any], restricted: bool) -> str:
    """Return the JSON of an event as people may see it."""
    people = event.get("user", event if "action" in event else {})
    masked = {name: value if name in PLAIN else _masked(value, restricted) for name, value in people.items()}
    shown = {**event, "user": masked} if "user" in event else masked
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()


def _masked(value: Any, restricted: bool) -> Any:
    if isinstance(value, list):
        return [_masked(each, restricted) for each in value]
    if not restricted and isinstance(value, str) and DIGEST.fullmatch(value):
        return f"{value[:SHOWN]}…"
    return DOTS


def _verdicts_put(run: Run, wanted: dict[int, Seen], raw: bool) -> None:
    """Say of a run's items what became of them."""
    if run.prepared_at is None or run.spool_deleted_at is not None:
        rest = _of_run(run)
        for item in wanted.values():
            item.verdict = rest
        return
    spool, among = Spool(run.spool), pa.array(sorted(wanted), pa.int64())
    placed = list(_rows(spool, "rows", among))
    found = Batch.objects.filter(run=run, number__in={row["batch"] for row in placed})
    batches = {batch.number: batch for batch in found}
    if "sync_mode" in run.inputs:
        for item in wanted.values():
            item.verdict = KNOWN
    several: dict[int, list[Verdict]] = {}
    for row in placed:
        several.setdefault(row["row"], []).append(_verdict(run, batches[row["batch"]], row["position"], raw))
    for number, verdicts in several.items():
        wanted[number].verdict = max(verdicts, key=lambda each: WORSE.index(each.word))
    for row in _rows(spool, "issues", among):
        if row["level"] == DUPLICATE:
            wanted[row["row"]].verdict = REPEATED if row["reason"] == "duplicate_event" else _left_out(row["reason"])
        elif row["level"] == REJECT:
            wanted[row["row"]].verdict = REJECTED


def _left_out(reason: str) -> Verdict:
    """Say why a change of an audience needed no sending of its own."""
    return Verdict("Superseded" if reason == "superseded_change" else "Duplicate", "warning", REASONS[reason])


def _rows(spool: Spool, table: str, among: pa.Array) -> Iterator[dict[str, Any]]:
    """Yield those rows of a table that are about some of the run's rows."""
    for piece in spool.table_read(table):
        yield from piece.filter(pc.is_in(piece["row"], among)).to_pylist()


def _of_run(run: Run) -> Verdict:
    """Say what can be said of all items of a run."""
    if not run.is_finished:
        return SENDING
    if run.status in (RunStatus.FAILED, RunStatus.CANCELLED):
        return UNSENT
    return SENT if run.refused or run.unknown or run.unsent else ACCEPTED


def _verdict(run: Run, batch: Batch, position: int, raw: bool) -> Verdict:
    """Say what became of one position of a request."""
    refused = next((found for found in batch.refused_positions if found[0] == position), None)
    if refused is not None:
        _, code, message, _ = refused
        return Verdict("Refused", "danger", f"TikTok refused it ({code}): {message}" if raw else "TikTok refused it.")
    if not any(start <= position < stop for start, stop in batch.open_ranges):
        return ACCEPTED
    if batch.status == BatchStatus.UNKNOWN:
        return UNKNOWN
    return UNSENT if run.is_finished else SENDING
