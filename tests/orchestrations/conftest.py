"""Orchestrations that can really run: a file, a query, a credential, a destination, and TikTok to send to."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.choices import QueryStatus, RunStage, RunTrigger
from orchestrations.datasets import dataset_load
from orchestrations.models import Orchestration, Query, Run
from orchestrations.queries import query_save
from orchestrations.runs.delivery import run_deliver
from orchestrations.runs.preparing import run_prepare
from orchestrations.runs.services import run_start
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

ACCOUNTS = {
    "acme": ("emulator-token-acme", "7654321098765432109", "7654321098765432100"),
    "globex": ("emulator-token-globex", "7654321098765432209", "7654321098765432200"),
}
COLUMNS = ("event", "event_id", "timestamp", "email", "phone", "value", "currency")


def order_rows(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Make rows of good purchases of the last hours; `changes` overrides a column with a value or `f(index)`."""
    start = datetime.now(tz=UTC) - timedelta(hours=30)
    rows = [
        {
            "event": "Purchase",
            "event_id": f"order-{index:05d}",
            "timestamp": (start + timedelta(seconds=index)).isoformat(),
            "email": f"person{index}@mail.example",
            "phone": "",
            "value": f"{index % 90 + 10}.50",
            "currency": "USD",
        }
        for index in range(count)
    ]
    for row_number, row in enumerate(rows):
        row.update({name: value(row_number) if callable(value) else value for name, value in changes.items()})
    return rows


def rows_write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as CSV."""
    names = list(rows[0]) if rows else list(COLUMNS)
    lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def orchestration_of(tmp_path, transactional_db) -> Callable[..., Orchestration]:
    """Make an orchestration of a tenant that sends these rows to its offline event set."""

    def make(tenant: Tenant, rows: list[dict[str, Any]], sql: str = "SELECT * FROM orders", **settings: Any):
        token, advertiser, event_set = ACCOUNTS[tenant.slug]
        with tenant_scope(tenant):
            file = rows_write(tmp_path / f"{tenant.slug}.csv", rows)
            dataset_load(tenant=tenant, name="orders", file=file, filename="orders.csv")
            query = query_save(query=Query(tenant=tenant, name="purchases", sql=sql, status=QueryStatus.ACTIVE))
            credential = Credential.objects.create(
                tenant=tenant, name="events", access_token=token, status=CredentialStatus.AUTHORISED
            )
            destination = Destination.objects.create(
                tenant=tenant,
                name="store",
                plugin="tiktok-ads-events",
                credential=credential,
                settings={"advertiser_id": advertiser, "event_source": "offline", **settings},
            )
            return Orchestration.objects.create(
                tenant=tenant,
                name="purchases-to-tiktok",
                query=query,
                destination=destination,
                settings={"event_source_id": event_set},
            )

    return make


def run_through(run: Run, seconds: float = 30) -> Run:
    """Do by hand what workers and the sweeper do, until the run has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if run_prepare(run.pk) or run.stage == RunStage.DELIVERING:
            while run_deliver(run.pk):
                pass
        run.refresh_from_db()
        if run.is_finished:
            return run
        time.sleep(0.02)
    raise AssertionError(f"run {run.pk} is still {run.stage} after {seconds} s")


@pytest.fixture
def run_of(membership_in, request) -> Callable[..., Run]:
    """Start a run of an orchestration as the tenant's administrator and carry it to its end."""

    def go(orchestration: Orchestration, *, sample: int | None = None) -> Run:
        tenant = orchestration.tenant
        user = request.getfixturevalue({"acme": "ada", "globex": "charlie"}[tenant.slug])
        with tenant_scope(tenant):
            run = run_start(
                orchestration=orchestration,
                membership=membership_in(user, tenant),
                trigger=RunTrigger.COMMAND,
                sample=sample,
            )
            return run_through(run)

    return go


@pytest.fixture
def held(emulator) -> Callable[[str], dict[str, dict[str, int]]]:
    """Return what TikTok holds for an event source: event id → how often received and held."""

    def ids(event_source_id: str) -> dict[str, dict[str, int]]:
        answer = requests.get(
            f"{emulator.url}/_emulator/event_ids", params={"event_source_id": event_source_id}, timeout=10
        )
        return {row["event_id"]: row for row in answer.json()["event_ids"]}

    return ids


@pytest.fixture
def fault(emulator) -> Callable[..., None]:
    """Make TikTok fail by rules; without any, let it be well again."""

    def set_rules(*rules: dict[str, Any]) -> None:
        if not rules:
            requests.delete(f"{emulator.url}/_emulator/faults", timeout=10).raise_for_status()
        requests.post(f"{emulator.url}/_emulator/faults", json=list(rules), timeout=10).raise_for_status()

    return set_rules


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    """Let no task leave: these tests do the workers' part themselves."""
    monkeypatch.setattr("orchestrations.doorbell.task_send", lambda *args: True)
