"""Anything may happen to a run in any order: workers, faults, deaths, cancels, retries; its account stays true.

Hypothesis chooses the order. The choices are the same every time; `TEST_EXAMPLES=500` makes other and more of them.
"""

import os
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from destinations.choices import CredentialStatus
from destinations.models import Credential
from orchestrations.choices import BatchStatus, RunStage, RunStatus
from orchestrations.models import Audience, Batch, Orchestration, Run
from orchestrations.runs import delivery
from orchestrations.runs.delivery import run_deliver
from orchestrations.runs.leases import ACTIVE
from orchestrations.runs.preparing import run_prepare
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_cancel
from orchestrations.runs.sweeper import runs_sweep
from tests.conformance.world import World
from tiktok_hub.tenancy.scope import tenant_scope

FAULTS: list[dict[str, Any]] = [
    {"reset": True},
    {"commit_then_drop": True},
    {"http": 502},
    {"http": 200, "body": ""},
    {"partial": 20001},
    {"code": 50002, "message": "timeout"},
    {"code": 40202, "message": "conflict"},
    {"code": 40002, "message": "Invalid value for value: not a number."},
    {"code": 40001, "message": "scope missing"},
    {"code": 40105, "message": "revoked"},
]
SHORT, LONG = 0.04, 20.0
BEFORE_DELIVERY = (RunStage.WAITING, RunStage.QUERYING, RunStage.PREPARING)


class Life(RuleBasedStateMachine):
    """What may happen to the runs of one orchestration, and what must be true all the time.

    What a rule finds nothing to do for, it leaves: rules that come and go with the clock could not be repeated.
    """

    world: World
    orchestration: Orchestration
    rings: list[tuple[str, int, int]]
    good: set[str]

    def __init__(self) -> None:
        super().__init__()
        delivery.SLICE_SECONDS = SHORT
        self.keys: dict[tuple[int, int], list[str]] = {}
        self.scope = tenant_scope(self.world.tenant)
        self.scope.__enter__()
        self.world.emulator("reset", {})
        self.run = self.world.start(self.orchestration)

    def now(self) -> Run:
        """Return the run as the database has it."""
        return Run.objects.select_related("tenant", "orchestration__destination__credential").get(pk=self.run.pk)

    def active(self) -> bool:
        """Say whether the run has not ended."""
        return not self.now().is_finished

    # What workers do

    @rule()
    def prepare(self) -> None:
        """Let a worker answer the bell for preparation."""
        run_prepare(self.run.pk)

    @rule()
    def deliver(self) -> None:
        """Let a worker answer the bell for delivery, for a slice of time."""
        run_deliver(self.run.pk)

    @rule()
    def sweep(self) -> None:
        """Let the sweeper ring, and workers answer."""
        self.rings.clear()
        runs_sweep()
        for name, _, run_id in list(self.rings):
            (run_prepare if name == "run_prepare" else run_deliver)(run_id)

    @rule(arrived=st.booleans())
    def die_while_sending(self, arrived: bool) -> None:
        """Let a worker take a request and die, before or after TikTok has it."""
        batch = Batch.objects.filter(run=self.run, status=BatchStatus.PENDING).select_related("run").first()
        if batch is None or not self._take(-60):
            return
        Batch.objects.filter(pk=batch.pk).update(status=BatchStatus.SENDING)
        if arrived:
            self.send(batch)

    @rule(stage=st.sampled_from([RunStage.QUERYING, RunStage.PREPARING]))
    def die_while_preparing(self, stage: RunStage) -> None:
        """Let a worker begin a preparation and die."""
        if self.now().stage in BEFORE_DELIVERY and self._take(-60):
            Run.objects.filter(pk=self.run.pk).update(stage=stage, started_at=timezone.now())

    @rule()
    def hold(self) -> None:
        """Let a worker that lives hold the run: nobody else may touch it meanwhile."""
        if not self._take(300):
            return
        before = Run.objects.values().get(pk=self.run.pk)
        assert not run_prepare(self.run.pk)
        assert not run_deliver(self.run.pk)
        assert Run.objects.values().get(pk=self.run.pk) == before
        Run.objects.filter(pk=self.run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))

    def _take(self, seconds: int) -> bool:
        """Claim the run with a promise that ends in so many seconds."""
        until = timezone.now() + timedelta(seconds=seconds)
        values = {"lease_token": "somebody", "lease_until": until, "status": RunStatus.RUNNING}
        return bool(Run.objects.filter(pk=self.run.pk, status__in=ACTIVE).update(**values))

    # What TikTok does

    @rule(action=st.sampled_from(FAULTS), times=st.integers(1, 6), after=st.integers(0, 2))
    def fail(self, action: dict[str, Any], times: int, after: int) -> None:
        """Let TikTok do something wrong from now on, a few times."""
        self.world.fault(action, times=times, after=after)

    @rule(index=st.integers(0, 2199))
    def refuse_a_row(self, index: int) -> None:
        """Let TikTok dislike a row."""
        self.world.poison([index % (2 * self.world.limit + 200)])

    @rule()
    def recover(self) -> None:
        """Let TikTok behave again."""
        requests.delete(f"{self.world.url}/_emulator/faults", timeout=10).raise_for_status()

    # What people and the clock do

    @rule()
    def cancel(self) -> None:
        """Ask for the run's end."""
        if self.active():
            run_cancel(run=self.now())

    @rule()
    def retry(self) -> None:
        """Retry the run where there is something to retry."""
        if self.active():
            return
        Credential.objects.update(status=CredentialStatus.AUTHORISED)
        try:
            run_retry(run=self.now(), membership=self.world.membership)
        except ValidationError:
            run = self.now()
            assert run.prepared_at is not None
            assert run.unknown == run.unsent == 0

    @rule()
    def start_again(self) -> None:
        """Send the same rows by another run."""
        if not self.active():
            Credential.objects.update(status=CredentialStatus.AUTHORISED)
            self.run = self.world.start(self.orchestration)

    @rule()
    def wait(self) -> None:
        """Let what waits become due."""
        Batch.objects.filter(run=self.run).update(next_attempt_at=F("next_attempt_at") - timedelta(hours=1))
        hour = timedelta(hours=1)
        Run.objects.filter(pk=self.run.pk).update(
            lease_until=F("lease_until") - hour, created_at=F("created_at") - hour
        )

    # What must be true

    @invariant()
    def numbers_add_up(self) -> None:
        """Count every event once, in the run as in its batches."""
        run, batches = self.now(), list(Batch.objects.filter(run=self.run))
        for name in ("accepted", "refused", "unknown"):
            assert getattr(run, name) == sum(getattr(batch, name) for batch in batches), name
        assert run.unsent >= 0
        for batch in batches:
            still_open = sum(stop - start for start, stop in batch.open_ranges)
            assert batch.events == batch.accepted + batch.refused + still_open

    @invariant()
    def tiktok_holds_what_was_accepted_once(self) -> None:
        """Never hold an event twice, and never say accepted of what is not held."""
        held = self.world.held()
        assert set(held.values()) <= {1}
        assert self.accepted() <= set(held)

    @invariant()
    def an_end_is_an_end(self) -> None:
        """Leave nothing open in a run that has ended, and nobody holding it."""
        run = self.now()
        if run.is_finished:
            assert not any(batch.is_open for batch in Batch.objects.filter(run=run))
            assert run.status not in {RunStatus.QUEUED, RunStatus.RUNNING}
            assert run.lease_until is None

    def teardown(self) -> None:
        """Let everything go well from here: all good rows must arrive, but for those that TikTok has refused."""
        try:
            delivery.SLICE_SECONDS = LONG
            self.recover()
            for _ in range(12):
                run = self.now()
                if run.is_finished and run.prepared_at and not run.unsent and not run.unknown:
                    break
                if not self.active():
                    self.retry()
                self.wait()
                self.sweep()
            self.world.check(self.run)
            run = self.now()
            assert run.accepted + run.refused == run.events
            assert len(self.good - set(self.world.held())) <= run.refused
        finally:
            Run.objects.all().delete()
            Audience.objects.all().delete()
            Credential.objects.update(status=CredentialStatus.AUTHORISED)
            self.scope.__exit__(None, None, None)

    def accepted(self) -> set[str]:
        """Return the keys of what the run says was accepted."""
        keys: set[str] = set()
        for batch in Batch.objects.filter(run=self.run, accepted__gt=0).select_related("run"):
            other = {position for start, stop in batch.open_ranges for position in range(start, stop)}
            other |= {position for position, *_ in batch.refused_positions}
            keys |= {key for position, key in enumerate(self.body_keys(batch)) if position not in other}
        return keys

    def body_keys(self, batch: Batch) -> list[str]:
        """Return the keys of a prepared request; it never changes, so it is read once."""
        if (batch.run_id, batch.number) not in self.keys:
            self.keys[batch.run_id, batch.number] = self.world.body_keys(batch)
        return self.keys[batch.run_id, batch.number]

    def send(self, batch: Batch) -> None:
        """Send a request as the worker would have that died then."""
        self.world.deliver(batch)


