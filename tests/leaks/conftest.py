"""A hub with real processes for the journey of the leak tests."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from django.conf import settings as django_settings

from tests.programs import ROOT, database_url, kill, wait_for
from tiktok_hub.hub.broker import broker_running

CELERY = ("-m", "celery", "-A", "tiktok_hub")


@dataclass
class Hub:
    """A running hub: the address of its web server, and the file into which all its programs write."""

    url: str
    log: Path


@contextmanager
def python(log: Path, environment: dict[str, str], *arguments: str, pass_fds: tuple[int, ...] = ()) -> Iterator[None]:
    """Run a program of the product, with all that it says in a file."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env={**os.environ, **environment}, pass_fds=pass_fds,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        kill(process)


@contextmanager
def web_running(log: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run the web server on a free port. Yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        with python(log, environment, "-m", "tiktok_hub.hub.web", "--fd", str(number), pass_fds=(number,)):
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            wait_for(lambda: answers(url))
            yield url


def answers(url: str) -> bool:
    """Say whether a web server answers."""
    try:
        return requests.head(f"{url}/livez", timeout=60).status_code < 500
    except requests.ConnectionError:
        return False


@pytest.fixture
def _empty_storage() -> None:
    """Start without the files that other tests of this process left, some of them damaged on purpose."""
    for folder in ("storage", "work"):
        shutil.rmtree(django_settings.HUB_DATA_DIR / folder, ignore_errors=True)


@pytest.fixture
def environment(_empty_storage, emulator) -> Iterator[dict[str, str]]:
    """What a program needs to find the test's database, broker and TikTok, and to say all it can."""
    broker = broker_running(django_settings.HUB_DATA_DIR) if django_settings.HUB_EMBEDDED_BROKER else nullcontext()
    with broker:
        yield {
            "DATABASE_URL": database_url(),
            "TIKTOK_API_URL": emulator.api_url,
            "TIKTOK_AUTH_URL": emulator.auth_url,
            "HUB_SWEEP_SECONDS": "0.5",
            "HUB_ALERT_SECONDS": "0.5",
            "HUB_ALERT_GAP_SECONDS": "1",
            "HUB_ALLOW_PRIVATE_URLS": "true",
            "LOG_LEVEL": "DEBUG",
            "HUB_LOG_FORMAT": "json",
            "PYTHONUNBUFFERED": "1",
        }


@pytest.fixture
def hub(environment: dict[str, str], tmp_path: Path) -> Iterator[Hub]:
    """Run web, worker and beat."""
    collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    subprocess.run(collect, cwd=ROOT, env={**os.environ, **environment}, check=True)
    log = tmp_path / "hub.log"
    worker = (*CELERY, "worker", "--pool", "prefork", "-c", "2", "--loglevel", "debug")
    beat = (*CELERY, "beat", "-s", str(tmp_path / "beat"), "--loglevel", "debug")
    with python(log, environment, *worker), python(log, environment, *beat), web_running(log, environment) as url:
        yield Hub(url, log)
