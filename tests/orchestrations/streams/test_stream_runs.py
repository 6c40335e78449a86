"""What becomes of posted items in the run that sends them: numbers, rejects, duplicates, replays, refusals."""

import csv
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from orchestrations.choices import ReplayRows, RunPurpose, RunStatus, RunTrigger
from orchestrations.groups.services import group_members_set
from orchestrations.models import Chunk, OrchestrationGroup, Run, Stream
from orchestrations.replays.services import replay_forecasts, run_replay
from orchestrations.runs.results import run_issues_csv, run_result
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_start
from orchestrations.schedules.timetables import Wish, schedule_save
from orchestrations.streams.flushing import stream_flush
from tests.orchestrations.conftest import run_through
from tests.orchestrations.streams.conftest import items, runs_of
from tiktok_hub.tenancy.scope import tenant_scope

ACME_SET = "7654321098765432100"
TRACK = {"path": "/event/track/"}


def sent(stream: Stream) -> Run:
    """Send what waits in a stream, whatever its age, and return the run that did."""
    with tenant_scope(stream.tenant):
        assert stream_flush(stream.pk, timezone.now() + timedelta(days=1)) == 1
        return run_through(runs_of(stream)[-1])


def told(run: Run, *levels: str) -> list[dict[str, str]]:
    """Return the lines of the download."""
    with tenant_scope(run.tenant):
        return list(csv.DictReader("".join(run_issues_csv(run, levels)).splitlines()))


def test_a_rejected_item_is_told_by_its_number_among_all_that_were_posted(acme, stream_new, chunk_new, emulator):
    stream = stream_new(acme)
    chunk_new(stream, items(3))
    chunk_new(stream, [*items(1, 3), *items(1, 4, email="nobody"), *items(1, 5)])
    run = sent(stream)
    assert (run.status, run.selected, run.accepted, run.rejected) == (RunStatus.SUCCEEDED_WITH_ERRORS, 6, 5, 1)
    assert [(line["row"], line["level"]) for line in told(run, "reject")] == [("5", "reject")]


def test_a_refused_item_is_found_and_the_others_are_held(acme, stream_new, chunk_new, fault, held):
    stream = stream_new(acme)
    fault({"match": TRACK, "action": {"poison": {"event_id": "order-00007"}}})
    chunk_new(stream, items(5))
    chunk_new(stream, items(5, 5))
    run = sent(stream)
    assert (run.accepted, run.refused, len(held(ACME_SET))) == (9, 1, 9)
    assert [line["row"] for line in told(run, "refused")] == ["8"]


def test_an_event_that_is_posted_twice_is_sent_once(acme, stream_new, chunk_new, emulator, held):
    stream = stream_new(acme)
    chunk_new(stream, items(3))
    chunk_new(stream, items(3, 1))
    run = sent(stream)
    assert (run.selected, run.accepted, run.duplicates) == (6, 4, 2)
    assert [line["row"] for line in told(run, "duplicate")] == ["4", "5"]
    assert {row["received"] for row in held(ACME_SET).values()} == {1}


def test_a_run_of_rejects_alone_ends_by_itself(acme, stream_new, chunk_new, emulator):
    stream = stream_new(acme)
    chunk_new(stream, items(2, email="nobody"))
    run = sent(stream)
    assert (run.status, run.rejected, run.attempts) == (RunStatus.SUCCEEDED_WITH_ERRORS, 2, 0)
    assert "posted item" in run.error["sentence"]
    with tenant_scope(acme):
        assert not Stream.objects.filter(parked_at__isnull=False).exists()


def test_an_event_larger_than_the_stream_wants_goes_by_itself(acme, stream_new, chunk_new, emulator):
    stream = stream_new(acme, max_bytes=1_000)
    chunk_new(stream, [*items(2), *items(1, 2, description="x" * 2_000), *items(2, 3)])
    run = sent(stream)
    with tenant_scope(acme):
        sizes = [batch.events for batch in run.batches.order_by("number")]
    assert (run.status, run.accepted, sizes) == (RunStatus.SUCCEEDED, 5, [2, 1, 2])


def test_events_that_became_too_old_while_they_waited_are_rejected(acme, stream_new, chunk_new, emulator):
    stream = stream_new(acme)
    chunk_new(stream, items(2))
    then = (datetime.now(tz=UTC) - timedelta(days=27, hours=23)).isoformat()
    chunk_new(stream, items(1, 2, timestamp=then))
    with tenant_scope(acme):
        stream_flush(stream.pk, timezone.now() + timedelta(days=1))
        (run,) = runs_of(stream)
        Run.objects.filter(pk=run.pk).update(started_at=timezone.now() + timedelta(days=2))
        run_through(run)
    assert (run.accepted, run.rejected_by_reason) == (2, {"timestamp_too_old": 1})


