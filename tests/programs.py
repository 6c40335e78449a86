"""Real processes for tests: Celery programs that find the test's database, broker and TikTok."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

from tiktok_hub.hub.broker import server_find

ROOT = Path(__file__).resolve().parents[1]


def database_url() -> str:
    """Return the address of the test database, for processes outside of pytest."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    host = database["HOST"] or database["OPTIONS"].get("host", "")  # a socket's folder comes as an option
    place = "" if host.startswith("/") else f"{host}:{database['PORT'] or 5432}"
    socket = f"?host={host}" if host.startswith("/") else ""
    return f"postgresql://{database['USER']}:{database['PASSWORD']}@{place}/{database['NAME']}{socket}"


@contextmanager
def program(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Celery program in a session of its own, so that it can be killed with all its children."""
    command = [sys.executable, "-m", "celery", "-A", "tiktok_hub", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, start_new_session=True)
    try:
        yield process
    finally:
        kill(process)


@contextmanager
def broker(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a broker of one's own, `broker.sock` in a folder, that keeps what it was given."""
    socket = folder / "broker.sock"
    socket.unlink(missing_ok=True)
    command = [server_find(), "--port", "0", "--unixsocket", socket, "--dir", folder, "--appendonly", "yes"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: socket.exists())
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and its children without a chance to tidy up."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
