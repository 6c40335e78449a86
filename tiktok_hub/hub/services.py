"""Have what background work needs for the time of a block, whether or not a hub runs.

A command such as `orchestration_run --wait` uses the hub that runs, or the workers that answer on `REDIS_URL`. When
there are none, it starts a hub without web pages and stops it afterwards. Several such commands at once share one; the
one that started it stays until the last of them is done.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings

from tiktok_hub.env import BASE_DIR
from tiktok_hub.hub import locks
from tiktok_hub.hub.broker import broker_ping, private_folder
from tiktok_hub.hub.process import Child
from tiktok_hub.hub.programs import environment, worker_answers
from tiktok_hub.hub.runner import hub_holder

START_SECONDS = 60.0
DAY_SECONDS = 86_400.0


class ServicesError(RuntimeError):
    """What background work needs could not be started; the text says why and where to look."""


@contextmanager
def services_running(*, worker: bool = True, beat: bool = True) -> Iterator[Child | None]:
    """Have a broker, and a worker and beat if asked for, while the block runs. Yields what was started, if anything."""
    folder: Path = settings.HUB_DATA_DIR
    with ExitStack() as users:
        users.enter_context(locks.shared(folder / "services.lock"))
        with locks.exclusive(folder / "services-start.lock", seconds=START_SECONDS):
            child = None if services_answer(worker=worker) else services_start(worker=worker, beat=beat)
        try:
            yield child
        finally:
            users.close()
            if child is not None:
                services_stop(child)


def services_answer(*, worker: bool) -> bool:
    """Say whether a hub runs on this data folder (waiting until it is ready), or a worker answers on the broker."""
    deadline = time.monotonic() + START_SECONDS
    while (holder := hub_holder()) is not None and time.monotonic() < deadline:
        if holder.get("ready"):
            return True
        time.sleep(0.1)
    if settings.HUB_EMBEDDED_BROKER and not broker_ping(settings.HUB_DATA_DIR):
        return False
    return worker_answers(1.5) if worker else True


def services_start(*, worker: bool, beat: bool) -> Child:
    """Start a hub without web pages and wait until it is ready. Raise ServicesError when it is not."""
    command = [sys.executable, str(BASE_DIR / "manage.py"), "hub", "--no-web", "--temporary"]
    command += [] if worker else ["--no-worker"]
    command += [] if beat else ["--no-beat"]
    log = private_folder(settings.HUB_DATA_DIR / "log") / "services.log"
    child = Child("services", command, environment())
    with log.open("wb") as output:
        child.start(output)
    deadline = time.monotonic() + START_SECONDS
    while not (hub_holder() or {}).get("ready"):
        if not child.alive or time.monotonic() > deadline:
            child.stop()
            raise ServicesError(f"Background work could not be started: {last_line(log)} More is in {log}.")
        time.sleep(0.05)
    return child


def services_stop(child: Child) -> None:
    """Stop what we started as soon as nobody else uses it."""
    with locks.exclusive(settings.HUB_DATA_DIR / "services.lock", seconds=DAY_SECONDS):
        child.stop(30.0)


def last_line(log: Path) -> str:
    """Return the last thing that was said there."""
    lines = log.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing.")