@pytest.fixture
def rings(monkeypatch) -> list[tuple[str, int, int]]:
    """Keep what the doorbell rings instead of a broker."""
    kept: list[tuple[str, int, int]] = []
    monkeypatch.setattr("orchestrations.doorbell.task_send", lambda *ring: kept.append(ring))
    return kept


def test_a_run_keeps_a_true_account_whatever_happens(world, rings, settings_of_machine):
    count, spoiled = 2 * world.limit + 200, range(0, 50, 5)
    orchestration = world.orchestration(world.rows(count, spoiled))
    good = world.keys(set(range(count)) - set(spoiled))
    own = {"world": world, "orchestration": orchestration, "rings": rings, "good": good}
    run_state_machine_as_test(type("Life", (Life,), own), settings=settings_of_machine)


@pytest.fixture
def settings_of_machine(settings, monkeypatch):
    """One connection and short slices, so that a run ends in many steps."""
    settings.HUB_DELIVERY_CONNECTIONS = 1
    settings.HUB_RETRY_SECONDS = [3.0, 3.0]
    monkeypatch.setattr(delivery, "SLICE_SECONDS", SHORT)  # each life sets it, this puts it back
    return hypothesis_settings()


def hypothesis_settings() -> settings:
    """Return how many lives are tried, and that they are the same ones every time."""
    return settings(
        max_examples=int(os.environ.get("TEST_EXAMPLES", "25")),
        stateful_step_count=14,
        derandomize="TEST_EXAMPLES" not in os.environ,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
