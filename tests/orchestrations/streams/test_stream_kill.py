"""`kill -9` of beat, broker and worker at every stage of a flush: TikTok holds every event exactly once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from orchestrations.choices import RunStatus
from orchestrations.models import Chunk, Run, Stream
from tests.orchestrations.streams.conftest import items, runs_of
from tests.programs import broker, database_url, kill, program, wait_for
from tiktok_hub.tenancy.scope import tenant_scope

ACME_SET = "7654321098765432100"
EACH = 400
STAGES: dict[str, Callable[[Run], object]] = {
    "the run was made": lambda run: run.pk,
    "it was prepared": lambda run: run.prepared_at,
    "a part was sent": lambda run: run.accepted,
}


@contextmanager
def everything(folder: Path, api_url: str) -> Iterator[None]:
    """Let beat, broker and worker be at work, and kill them at the end of the block."""
    environment = {
        "DATABASE_URL": database_url(), "REDIS_URL": f"unix://{folder / 'broker.sock'}", "TIKTOK_API_URL": api_url,
        "HUB_LEASE_SECONDS": "2", "HUB_SWEEP_SECONDS": "0.5", "HUB_STREAM_TICK_SECONDS": "0.5",
        "HUB_DELIVERY_CONNECTIONS": "1",
    }  # fmt: skip
    worker = ("worker", "--pool", "prefork", "-c", "1", "--loglevel", "warning")
    beat = ("beat", "-s", str(folder / "beat"), "--loglevel", "warning")
    with broker(folder) as own, program(*beat, **environment) as clock, program(*worker, **environment) as busy:
        yield
        for each in (busy, own, clock):
            kill(each)


def newest(stream: Stream, number: int) -> Run | None:
    """Return the run of that number, once it was made."""
    runs = runs_of(stream)
    return runs[number] if len(runs) > number else None


def done(stream: Stream) -> bool:
    """Say whether nothing waits and nothing is on its way."""
    with tenant_scope(stream.tenant):
        waits = Chunk.objects.filter(stream=stream, run=None).exists()
    return not waits and all(run.is_finished for run in runs_of(stream))


def test_killed_at_any_stage_a_stream_loses_and_doubles_nothing(acme, stream_new, chunk_new, emulator, held, tmp_path):
    stream = stream_new(acme, max_events=20, max_age_seconds=1)
    requests.post(f"{emulator.url}/_emulator/latency", json={"seconds": 0.1}, timeout=10).raise_for_status()
    for number, reached in enumerate(STAGES.values()):
        for half in range(2):
            chunk_new(stream, items(EACH // 2, EACH * number + half * EACH // 2))
        with everything(tmp_path, emulator.api_url):
            wait_for(lambda: (run := newest(stream, number)) and reached(run))  # noqa: B023 - called within the loop
    assert not done(stream)
    with everything(tmp_path, emulator.api_url):
        wait_for(lambda: done(stream))
    runs, seen = runs_of(stream), held(ACME_SET)
    assert [(run.status, run.selected, run.accepted) for run in runs] == [(RunStatus.SUCCEEDED, EACH, EACH)] * 3
    assert (len(seen), {row["held"] for row in seen.values()}) == (3 * EACH, {1})
