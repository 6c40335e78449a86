"""What TikTok's answer to one request means for the events in it."""

from datetime import UTC, datetime, timedelta

import pytest

from destinations.tiktok.client import Answer
from destinations.tiktok.errors import ConfigurationError, RejectedError, RetryableError, TikTokError
from orchestrations.choices import BatchStatus
from orchestrations.models import Batch
from orchestrations.runs.verdicts import Effect, Outcome, Shipment, bisection_budget, verdict_apply

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LADDER = [5.0, 30.0]


def batch_of(events: int, **values: object) -> Batch:
    """Make a batch (not saved) whose events are all open."""
    return Batch(number=1, events=events, open_ranges=[[0, events]], status=BatchStatus.SENDING, **values)


def apply(
    batch: Batch, answer: Answer | None = None, error: TikTokError | None = None, ladder: list[float] = LADDER
) -> Effect:
    """Let the batch's first open range come back with an answer or an error."""
    start, stop = batch.open_ranges[0]
    shipment = Shipment(1, 1, start, stop, whole=stop - start == batch.events)
    return verdict_apply(batch, Outcome(shipment, NOW, 0.1, answer, error), now=NOW, ladder=ladder)


def answer(warning: str | None = None) -> Answer:
    """Make a good answer."""
    return Answer(data={}, request_id="r1", code=0, warning=warning, seconds=0.1)


def bisect(batch: Batch, bad: set[int]) -> list[Effect]:
    """Play TikTok, which refuses every request with a bad event, until the batch has its last verdict."""
    effects = []
    while batch.open_ranges and not (effects and effects[-1].fatal):
        start, stop = batch.open_ranges[0]
        refused = bad & set(range(start, stop))
        effects.append(apply(batch, error=RejectedError("bad", code=40002)) if refused else apply(batch, answer()))
    return effects


def test_a_good_answer_accepts_the_whole_batch():
    batch = batch_of(10)
    effect = apply(batch, answer())
    assert (effect.accepted, batch.status, batch.accepted, batch.request_id) == (10, BatchStatus.ACCEPTED, 10, "r1")


def test_a_warning_is_kept_with_the_accepted_batch():
    batch = batch_of(10)
    apply(batch, answer("TikTok accepted part of this batch"))
    assert batch.message == "TikTok accepted part of this batch"


@pytest.mark.parametrize(
    ("events", "bad"),
    [
        pytest.param(1, {0}, id="single event"),
        pytest.param(2, {1}, id="second of two"),
        pytest.param(1000, {0}, id="first of a thousand"),
        pytest.param(1000, {999}, id="last of a thousand"),
        pytest.param(7, {2, 3}, id="neighbours in an odd batch"),
        pytest.param(4, {0, 1, 2, 3}, id="all of four"),
    ],
)
def test_bisection_finds_exactly_the_bad_events(events, bad):
    batch = batch_of(events)
    effects = bisect(batch, bad)
    assert {position for position, *_ in batch.refused_positions} == bad
    assert (batch.accepted, batch.refused) == (events - len(bad), len(bad))
    assert sum(effect.accepted + effect.refused for effect in effects) == events


def test_a_batch_with_too_many_bad_events_stops_the_run():
    batch = batch_of(1000)
    effects = bisect(batch, set(range(0, 1000, 3)))
    assert effects[-1].fatal is not None
    assert batch.bisections == bisection_budget(1000) == 84


def test_good_answers_use_up_the_budget_as_refusals_do():
    batch = batch_of(1000)
    effects = bisect(batch, set(range(0, 1000, 100)))
    assert effects[-1].fatal is not None
    assert batch.bisections == sum(effect.bisections for effect in effects)
    assert 84 <= batch.bisections < 84 + 10


def test_first_halves_refused_alike_are_reported():
    batch = batch_of(8)
    effects = bisect(batch, set(range(8)))
    assert [effect.alike for effect in effects if effect.alike] == ["40002 "]


def test_an_answer_that_may_come_later_waits_on_the_ladder():
    batch = batch_of(10)
    apply(batch, error=RetryableError("down", uncertain=True))
    assert batch.status == BatchStatus.WAITING
    assert timedelta(seconds=4) < batch.next_attempt_at - NOW < timedelta(seconds=7)


@pytest.mark.parametrize(
    ("uncertain", "status", "unknown"),
    [
        pytest.param(True, BatchStatus.UNKNOWN, 10, id="may have arrived"),
        pytest.param(False, BatchStatus.UNSENT, 0, id="surely not arrived"),
    ],
)
def test_the_end_of_the_ladder_tells_unknown_from_not_sent(uncertain, status, unknown):
    batch = batch_of(10)
    effects = [apply(batch, error=RetryableError("down", uncertain=uncertain)) for _ in range(len(LADDER) + 1)]
    assert (batch.status, batch.unknown, effects[-1].unknown) == (status, unknown, unknown)


def test_one_uncertain_attempt_makes_the_end_unknown():
    batch = batch_of(10)
    apply(batch, error=RetryableError("reset", uncertain=True))
    for _ in range(len(LADDER)):
        apply(batch, error=RetryableError("no connection", uncertain=False))
    assert batch.status == BatchStatus.UNKNOWN


def test_throttling_does_not_use_up_the_ladder():
    batch = batch_of(10)
    for _ in range(len(LADDER) + 3):
        apply(batch, error=RetryableError("slow down", throttled=True))
    assert (batch.status, batch.failures) == (BatchStatus.WAITING, 0)


@pytest.mark.parametrize(
    ("ladder", "wait"),
    [
        pytest.param([5.0, 30.0, 120.0, 300.0, 900.0], 300.0, id="as TikTok asks"),
        pytest.param([0.1, 0.2], 0.2, id="no longer than a shortened ladder"),
    ],
)
def test_tiktoks_own_wait_is_kept_unless_the_operator_waits_less(ladder, wait):
    batch = batch_of(10)
    apply(batch, error=RetryableError("maintenance", retry_after=300), ladder=ladder)
    assert batch.next_attempt_at - NOW == timedelta(seconds=wait)


def test_an_error_that_needs_a_person_stops_the_run_and_keeps_the_batch_open():
    batch = batch_of(10)
    effect = apply(batch, error=ConfigurationError("wrong event set", code=40002))
    assert effect.fatal is not None
    assert (batch.status, batch.open_ranges) == (BatchStatus.PENDING, [[0, 10]])
