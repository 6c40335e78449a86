"""Run the whole suite on SQLite and again on PostgreSQL, with a real Valkey, and say on what it ran.

What knows no database runs once (`tests/collecting.py`). Both servers come from Python packages and live in a temporary
folder for the time of the tests. `TEST_DATABASE_URL` and `TEST_REDIS_URL` name others. Arguments go to pytest; the exit
status is that of the first suite that failed.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import psycopg
import redis

from tests.collecting import ONCE
from tests.servers import postgres_running, valkey_running

ROOT = Path(__file__).resolve().parent.parent
PROCESSES_MAX = 4
ALONE = ("-n", "-s", "--pdb", "--capture=no")
"""Arguments with which pytest is left in one process, or in as many as they say."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main(arguments: list[str]) -> int:
    """Run both suites. Return 0 when both pass."""
    signal.signal(signal.SIGTERM, interrupt)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    outcomes: dict[str, tuple[int, float]] = {}
    with temporary_folder() as folder, ExitStack() as servers:
        broker = os.environ.get("TEST_REDIS_URL") or servers.enter_context(valkey_running(folder / "valkey"))
        database = os.environ.get("TEST_DATABASE_URL") or servers.enter_context(postgres_running(folder / "postgres"))
        say(f"Broker: {broker_version(broker)}. {browser_line(browser)}")
        for url in ("", database):
            name = database_version(url)
            say(f"The suite on {name}")
            outcomes[name] = suite(arguments, broker, url, browser)
    for name, (status, seconds) in outcomes.items():
        say(f"{name}: {'passed' if status == 0 else f'FAILED (pytest status {status})'} in {seconds:.0f} s")
    return next((status for status, _ in outcomes.values() if status), 0)


def suite(arguments: list[str], broker: str, database: str, browser: str | None) -> tuple[int, float]:
    """Run pytest once. Return its exit status and the seconds it took."""
    environment = {**os.environ, "REDIS_URL": broker, "TEST_REDIS_URL": broker, "TEST_CHROMIUM": browser or ""}
    environment.pop("DATABASE_URL", None)
    if database:
        environment["DATABASE_URL"] = database
    command = [sys.executable, "-m", "pytest", "-p", "tests.isolation"]
    command += [] if browser else ["--ignore=tests/browser"]
    if database and not any(Path(argument.split("::")[0]).exists() for argument in arguments):
        command += [f"--ignore={folder}" for folder in ONCE]
    if not any(argument.startswith(ALONE) for argument in arguments):
        command += ["-n", str(min(os.cpu_count() or 1, PROCESSES_MAX)), "--dist", "loadfile", "--no-loadscope-reorder"]
    began = time.monotonic()
    with subprocess.Popen([*command, *arguments], cwd=ROOT, env=environment) as process:
        try:
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait(30)
            raise
    return status, time.monotonic() - began


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Return a folder that goes away, and that other users can pass through: PostgreSQL refuses to run as root."""
    with tempfile.TemporaryDirectory(prefix="hub-servers-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def database_version(url: str) -> str:
    """Return name and version of the database behind `url`; empty means SQLite."""
    if not url:
        return f"SQLite {sqlite3.sqlite_version}"
    with psycopg.connect(url) as connection:
        version = connection.execute("SHOW server_version").fetchone()
    return f"PostgreSQL {str(version[0]).split()[0] if version else '?'}"


def broker_version(url: str) -> str:
    """Return name and version of the broker behind `url`."""
    with redis.Redis.from_url(url) as client:
        info = client.info("server")
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"


def browser_line(browser: str | None) -> str:
    """Say whether browser tests run."""
    if browser:
        return f"Browser tests use {browser}."
    return "Browser tests are left out: no Chromium was found (apt-get install chromium)."


def say(text: str) -> None:
    """Print a line that stands out between pytest's."""
    sys.stdout.write(f"\n==> {text}\n")
    sys.stdout.flush()


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """End as on Ctrl-C, so that the servers are stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("Interrupted.")
