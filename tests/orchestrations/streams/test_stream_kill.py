"""`kill -9` of web, beat, broker and worker at every stage: TikTok holds every accepted event exactly once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import requests

from orchestrations.choices import RunStatus
from orchestrations.models import Chunk, Run, Stream
from tests.orchestrations.streams.conftest import items, runs_of
from tests.orchestrations.streams.test_collector import key_for
from tests.orchestrations.streams.test_collector_process import Web
from tests.programs import broker, database_url, kill, program, wait_for
from tiktok_hub.tenancy.scope import tenant_scope

ACME_SET = "7654321098765432100"
EACH = 400
WORKER = ("worker", "--pool", "prefork", "-c", "1", "--loglevel", "warning")
STAGES: dict[str, Callable[[Run], object]] = {
    "the run was made": lambda run: run.pk,
    "it was prepared": lambda run: run.prepared_at,
    "a part was sent": lambda run: run.accepted,
}


def surroundings(folder: Path, api_url: str) -> dict[str, str]:
    """Return what programs need to find each other, and to notice quickly that one is gone."""
    return {
        "DATABASE_URL": database_url(), "REDIS_URL": f"unix://{folder / 'broker.sock'}", "TIKTOK_API_URL": api_url,
        "HUB_LEASE_SECONDS": "2", "HUB_SWEEP_SECONDS": "0.5", "HUB_STREAM_TICK_SECONDS": "0.5",
        "HUB_DELIVERY_CONNECTIONS": "1",
    }  # fmt: skip


def beat(folder: Path) -> tuple[str, ...]:
    """Return the words that start beat."""
    return ("beat", "-s", str(folder / "beat"), "--loglevel", "warning")


@contextmanager
def everything(folder: Path, api_url: str) -> Iterator[None]:
    """Let beat, broker and worker be at work, and kill them at the end of the block."""
    around = surroundings(folder, api_url)
    with broker(folder) as own, program(*beat(folder), **around) as clock, program(*WORKER, **around) as busy:
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


class Shop:
    """A shop's server: it posts one event after another, each until it is taken."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.headers = url, {"Authorization": f"Bearer {key}"}
        self.taken: list[str] = []
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self) -> None:
        number = 0
        while not self.closing.is_set():
            (event,) = items(1, first=number)
            if self.takes(event):
                self.taken.append(event["event_id"])
                number += 1
            else:
                time.sleep(0.1)

    def takes(self, event: dict[str, str]) -> bool:
        try:
            return requests.post(self.url, json=event, headers=self.headers, timeout=5).status_code == 202
        except requests.RequestException:
            return False

    def goes_on(self) -> None:
        """Wait until some more events are taken."""
        before = len(self.taken)
        wait_for(lambda: len(self.taken) >= before + 40)

    def close(self) -> None:
        self.closing.set()
        self.thread.join()


def test_each_program_may_be_killed_while_a_shop_posts(acme, stream_new, emulator, held, tmp_path):
    stream = stream_new(acme, max_events=20, max_age_seconds=1)
    requests.post(f"{emulator.url}/_emulator/latency", json={"seconds": 0.05}, timeout=10).raise_for_status()
    around = surroundings(tmp_path, emulator.api_url)
    web = Web(tmp_path / "web.log", **around)
    programs: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "broker": lambda: broker(tmp_path),
        "web": web.running,
        "worker": lambda: program(*WORKER, **around),
        "beat": lambda: program(*beat(tmp_path), **around),
    }
    shop = Shop(web.url + stream.path, key_for(stream))
    stacks = {name: ExitStack() for name in programs}
    with closing(web), ExitStack() as all_stacks:
        for name, stack in stacks.items():
            all_stacks.enter_context(stack).enter_context(programs[name]())
        shop.thread.start()
        try:
            for name in ("web", "worker", "broker", "beat", "worker", "web"):
                shop.goes_on()
                stacks[name].close()
                stacks[name].enter_context(programs[name]())
            shop.goes_on()
        finally:
            shop.close()
        wait_for(lambda: done(stream))
    seen = held(ACME_SET)
    assert set(seen) == set(shop.taken)
    assert {row["held"] for row in seen.values()} == {1}
