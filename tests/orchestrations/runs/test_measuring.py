"""A run leaves its numbers behind: rows by outcome, requests by code, how long it took, what waits."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orchestrations.choices import BatchStatus, RunStatus
from orchestrations.models import Batch, Run
from orchestrations.runs import measuring
from tests.orchestrations.conftest import order_rows
from tiktok_hub.metrics import recording
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope


@pytest.fixture
def counted(monkeypatch) -> dict[str, float]:
    """What this process counts from here on, before anybody else has it."""
    recorder = recording.Recorder()
    monkeypatch.setattr(recorder, "_later", lambda seconds: None)
    monkeypatch.setattr(recording, "_recorder", recorder)
    return recorder._counts


def test_run_counts_its_rows_requests_and_time(acme, emulator, orchestration_of, run_of, fault, counted):
    fault({"match": {"item": {"event_id": "order-00003"}}, "action": {"code": 40002, "message": "bad"}})
    rows = order_rows(8, email=lambda index: "nobody" if index == 1 else f"person{index}@mail.example")
    run = run_of(orchestration_of(acme, rows))
    plugin = "tiktok-ads-events"
    outcomes = {name: counted.get(f'["hub_rows","","{plugin}","{name}"]') for name in
                ("selected", "rejected", "duplicate", "accepted", "refused", "unknown")}  # fmt: skip
    assert outcomes == {"selected": 8, "rejected": 1, "duplicate": None, "accepted": 6, "refused": 1, "unknown": None}
    requests = [counted[f'["hub_tiktok_requests","","event/track","{code}"]'] for code in (0, 40002)]
    assert sum(requests) == run.attempts
    assert counted[f'["hub_run_seconds:sum","","{plugin}","succeeded_with_errors"]'] == run.seconds


def test_lost_connections_are_requests_and_their_events_unknown(
    acme, emulator, orchestration_of, run_of, fault, counted, settings
):
    settings.HUB_RETRY_SECONDS = []
    fault({"match": {"path": "/event/track/"}, "action": {"reset": True}})
    run = run_of(orchestration_of(acme, order_rows(3)))
    assert run.unknown == 3
    assert counted['["hub_rows","","tiktok-ads-events","unknown"]'] == 3
    assert counted['["hub_tiktok_requests","","event/track","lost"]'] == 1


def test_what_waits_is_told_over_all_tenants(acme, globex, emulator, orchestration_of, run_of):
    for tenant in (acme, globex):
        run = run_of(orchestration_of(tenant, order_rows(2)))
        with tenant_scope(tenant):
            late = timezone.now() - timedelta(seconds=90)
            Run.objects.filter(pk=run.pk).update(status=RunStatus.QUEUED, queued_at=late)
            Batch.objects.filter(run=run).update(status=BatchStatus.WAITING, next_attempt_at=late)
    found = {family.name: family.samples for family in measuring.database_gauges()}
    assert {sample.labels["status"]: sample.value for sample in found["hub_runs"]} == {
        "queued": 2, "running": 0, "held": 0
    }  # fmt: skip
    for name in ("hub_oldest_queued_run_seconds", "hub_oldest_due_batch_seconds"):
        assert 90 <= found[name][0].value < 120
    assert found["hub_retention_age_seconds"] == []
    with hub_scope():
        assert Run.objects.count() == 2
