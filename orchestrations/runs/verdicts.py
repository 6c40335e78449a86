"""Decide what TikTok's answer to one request means for the events in it: pure rules, no input or output.

- accepted: the events are held by TikTok (a warning is kept),
- refused (`RejectedError`): one bad event refuses the whole request, so the range is halved until the bad ones are
  known; what is left is delivered,
- to be retried (`RetryableError`): later, on the ladder of waits; when that ends, the events are *unknown* if TikTok
  may have them, else *not sent*,
- anything else: a person has to act, the run stops, nothing more is sent.

Bisection has a budget: when it is used up, or when the first two halves of three different batches are refused alike,
the cause is the configuration and not a row, and the run stops with that error.
"""

import math
import random
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from destinations.preparation.contract import APPLY, UPLOAD
from destinations.tiktok.client import Answer
from destinations.tiktok.errors import RejectedError, RetryableError, TikTokError
from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.choices import BatchStatus
from orchestrations.models import Batch

RUN_BUDGET = 512  # requests spent on bisection in one run
ALIKE_LIMIT = 3  # batches whose first halves are refused with the same words
WHOLE = (UPLOAD, APPLY)  # kinds of requests that have no parts which could be sent apart
NOT_READY = 48  # how often an audience that TikTok works on is tried again, a quarter of an hour apart
THROTTLES = 30  # how often in a row a batch is put off before it counts as not sent


@dataclass(frozen=True, slots=True)
class Shipment:
    """A range of a batch's events on its way: `[start, stop)` are positions in the body."""

    batch_id: int
    number: int
    start: int
    stop: int
    whole: bool

    @property
    def events(self) -> int:
        """Return how many events are in it."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a shipment: TikTok's answer, or the error that came instead."""

    shipment: Shipment
    sent_at: datetime
    seconds: float
    answer: Answer | None = None
    error: TikTokError | None = None


@dataclass(slots=True)
class Effect:
    """What an outcome changes besides its batch: events to count, and perhaps the end of the run."""

    accepted: int = 0
    refused: int = 0
    unknown: int = 0
    bisections: int = 0
    alike: str = ""
    fatal: TikTokError | None = None


def verdict_apply(batch: Batch, outcome: Outcome, *, now: datetime, ladder: list[float]) -> Effect:
    """Write an outcome into its batch (not saved) and return what it means for the run.

    `ladder` holds the waits between retries in seconds.
    """
    batch.attempts += 1
    batch.sent_at, batch.seconds = outcome.sent_at, round(outcome.seconds, 3)
    error = outcome.error
    if error is None:
        return _accepted(batch, outcome)
    batch.request_id, batch.code, batch.message = error.request_id, error.code, error.message
    batch.error = error_record(error)
    if isinstance(error, RejectedError) and batch.kind not in WHOLE:
        return _refused(batch, outcome.shipment, error)
    if isinstance(error, RetryableError):
        return _retry(batch, error, now, ladder)
    batch.status = BatchStatus.PENDING
    return Effect(fatal=error)


def error_record(error: TikTokError) -> dict[str, object]:
    """Return an error as runs and batches keep it."""
    return {
        "class": type(error).__name__,
        "code": error.code,
        "sentence": error.sentence,
        "resolution": error.resolution.key,
        "message": error.message,
        "request_id": error.request_id,
    }


def bisection_budget(events: int) -> int:
    """Return how many requests may be spent on finding the bad rows of a batch."""
    return 2 * math.ceil(math.log2(max(events, 2))) + 64


def _accepted(batch: Batch, outcome: Outcome) -> Effect:
    answer, shipment = outcome.answer, outcome.shipment
    if answer is None:
        raise ValueError("An outcome has an answer or an error.")
    effect = Effect(accepted=shipment.events, bisections=0 if shipment.whole else 1)
    batch.accepted += shipment.events
    batch.bisections += effect.bisections
    batch.request_id, batch.code, batch.message = answer.request_id, answer.code, answer.warning or ""
    batch.failures = batch.throttles = 0
    batch.uncertain = False
    _range_done(batch, shipment)
    return effect


def _refused(batch: Batch, shipment: Shipment, error: RejectedError) -> Effect:
    effect = Effect(bisections=0 if shipment.whole else 1)
    batch.bisections += effect.bisections
    batch.uncertain = False
    if shipment.events == 1:
        batch.refused += 1
        refused = [shipment.start, error.code, error.message, error.request_id]
        batch.refused_positions = [*batch.refused_positions, refused]
        effect.refused = 1
        _range_done(batch, shipment)
    else:
        middle = (shipment.start + shipment.stop) // 2
        halves = [[shipment.start, middle], [middle, shipment.stop]]
        # Breadth first: where everything is refused, the first two halves show it after three requests.
        batch.open_ranges = [r for r in batch.open_ranges if r[0] != shipment.start] + halves
        batch.status = BatchStatus.SENDING
    effect.alike = _refused_alike(batch, shipment, error)
    if batch.bisections >= bisection_budget(batch.events) and batch.open_ranges:
        effect.fatal = error
    return effect


def _refused_alike(batch: Batch, shipment: Shipment, error: RejectedError) -> str:
    """Return what TikTok said about both first halves of a batch, where it said the same."""
    middle = batch.events // 2
    if shipment.whole or (shipment.start, shipment.stop) not in {(0, middle), (middle, batch.events)}:
        return ""
    said = f"{error.code} {re.sub(r'[0-9]+', '#', error.message)}"
    batch.halves = [*batch.halves, said]
    return said if batch.halves == [said, said] else ""


def _retry(batch: Batch, error: RetryableError, now: datetime, ladder: list[float]) -> Effect:
    batch.uncertain = batch.uncertain or error.uncertain
    if error.resolution.key == ResolutionKey.AUDIENCE_NOT_READY:
        batch.throttles += 1
        wait, over = max(ladder, default=0.0), batch.throttles > NOT_READY
    elif error.throttled:
        batch.throttles += 1
        wait, over = min(2.0 ** (batch.throttles - 1), 60.0, max(ladder, default=0.0)), batch.throttles > THROTTLES
    else:
        batch.failures += 1
        over = batch.failures > len(ladder)
        wait = 0.0 if over else ladder[batch.failures - 1]
    if over:
        return _give_up(batch)
    asked = min(error.retry_after or 0.0, max(ladder, default=0.0))  # who shortens the ladder waits no longer than it
    seconds = max(wait * random.uniform(0.9, 1.2), asked)  # noqa: S311 - jitter, not a secret
    batch.status = BatchStatus.WAITING
    batch.next_attempt_at = now + timedelta(seconds=seconds)
    return Effect()


def _give_up(batch: Batch) -> Effect:
    """End a batch that found no answer: unknown where TikTok may have the events, else not sent."""
    if not batch.uncertain:
        batch.status = BatchStatus.UNSENT
        return Effect()
    return Effect(unknown=batch_unknown(batch))


def batch_unknown(batch: Batch) -> int:
    """Mark what is still open in a batch as unknown and return how many events that are."""
    events: int = sum(stop - start for start, stop in batch.open_ranges)
    batch.unknown += events
    batch.status = BatchStatus.UNKNOWN
    return events


def _range_done(batch: Batch, shipment: Shipment) -> None:
    batch.open_ranges = [r for r in batch.open_ranges if r[0] != shipment.start]
    if batch.open_ranges:
        batch.status = BatchStatus.SENDING
    elif batch.refused and batch.refused == batch.events:
        batch.status = BatchStatus.REFUSED
    elif batch.refused:
        batch.status = BatchStatus.PARTLY
    else:
        batch.status, batch.error = BatchStatus.ACCEPTED, {}
