"""What waits in a stream, when no more is taken, what Prometheus is told, and how long it is kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orchestrations.choices import RunStage, RunStatus, RunTrigger
from orchestrations.models import Chunk, Run
from orchestrations.retention.services import retention_run
from orchestrations.streams.flushing import flush_ring
from orchestrations.streams.waiting import backlog_refusal, backlogs, refusals_forget, streams_gauges
from tests.orchestrations.streams.conftest import items
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.fixture(autouse=True)
def _nothing_kept():
    """Let no test be answered with what another one was told."""
    refusals_forget()


def test_a_backlog_counts_what_no_run_has_and_how_fast_it_comes(acme, globex, stream_new, chunk_new):
    stream, now = stream_new(acme), timezone.now()
    oldest = now - timedelta(minutes=5)
    chunk_new(stream, items(3), received_at=oldest)
    chunk_new(stream, items(60), received_at=now)
    chunk_new(stream_new(globex), items(9), received_at=now)
    with tenant_scope(acme):
        found = backlogs([stream], now)[stream.pk]
    assert (found.events, found.oldest_at, found.rate) == (63, oldest, 1.0)
    assert found.bytes > 63 * 100


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("HUB_STREAM_BACKLOG_EVENTS", 3, "3 events wait"),
        ("HUB_STREAM_BACKLOG_EVENTS", 4, ""),
        ("HUB_STREAM_BACKLOG_BYTES", 100, "bytes wait"),
        ("HUB_STREAM_MIN_FREE_BYTES", 2**62, "Storage is nearly full"),
    ],
    ids=["events", "fewer events", "bytes", "storage"],
)
def test_nothing_more_is_taken_beyond_what_may_wait(acme, stream_new, chunk_new, settings, setting, value, sentence):
    setattr(settings, setting, value)
    stream = stream_new(acme)
    chunk_new(stream, items(3))
    with tenant_scope(acme):
        refusal = backlog_refusal(stream)
    assert sentence in refusal[0] if sentence else refusal is None
    assert refusal is None or refusal[1] > 0


def test_an_answer_about_the_backlog_is_good_for_a_second(acme, stream_new, django_assert_num_queries):
    stream = stream_new(acme)
    with tenant_scope(acme), django_assert_num_queries(1):
        assert [backlog_refusal(stream) for _ in range(50)] == [None] * 50


def test_the_doorbell_rings_once_a_second_for_each_stream(acme, stream_new, monkeypatch):
    rung = []
    monkeypatch.setattr("orchestrations.streams.flushing.task_send", lambda *args: rung.append(args))
    first, second = stream_new(acme), stream_new(acme, "other")
    for stream in (first, first, second, first):
        flush_ring(stream.tenant_id, stream.pk)
    assert rung == [("stream_flush", acme.pk, stream.pk) for stream in (first, second)]


def test_prometheus_is_told_of_each_stream(acme, globex, stream_new, chunk_new):
    busy, idle = stream_new(acme), stream_new(globex, parked_at=timezone.now(), parked={"sentence": "x"})
    chunk_new(busy, items(3), received_at=timezone.now() - timedelta(seconds=100))
    told = {
        (family.name.removeprefix("hub_stream_"), sample.labels["stream"]): sample.value
        for family in streams_gauges() for sample in family.samples
    }  # fmt: skip
    assert told["waiting_events", busy.public_id] == 3
    assert 100 <= told["oldest_seconds", busy.public_id] < 200
    assert (told["parked", busy.public_id], told["parked", idle.public_id]) == (0, 1)


@pytest.mark.parametrize(("days", "left"), [(27.9, 1), (28.1, 0)], ids=["young", "old"])
def test_what_could_not_be_sent_is_deleted_in_time_and_reported(acme, stream_new, chunk_new, days, left):
    stream = stream_new(acme, paused=True)
    chunk_new(stream, items(1), received_at=timezone.now() - timedelta(days=days))
    with tenant_scope(acme):
        report = retention_run(tenant=acme)
        assert Chunk.objects.count() == left
    assert report.deleted.get("streams", {"count": 0})["count"] == 1 - left


@pytest.mark.parametrize(("days", "left"), [(27.9, 1), (28.1, 0)], ids=["young", "old"])
def test_a_run_of_a_stream_goes_with_its_requests(acme, stream_new, days, left):
    stream, ended = stream_new(acme), timezone.now() - timedelta(days=days)
    with tenant_scope(acme):
        Run.objects.create(
            tenant=acme, orchestration=stream.orchestration, trigger=RunTrigger.STREAM, status=RunStatus.SUCCEEDED,
            stage=RunStage.FINISHED, finished_at=ended, prepared_at=ended, inputs={"stream": stream.pk},
        )  # fmt: skip
        retention_run(tenant=acme)
        assert Run.objects.count() == left
