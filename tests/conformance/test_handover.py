"""Workers come, go, die and are taken for dead; people cancel and retry: nothing is lost, nothing is held twice."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from orchestrations.choices import BatchStatus, RunStage, RunStatus
from orchestrations.models import Batch, Run
from orchestrations.runs.delivery import run_deliver
from orchestrations.runs.preparing import run_prepare
from tests.conformance.world import World
from tiktok_hub.tenancy.scope import tenant_scope

SLOW_SQL = "SELECT * FROM people WHERE (SELECT count(*) FROM range(150000000) t(n) WHERE n % 7 = 3) > 0"


@contextmanager
def at_work(world: World, work: Callable[[int], bool], run: Run) -> Iterator[None]:
    """Let a worker do its part in a thread during the block, and wait for its end."""

    def job() -> None:
        with tenant_scope(world.tenant):
            work(run.pk)
        connection.close()

    thread = threading.Thread(target=job)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)
        assert not thread.is_alive()


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def change(world: World, run: Run, **values: Any) -> None:
    """Write to a run as another process would."""
    with tenant_scope(world.tenant):
        Run.objects.filter(pk=run.pk).update(**values)


def stolen() -> dict[str, Any]:
    """Return what another worker writes when it takes a run over."""
    return {"lease_token": "another-worker", "lease_until": timezone.now() + timedelta(minutes=5)}


def abandoned() -> dict[str, Any]:
    """Return what a worker leaves behind that died a minute ago."""
    return {"lease_token": "dead-worker", "lease_until": timezone.now() - timedelta(minutes=1)}


def prepared(world: World, count: int) -> Run:
    """Return a run whose requests are ready, and of which none has left."""
    run = world.start(world.orchestration(world.rows(count)))
    with tenant_scope(world.tenant):
        assert run_prepare(run.pk)
    return world.now(run)


def test_a_run_that_is_cancelled_in_the_middle_keeps_what_was_sent(world, settings):
    settings.HUB_LEASE_SECONDS, settings.HUB_DELIVERY_CONNECTIONS = 0.6, 1
    run = prepared(world, 4 * world.limit)
    world.emulator("latency", {"seconds": 0.4})
    with at_work(world, run_deliver, run):
        wait_until(lambda: world.now(run).accepted)
        world.cancel(run)
    run = world.now(run)
    world.check(run)
    assert (run.status, run.unknown) == (RunStatus.CANCELLED, 0)
    assert 0 < run.accepted == len(world.held()) < 4 * world.limit


def test_a_cancelled_run_goes_on_where_it_ended(world):
    run = prepared(world, world.limit + 20)
    world.cancel(run)
    run = world.retry(run)
    assert (run.status, run.accepted) == (RunStatus.SUCCEEDED, world.limit + 20)
    assert set(world.held()) == world.keys(range(world.limit + 20))


def test_a_cancelled_run_says_what_a_dead_worker_may_have_sent(world):
    run = prepared(world, 10)
    with tenant_scope(world.tenant):
        Batch.objects.filter(run=run).update(status=BatchStatus.SENDING)
    change(world, run, **abandoned())
    run = world.cancel(run)
    world.check(run)
    assert (run.status, run.unknown, run.unsent) == (RunStatus.CANCELLED, 10, 0)


@pytest.mark.parametrize(
    "action",
    [
        pytest.param({"commit_then_drop": True}, id="answers lost after the commit"),
        pytest.param({"reset": True}, id="connection reset"),
        pytest.param({"code": 40202, "message": "conflict"}, id="not taken"),
    ],
)
def test_a_retry_after_a_failure_sends_what_is_open_and_doubles_nothing(world, settings, action):
    settings.HUB_DELIVERY_CONNECTIONS = 1
    world.fault(action, after=1, times=8)
    first = world.send(world.rows(3 * world.limit))
    assert first.status != RunStatus.SUCCEEDED
    assert first.accepted == world.limit
    run = world.retry(first)
    assert (run.status, run.accepted, run.unknown) == (RunStatus.SUCCEEDED, 3 * world.limit, 0)
    assert set(world.held()) == world.keys(range(3 * world.limit))


def test_a_retry_does_not_send_what_tiktok_has_refused(world):
    world.poison([3])
    run = world.send(world.rows(20))
    with pytest.raises(ValidationError, match="nothing to retry"):
        world.retry(run)


def test_a_retry_needs_a_credential_that_may_be_used(world):
    world.fault({"code": 40105, "message": "revoked"}, times=1)
    run = world.send(world.rows(20))
    with pytest.raises(ValidationError, match="authorise it again"):
        world.retry(run)


def test_a_worker_that_lost_its_lease_writes_nothing_about_what_it_sent(world):
    run = prepared(world, 20)
    world.emulator("latency", {"seconds": 0.5})
    with at_work(world, run_deliver, run):
        wait_until(lambda: world.batches(run)[0].status == BatchStatus.SENDING)
        change(world, run, **stolen())
    after, batch = world.now(run), world.batches(run)[0]
    assert (after.accepted, after.attempts, after.stage) == (0, 0, RunStage.DELIVERING)
    assert (batch.status, batch.accepted, after.lease_token) == (BatchStatus.SENDING, 0, "another-worker")


def test_the_worker_that_takes_over_completes_the_run(world):
    run = prepared(world, 20)
    world.emulator("latency", {"seconds": 0.5})
    with at_work(world, run_deliver, run):
        wait_until(lambda: world.batches(run)[0].status == BatchStatus.SENDING)
        change(world, run, **stolen())
    change(world, run, **abandoned())
    run = world.carry(run)
    assert (run.status, run.accepted, run.attempts) == (RunStatus.SUCCEEDED, 20, 1)
    assert set(world.held()) == world.keys(range(20))


def test_a_run_that_another_worker_holds_is_left_alone(world):
    run = prepared(world, 20)
    change(world, run, **stolen())
    with tenant_scope(world.tenant):
        assert run_deliver(run.pk) is False
    assert world.requests() == []


def test_a_worker_that_lost_its_lease_while_preparing_writes_nothing(world):
    run = world.start(world.orchestration(world.rows(20), sql=SLOW_SQL))
    with at_work(world, run_prepare, run):
        wait_until(lambda: world.now(run).stage == RunStage.QUERYING)
        change(world, run, **stolen())
    after = world.now(run)
    assert (after.stage, after.selected, after.lease_token) == (RunStage.QUERYING, None, "another-worker")
    assert (world.batches(run), world.bodies(run)) == ([], {})


def test_an_interrupted_preparation_begun_anew_gives_the_same_requests(world):
    run = prepared(world, 2 * world.limit + 10)
    before = world.bodies(run)
    with tenant_scope(world.tenant):
        Batch.objects.filter(run=run).delete()
    default_storage.delete(f"{run.spool}/000002.zst")
    default_storage.save(f"{run.spool}/000001.zst", ContentFile(b"half a fi"))
    default_storage.save(f"{run.spool}/000099.zst", ContentFile(b"left over"))
    change(world, run, stage=RunStage.PREPARING, prepared_at=None, **abandoned())
    with tenant_scope(world.tenant):
        assert run_prepare(run.pk)
    assert world.bodies(run) == before
    assert world.carry(run).accepted == 2 * world.limit + 10


@pytest.mark.parametrize("content", [pytest.param(None, id="gone"), pytest.param(b"half a fi", id="damaged")])
def test_a_request_that_is_lost_from_storage_ends_the_run_and_says_so(world, settings, content):
    settings.HUB_DELIVERY_CONNECTIONS = 1
    run = prepared(world, 3 * world.limit)
    default_storage.delete(f"{run.spool}/000002.zst")
    if content is not None:
        default_storage.save(f"{run.spool}/000002.zst", ContentFile(content))
    with tenant_scope(world.tenant):
        run_deliver(run.pk)
    run = world.now(run)
    assert (run.status, run.error["resolution"]) == (RunStatus.FAILED, "prepared_data_lost")
    assert (run.accepted, run.unknown, run.unsent) == (world.limit, 0, 2 * world.limit)
    assert len(world.held()) == world.limit


def test_an_unforeseen_fault_ends_the_run_instead_of_being_repeated(world, caplog):
    run = prepared(world, 20)
    change(world, run, inputs={**run.inputs, "settings": {}})
    with tenant_scope(world.tenant):
        Batch.objects.filter(run=run).update(kind="unheard-of")
        assert run_deliver(run.pk) is False
    run = world.now(run)
    assert (run.status, run.error["resolution"], run.error["class"]) == (RunStatus.FAILED, "unexpected", "KeyError")
    assert f"run {run.pk} ended by KeyError" in caplog.text
    assert "event_source_id'" not in caplog.text
    assert "unheard-of" not in caplog.text


def test_two_tenants_are_served_at_the_same_time(world, other):
    mine, theirs = prepared(world, 2 * world.limit), prepared(other, world.limit + 7)
    with at_work(world, run_deliver, mine), at_work(other, run_deliver, theirs):
        pass
    mine, theirs = world.carry(mine), other.carry(theirs)
    assert (mine.status, theirs.status) == (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED)
    assert (len(world.held()), len(other.held())) == (2 * world.limit, world.limit + 7)
