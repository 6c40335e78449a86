"""Measure whole runs and delivery, in a process of its own: `python -m tests.benchmark.delivering FILE --rows N`.

A real run against the emulator (its own process): query, snapshot, preparation, spool, requests, verdicts. First with
one that accepts unchecked, for what a run costs beyond preparation; then its bodies again, many times over, against one
that answers late, and under a rate limit.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = tempfile.mkdtemp(prefix="hub-benchmark-")
os.environ |= {
    "HUB_DATA_DIR": FOLDER,
    "DATABASE_URL": f"sqlite:///{FOLDER}/hub.sqlite3",
    "DJANGO_SETTINGS_MODULE": "tiktok_hub.settings",
    "LOG_LEVEL": "ERROR",
    "HUB_QUERY_THREADS": "1",
    "HUB_QUERY_MEMORY": "300MB",
}

import django
import requests

django.setup()

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.choices import QueryStatus, RunStage, RunStatus, RunTrigger
from orchestrations.models import Batch, Dataset, Orchestration, Query, Run
from orchestrations.runs.delivery import run_deliver
from orchestrations.runs.preparing import run_prepare
from orchestrations.runs.spool import Spool
from tests.benchmark.data import NOW
from tests.benchmark.preparing import PAGE, PIXEL, peak_mb
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

CONNECTIONS, LATENCY, BATCHES = 16, 0.15, 640
RATE, RATED = 100, 400
ADVERTISER = "7654321098765432109"


@contextmanager
def emulator() -> Iterator[str]:
    """Run the emulator in a process of its own; yield its address."""
    command = [sys.executable, "manage.py", "tiktok_emulator", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        shown = json.loads(process.stdout.readline()) if process.stdout else {}
        settings.TIKTOK_API_URL = shown["api_url"]
        try:
            yield shown["api_url"].removesuffix("/open_api/v1.3/")
        finally:
            process.terminate()


def run_make(tenant: Tenant, file: Path) -> Run:
    """Make a run over the file, as of the day its rows are from."""
    path = f"{tenant.pk}/datasets/events.parquet"
    with file.open("rb") as content:
        default_storage.save(path, content)
    Dataset.objects.create(tenant=tenant, name="events", path=path, loaded_at=timezone.now())
    query = Query.objects.create(tenant=tenant, name="all", sql="SELECT * FROM events", status=QueryStatus.ACTIVE)
    credential = Credential.objects.create(
        tenant=tenant, name="c", access_token="emulator-token-acme", status=CredentialStatus.AUTHORISED
    )
    destination = Destination.objects.create(
        tenant=tenant, name="d", plugin="tiktok-ads-events", credential=credential, settings={}
    )
    orchestration = Orchestration.objects.create(tenant=tenant, name="o", query=query, destination=destination)
    values = {"event_source": "web", "event_source_id": PIXEL, "default_page_url": PAGE, "max_age_days": 28}
    inputs = {"plugin": "tiktok-ads-events", "settings": {**values, "advertiser_id": ADVERTISER}}
    inputs |= {"sql": query.sql, "tables": {"events": path}, "time_zone": "America/New_York", "country": "US"}
    return Run.objects.create(
        tenant=tenant,
        orchestration=orchestration,
        credential=credential,
        trigger=RunTrigger.COMMAND,
        started_at=datetime.fromtimestamp(NOW, tz=UTC),
        inputs=inputs,
    )


def deliver(run: Run) -> float:
    """Deliver what is open; return the seconds it took."""
    began = time.perf_counter()
    while run_deliver(run.pk):
        pass
    return time.perf_counter() - began


def copies_make(run: Run, count: int) -> None:
    """Put the run's first body into `count` new batches, and open the run again."""
    spool, first = Spool(run.spool), Batch.objects.filter(run=run).order_by("number")[0]
    body = spool.body_read(first.number)
    Batch.objects.filter(run=run).delete()
    for number in range(1, count + 1):
        spool.body_write(number, body)
    Batch.objects.bulk_create(
        Batch(tenant=run.tenant, run=run, number=n, events=first.events, open_ranges=[[0, first.events]])
        for n in range(1, count + 1)
    )
    Run.objects.filter(pk=run.pk).update(
        status=RunStatus.RUNNING, stage=RunStage.DELIVERING, lease_until=None, lease_token="", finished_at=None
    )


def cpu() -> float:
    """Return the CPU seconds of this process and its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def whole_run(run: Run) -> dict[str, Any]:
    """Carry the run through and say what it cost in all."""
    before, began = cpu(), time.perf_counter()
    run_prepare(run.pk)
    deliver(run)
    run.refresh_from_db()
    if run.accepted != run.events or not run.events:
        raise RuntimeError(f"{run.accepted} of {run.events} events were accepted: {run.error}")
    return {"cpu": cpu() - before, "wall": time.perf_counter() - began, "peak_mb": peak_mb()}


def late_share(run: Run, address: str) -> float:
    """Return the share reached of the most that so many connections can do against a slow receiver."""
    requests.post(f"{address}/_emulator/latency", json={"seconds": LATENCY}, timeout=10).raise_for_status()
    settings.HUB_DELIVERY_CONNECTIONS, settings.TIKTOK_EVENTS_QPS = CONNECTIONS, 1_000_000
    copies_make(run, BATCHES)
    return BATCHES / deliver(run) / (CONNECTIONS / LATENCY)


def limited_share(run: Run, address: str) -> float:
    """Return the share reached of a limit, as the receiver counted; more than the limit in a second is an error."""
    requests.post(f"{address}/_emulator/latency", json={"seconds": 0}, timeout=10).raise_for_status()
    requests.post(f"{address}/_emulator/reset", json={"events_only": True}, timeout=10).raise_for_status()
    settings.TIKTOK_EVENTS_QPS = RATE
    copies_make(run, RATED)
    deliver(run)
    paths = requests.get(f"{address}/_emulator/requests", params={"summary": "1"}, timeout=10).json()["paths"]
    track = next(sums for path, sums in paths.items() if path.endswith("/event/track/"))
    if track["busiest_second"] > RATE:
        raise RuntimeError(f"{track['busiest_second']} requests in one second under a limit of {RATE}")
    return float((track["requests"] - 1) / (track["last_at"] - track["first_at"]) / RATE)


def measured(file: Path) -> dict[str, Any]:
    """Measure everything on one file."""
    call_command("migrate", verbosity=0)
    tenant = Tenant.objects.create(slug="acme", name="Acme", default_country="US")
    with emulator() as address, tenant_scope(tenant):
        requests.post(f"{address}/_emulator/mode", json={"null": True}, timeout=10).raise_for_status()
        run = run_make(tenant, file)
        found = whole_run(run)
        return found | {
            "delivery_share": round(late_share(run, address), 3),
            "limiter_share": round(limited_share(run, address), 3),
        }


def main() -> None:
    """Print the measure as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    print(json.dumps(measured(parser.parse_args().file)))


if __name__ == "__main__":
    main()
