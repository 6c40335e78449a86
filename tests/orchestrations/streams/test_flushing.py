"""When what waits in a stream is sent, and that it is handed over whole and once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from orchestrations.choices import RunStatus
from orchestrations.models import Chunk, Run, Stream
from orchestrations.streams.flushing import stream_flush, streams_tick
from tests.orchestrations.conftest import run_through
from tests.orchestrations.streams.conftest import items, runs_of
from tiktok_hub.tenancy.scope import tenant_scope

ACME_SET = "7654321098765432100"
NOW = datetime.now(tz=UTC)


def flush(stream: Stream, seconds: float = 0) -> int:
    """Look at a stream that many seconds from the time at which its chunks came."""
    with tenant_scope(stream.tenant):
        return stream_flush(stream.pk, NOW + timedelta(seconds=seconds))


@pytest.fixture
def waiting(chunk_new) -> Callable[..., Chunk]:
    """Let so many events wait, of so many bytes, since so many seconds before the clock's zero."""

    def make(stream: Stream, events: int, size: int = 0, age: float = 0) -> Chunk:
        chunk = chunk_new(stream, items(1), received_at=NOW - timedelta(seconds=age))
        with tenant_scope(stream.tenant):
            Chunk.objects.filter(pk=chunk.pk).update(events=events, bytes=size)
        return chunk

    return make


@pytest.mark.parametrize(
    ("chunks", "after", "runs"),
    [
        ([], 9_999, 0),
        ([(49,)], 0, 0),
        ([(50,)], 0, 1),
        ([(25,), (24,)], 0, 0),
        ([(25,), (25,)], 0, 1),
        ([(1,)], 299, 0),
        ([(1,)], 300, 1),
        ([(1, 0, 200), (1,)], 99, 0),
        ([(1, 0, 200), (1,)], 100, 1),
        ([(1, 999_999)], 0, 0),
        ([(1, 600_000), (1, 400_000)], 0, 1),
        ([(60, 2_000_000, 400)], 0, 1),
        ([(0,)], 299, 0),
        ([(0,)], 300, 1),
    ],
    ids=[
        "nothing", "49 events", "50 events", "49 in two", "50 in two", "299 s", "300 s", "the oldest is young",
        "the oldest is old", "a byte less", "bytes", "all of it", "rejects", "old rejects",
    ],
)  # fmt: skip
def test_a_stream_sends_at_whichever_threshold_comes_first(acme, stream_new, waiting, chunks, after, runs):
    stream = stream_new(acme)
    for chunk in chunks:
        waiting(stream, *chunk)
    assert (flush(stream, after), len(runs_of(stream))) == (runs, runs)


def test_a_threshold_that_was_changed_holds_for_what_waits_already(acme, stream_new, waiting):
    stream = stream_new(acme)
    waiting(stream, 10)
    assert flush(stream, 20) == 0
    with tenant_scope(acme):
        Stream.objects.filter(pk=stream.pk).update(max_age_seconds=20)
    assert flush(stream, 19) == 0
    assert flush(stream, 20) == 1


def test_a_paused_stream_keeps_what_it_has_and_sends_it_later(acme, stream_new, waiting):
    stream = stream_new(acme, paused=True)
    waiting(stream, 500)
    assert flush(stream, 9_999) == 0
    with tenant_scope(acme):
        Stream.objects.filter(pk=stream.pk).update(paused=False)
    assert flush(stream) == 1


def test_a_disabled_stream_still_sends_what_it_has_accepted(acme, stream_new, waiting):
    stream = stream_new(acme)
    waiting(stream, 50)
    with tenant_scope(acme):
        stream.orchestration.enabled = False
        stream.orchestration.save()
    assert flush(stream) == 1


def test_two_looks_at_once_make_one_run(acme, stream_new, waiting):
    stream = stream_new(acme)
    waiting(stream, 50)

    def look(_: int) -> int:
        try:
            return flush(stream)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(look, range(4))) == 1
    assert len(runs_of(stream)) == 1


def test_a_tick_looks_at_the_streams_of_all_tenants(acme, globex, stream_new, waiting):
    streams = [stream_new(acme), stream_new(globex), stream_new(acme, "quiet")]
    for stream in streams[:2]:
        waiting(stream, 50)
    assert streams_tick(NOW) == 2
    assert [len(runs_of(stream)) for stream in streams] == [1, 1, 0]


def test_a_tick_costs_one_query_while_nothing_waits(acme, stream_new, django_assert_num_queries):
    stream_new(acme)
    with django_assert_num_queries(1):
        assert streams_tick(NOW) == 0


def test_four_runs_may_be_open_and_then_events_wait(acme, stream_new, waiting):
    stream = stream_new(acme)
    for _ in range(5):
        waiting(stream, 50)
        flush(stream)
    assert len(runs_of(stream)) == 4
    with tenant_scope(acme):
        Run.objects.filter(pk=runs_of(stream)[0].pk).update(status=RunStatus.SUCCEEDED)
    assert flush(stream) == 1


def test_a_run_sends_each_event_once_in_requests_of_the_streams_size(acme, stream_new, chunk_new, emulator, held):
    stream = stream_new(acme, max_events=50)
    for first in (0, 70):
        chunk_new(stream, items(70, first), received_at=NOW)
    assert flush(stream) == 1
    (run,) = runs_of(stream)
    with tenant_scope(acme):
        run_through(run)
        run.refresh_from_db()
    assert (run.status, run.selected, run.accepted, run.requests) == (RunStatus.SUCCEEDED, 140, 140, 3)
    assert {row["held"] for row in held(ACME_SET).values()} == {1}
    assert len(held(ACME_SET)) == 140


def test_what_names_another_address_is_a_run_of_its_own(acme, stream_new, chunk_new, emulator):
    stream = stream_new(acme)
    chunk_new(stream, items(50), received_at=NOW)
    chunk_new(stream, items(1, 50), received_at=NOW, test_event_code="TEST1")
    assert flush(stream) == 2
    assert [run.inputs["settings"].get("test_event_code") for run in runs_of(stream)] == [None, "TEST1"]
