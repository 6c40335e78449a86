"""The sweeper finds what nobody works on, and does not flood the queue with it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orchestrations.choices import RunStatus, RunTrigger
from orchestrations.models import Run
from orchestrations.runs.services import run_start
from orchestrations.runs.sweeper import runs_sweep
from tests.orchestrations.conftest import order_rows, run_through
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.fixture
def waiting_run(acme, ada, membership_in, orchestration_of, emulator) -> Run:
    """A run that was queued a while ago and whose task was lost."""
    orchestration = orchestration_of(acme, order_rows(10))
    with tenant_scope(acme):
        run = run_start(orchestration=orchestration, membership=membership_in(ada, acme), trigger=RunTrigger.MANUAL)
        Run.objects.update(created_at=timezone.now() - timedelta(minutes=1))
        return run


def test_a_lost_task_is_rung_for_once_and_not_at_every_sweep(waiting_run):
    assert [runs_sweep(), runs_sweep(), runs_sweep()] == [1, 0, 0]


def test_a_run_that_was_rung_for_can_be_taken_at_once(acme, waiting_run):
    runs_sweep()
    with tenant_scope(acme):
        assert run_through(waiting_run).status == RunStatus.SUCCEEDED


def test_a_run_held_by_a_living_worker_is_left_alone(acme, waiting_run):
    with tenant_scope(acme):
        Run.objects.update(lease_token="alive", lease_until=timezone.now() + timedelta(seconds=10))
    assert runs_sweep() == 0


def test_a_dead_workers_run_is_taken_from_it(acme, waiting_run):
    with tenant_scope(acme):
        Run.objects.update(lease_token="dead", lease_until=timezone.now() - timedelta(seconds=1))
        assert runs_sweep() == 1
        assert Run.objects.get().lease_token == ""
