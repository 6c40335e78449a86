"""`kill -9` of processes in the middle of the work: nothing is lost, nothing is held twice, everything completes."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import requests
from django.conf import settings as django_settings

from orchestrations.choices import ReplayRows, RunStatus, RunTrigger
from orchestrations.groups.services import group_members_set, group_run_start
from orchestrations.models import GroupRun, Orchestration, OrchestrationGroup, Run
from orchestrations.replays.services import run_replay
from orchestrations.runs.services import run_start
from tests.orchestrations.conftest import order_rows
from tests.orchestrations.several import another, runs_of
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
            "HUB_TICK_SECONDS": "0.5",
            "HUB_DELIVERY_CONNECTIONS": "2",
        }


WORKER = ("worker", "--pool", "prefork", "-c", "2", "--loglevel", "warning")


def slow_down(emulator) -> None:
    """Let each answer of TikTok take its time, so that there is a middle to die in."""
    requests.post(f"{emulator.url}/_emulator/latency", json={"seconds": 0.3}, timeout=10).raise_for_status()


def accepted(orchestration: Orchestration) -> int:
    """Return how many events TikTok has accepted of an orchestration's last run."""
    return max((run.accepted for run in runs_of(orchestration)), default=0)


def test_a_worker_killed_in_mid_delivery_loses_and_doubles_nothing(
    acme, ada, membership_in, orchestration_of, emulator, held, environment, tmp_path
):
    orchestration = orchestration_of(acme, order_rows(20_000))
    slow_down(emulator)
    beat = ("beat", "-s", str(tmp_path / "beat"), "--loglevel", "warning")
    with tenant_scope(acme), program(*beat, **environment), program(*WORKER, **environment) as first:
        run = run_start(orchestration=orchestration, membership=membership_in(ada, acme), trigger=RunTrigger.MANUAL)
        wait_for(lambda: Run.objects.get(pk=run.pk).accepted >= 3000)
        kill(first)
        assert Run.objects.get(pk=run.pk).accepted < 20_000
        with program(*WORKER, **environment):
            wait_for(lambda: Run.objects.get(pk=run.pk).is_finished)
        run.refresh_from_db()
    seen = held(ACME_SET)
    assert (run.status, run.accepted, run.unknown, run.unsent) == (RunStatus.SUCCEEDED, 20_000, 0, 0)
    assert len(seen) == 20_000
    assert {row["held"] for row in seen.values()} == {1}


def test_a_group_goes_on_after_its_worker_and_beat_were_killed(
    acme, ada, membership_in, orchestration_of, emulator, held, environment, tmp_path
):
    members = [first := orchestration_of(acme, order_rows(6_000)), another(first, "second")]
    slow_down(emulator)
    beat = ("beat", "-s", str(tmp_path / "beat"), "--loglevel", "warning")
    with tenant_scope(acme):
        group = OrchestrationGroup.objects.create(tenant=acme, name="nightly")
        group_members_set(group=group, members=members)
        group_run = group_run_start(group=group, membership=membership_in(ada, acme), trigger=RunTrigger.MANUAL)
        with program(*beat, **environment) as killed_beat, program(*WORKER, **environment) as killed_worker:
            wait_for(lambda: accepted(first) >= 1000)
            kill(killed_beat)
            kill(killed_worker)
        assert [len(runs_of(member)) for member in members] == [1, 0]
        with program(*beat, **environment), program(*WORKER, **environment):
            wait_for(lambda: GroupRun.objects.get(pk=group_run.pk).is_finished)
        group_run.refresh_from_db()
    ends = [(run.status, run.accepted) for member in members for run in runs_of(member)]
    assert (group_run.status, ends) == (RunStatus.SUCCEEDED, [(RunStatus.SUCCEEDED, 6_000)] * 2)
    assert {row["held"] for row in held(ACME_SET).values()} == {1}


def test_a_replay_whose_worker_was_killed_completes_and_doubles_nothing(
    acme, ada, membership_in, orchestration_of, emulator, held, environment, tmp_path
):
    orchestration, member = orchestration_of(acme, order_rows(8_000)), membership_in(ada, acme)
    beat = ("beat", "-s", str(tmp_path / "beat"), "--loglevel", "warning")
    with tenant_scope(acme), program(*beat, **environment):
        with program(*WORKER, **environment) as first:
            run = run_start(orchestration=orchestration, membership=member, trigger=RunTrigger.MANUAL)
            wait_for(lambda: Run.objects.get(pk=run.pk).is_finished)
            slow_down(emulator)
            run.refresh_from_db()
            replay = run_replay(run=run, rows=ReplayRows.ALL, membership=member, trigger=RunTrigger.MANUAL)
            wait_for(lambda: Run.objects.get(pk=replay.pk).accepted >= 1000)
            kill(first)
        with program(*WORKER, **environment):
            wait_for(lambda: Run.objects.get(pk=replay.pk).is_finished)
        replay.refresh_from_db()
    assert (replay.status, replay.selected, replay.accepted) == (RunStatus.SUCCEEDED, 8_000, 8_000)
    seen = held(ACME_SET)
    assert (len(seen), {row["held"] for row in seen.values()}) == (8_000, {1})
