"""`kill -9` of a worker in the middle of a delivery: nothing is lost, nothing is held twice, the run completes."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import requests
from django.conf import settings as django_settings

from orchestrations.choices import RunStatus, RunTrigger
from orchestrations.models import Run
from orchestrations.runs.services import run_start
from tests.orchestrations.conftest import order_rows
from tests.programs import database_url, kill, program, wait_for
from tiktok_hub.hub.broker import broker_running
from tiktok_hub.tenancy.scope import tenant_scope

ACME_SET = "7654321098765432100"


@pytest.fixture
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
