"""`kill -9` of a worker in the middle of a delivery: nothing is lost, nothing is held twice, the run completes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as django_settings
from django.db import connection

from orchestrations.choices import RunStatus, RunTrigger
from orchestrations.models import Run
from orchestrations.services import run_start
from tests.orchestrations.conftest import order_rows
from tiktok_hub.hub.broker import broker_running
from tiktok_hub.tenancy.scope import tenant_scope

ACME_SET = "7654321098765432100"
ROOT = Path(__file__).resolve().parents[2]


def database_url() -> str:
    """Return the address of the test database, for processes outside of pytest."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    place = f"{database['HOST']}:{database['PORT'] or 5432}" if not database["HOST"].startswith("/") else ""
    socket = f"?host={database['HOST']}" if database["HOST"].startswith("/") else ""
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


@pytest.fixture()
def environment(emulator, tmp_path) -> Iterator[dict[str, str]]:
    """What a worker needs to find the test's database, broker and TikTok; leases and sweeps are short."""
    broker = broker_running(django_settings.HUB_DATA_DIR) if django_settings.HUB_EMBEDDED_BROKER else nullcontext()
    with broker:
        yield {
            "DATABASE_URL": database_url(),
            "TIKTOK_API_URL": emulator.api_url,
            "HUB_LEASE_SECONDS": "2",
            "HUB_SWEEP_SECONDS": "0.5",
            "HUB_DELIVERY_CONNECTIONS": "2",
        }


def test_a_worker_killed_in_mid_delivery_loses_and_doubles_nothing(
    acme, ada, membership_in, orchestration_of, emulator, held, environment, tmp_path
):
    orchestration = orchestration_of(acme, order_rows(20_000))
    requests.post(f"{emulator.url}/_emulator/latency", json={"seconds": 0.3}, timeout=10).raise_for_status()
    worker = ("worker", "--pool", "prefork", "-c", "2", "--loglevel", "warning")
    beat = ("beat", "-s", str(tmp_path / "beat"), "--loglevel", "warning")
    with tenant_scope(acme), program(*beat, **environment), program(*worker, **environment) as first:
        run = run_start(orchestration=orchestration, membership=membership_in(ada, acme), trigger=RunTrigger.MANUAL)
        wait_for(lambda: Run.objects.get(pk=run.pk).accepted >= 3000)
        kill(first)
        assert Run.objects.get(pk=run.pk).accepted < 20_000
        with program(*worker, **environment):
            wait_for(lambda: Run.objects.get(pk=run.pk).is_finished)
        run.refresh_from_db()
    seen = held(ACME_SET)
    assert (run.status, run.accepted, run.unknown, run.unsent) == (RunStatus.SUCCEEDED, 20_000, 0, 0)
    assert len(seen) == 20_000
    assert {row["held"] for row in seen.values()} == {1}