def test_of_what_was_sent_the_newest_chunks_stay(acme, stream_new, chunk_new, emulator):
    stream, earlier = stream_new(acme), timezone.now() - timedelta(minutes=5)
    chunks = [chunk_new(stream, items(1, number), received_at=earlier) for number in range(25)]
    sent(stream)
    with tenant_scope(acme):
        kept = set(Chunk.objects.values_list("pk", flat=True))
    assert kept == {chunk.pk for chunk in chunks[-20:]}


@pytest.fixture
def ended(acme, stream_new, chunk_new, fault) -> Run:
    """A run of six items: one rejected, one refused, four accepted."""
    stream = stream_new(acme)
    fault({"match": TRACK, "action": {"poison": {"event_id": "order-00003"}}})
    chunk_new(stream, [*items(5), *items(1, 5, email="nobody")])
    run = sent(stream)
    fault()
    return run


@pytest.mark.parametrize(
    ("rows", "selected", "accepted"), [(ReplayRows.ALL, 5, 5), (ReplayRows.REJECTED, 1, 1)], ids=["all", "rejected"]
)
def test_a_replay_sends_what_was_accepted_at_the_door(acme, ada, membership_in, ended, held, rows, selected, accepted):
    member = membership_in(ada, acme)
    with tenant_scope(acme):
        forecast = replay_forecasts(ended)[rows]
        run = run_through(run_replay(run=ended, rows=rows, membership=member, trigger=RunTrigger.MANUAL))
    assert (forecast.rows, forecast.left_out, forecast.prepared_again) == (selected, 1, 0)
    assert (run.selected, run.accepted) == (selected, accepted)
    assert {row["held"] for row in held(ACME_SET).values()} == {1}


def test_items_rejected_at_the_door_cannot_be_replayed_and_it_says_so(
    acme, ada, membership_in, stream_new, chunk_new, emulator
):
    stream = stream_new(acme)
    chunk_new(stream, [*items(1), *items(1, 1, email="nobody")])
    run = sent(stream)
    with tenant_scope(acme), pytest.raises(ValidationError, match="Post them again"):
        run_replay(
            run=run, rows=ReplayRows.REJECTED, membership=membership_in(ada, acme), trigger=RunTrigger.MANUAL
        )  # fmt: skip


def test_runs_of_a_stream_are_told_as_json_like_any_other(ended):
    with tenant_scope(ended.tenant):
        result = run_result(ended)
    assert (result["selected"], result["rejected"], result["refused"], result["accepted"]) == (6, 1, 1, 4)


@pytest.mark.parametrize("purpose", [RunPurpose.DELIVER, RunPurpose.PLAN])
def test_a_stream_is_not_started_by_hand(acme, ada, membership_in, stream_new, purpose):
    stream, member = stream_new(acme), membership_in(ada, acme)
    with tenant_scope(acme), pytest.raises(ValidationError, match="sends by itself"):
        run_start(
            orchestration=stream.orchestration, membership=member, trigger=RunTrigger.MANUAL, purpose=purpose
        )  # fmt: skip


def test_neither_groups_nor_schedules_take_a_stream(acme, ada, stream_new, orchestration_of):
    stream = stream_new(acme)
    with tenant_scope(acme):
        group = OrchestrationGroup.objects.create(tenant=acme, name="nightly")
        with pytest.raises(ValidationError, match="is a stream"):
            group_members_set(group=group, members=[stream.orchestration])
        with pytest.raises(ValidationError, match="is a stream"):
            schedule_save(
                orchestration=stream.orchestration, wish=Wish("UTC", every_minutes=5), user=ada
            )  # fmt: skip
        with pytest.raises(ValidationError, match="is a stream"):
            schedule_save(orchestration=group, wish=Wish("UTC", after=stream.orchestration), user=ada)


def test_what_was_not_sent_is_retried_while_newer_events_leave(
    acme, ada, membership_in, stream_new, chunk_new, fault, held, settings
):
    settings.HUB_RETRY_SECONDS = []
    stream = stream_new(acme)
    fault({"match": TRACK, "action": {"http": 503}, "times": 1})
    chunk_new(stream, items(3))
    first = sent(stream)
    chunk_new(stream, items(3, 3))
    second = sent(stream)
    assert (first.status, second.status) == (RunStatus.FAILED, RunStatus.SUCCEEDED)
    with tenant_scope(acme):
        again = run_through(run_retry(run=first, membership=membership_in(ada, acme)))
    assert (again.status, again.accepted, len(held(ACME_SET))) == (RunStatus.SUCCEEDED, 3, 6)
