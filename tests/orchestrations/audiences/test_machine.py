"""Any list, any order of runs, faults, deaths, cancels and deletions: in the end TikTok's sets equal the query's.

Hypothesis chooses. The choices are the same every time; `TEST_EXAMPLES=1000` makes other and more of them.
"""

import os
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from destinations.choices import CredentialStatus
from destinations.models import Credential
from orchestrations.choices import UNFINISHED_RUNS, BatchStatus, RunStage, RunStatus
from orchestrations.models import Audience, Batch, Run
from orchestrations.runs.delivery import run_deliver
from orchestrations.runs.leases import ACTIVE
from orchestrations.runs.preparing import run_prepare
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_release
from tests.orchestrations.audiences.conftest import Keeper, Person, digest, ids_of

MAPPING, CREATE = "/segment/mapping/", "/segment/audience/"
FAULTS: list[dict[str, Any]] = [
    {"reset": True},
    {"commit_then_drop": True},
    {"http": 502},
    {"partial": 20001},
    {"code": 40100, "message": "Too many requests."},
    {"code": 40002, "message": "Audience is not editable, please check audience status"},
    {"code": 40001, "message": "scope missing"},
]
VERDICTS = ("accepted", "refused", "unknown")
NUMBERS = st.sets(st.integers(0, 11), max_size=12)


def person(number: int, *, email: bool, phone: bool) -> Person:
    """Make a person; three numbers at a time share a phone."""
    shared = f"+1212555{number // 3:04d}"
    return {"email": f"person{number}@mail.example" if email else "", "phone": shared if phone else ""}


class Life(RuleBasedStateMachine):
    """What may happen to one audience."""

    keeper: Keeper

    def __init__(self) -> None:
        super().__init__()
        self.scope = self.keeper.scope()
        self.scope.__enter__()
        self.keeper.control("reset", {})
        self.rows: list[Person] = []
        self.edit({1, 2, 3}, {2})

    def latest(self) -> Run | None:
        """Return the newest run."""
        return Run.objects.order_by("-pk").first()

    def active(self) -> Run | None:
        """Return the run that has not ended."""
        return Run.objects.filter(status__in=UNFINISHED_RUNS).first()

    # What people do

    @rule(emails=NUMBERS, phones=NUMBERS)
    def edit(self, emails: set[int], phones: set[int]) -> None:
        """Change the list of people."""
        numbers = sorted(emails | phones)
        self.rows = [person(number, email=number in emails, phone=number in phones) for number in numbers]
        self.keeper.people(self.rows)

    @rule()
    def start(self) -> None:
        """Start a run where none is active."""
        if self.active() is None:
            Credential.objects.update(status=CredentialStatus.AUTHORISED)
            self.keeper.start()

    @rule()
    def cancel(self) -> None:
        """End the active run."""
        run = self.active()
        if run is not None:
            self.keeper.cancel(run)

    @rule()
    def retry(self) -> None:
        """Retry the newest run, where there is something to retry."""
        run = self.latest()
        if run is None or not run.is_finished:
            return
        Credential.objects.update(status=CredentialStatus.AUTHORISED)
        try:
            run_retry(run=run, membership=self.keeper.membership)
        except ValidationError:
            return

    @rule()
    def release(self) -> None:
        """Release the held run."""
        run = self.active()
        if run is not None and run.status == RunStatus.HELD:
            run_release(run=run, membership=self.keeper.membership)

    # What workers do

    @rule()
    def work(self) -> None:
        """Let a worker do what there is to do."""
        run = self.active()
        if run is not None:
            (run_deliver if run.stage == RunStage.DELIVERING else run_prepare)(run.pk)

    @rule()
    def wait(self) -> None:
        """Let what waits become due."""
        hour = timedelta(hours=1)
        Batch.objects.update(next_attempt_at=F("next_attempt_at") - hour)
        Run.objects.update(lease_until=F("lease_until") - hour)

    @rule()
    def carry_through(self) -> None:
        """Let workers and time end the active run, or bring it to where somebody has to release it."""
        for _ in range(20):
            if self.active() is None:
                return
            self.work()
            self.wait()

    @rule(emails=NUMBERS)
    def change_and_run(self, emails: set[int]) -> None:
        """Change the list, and let a run see to it."""
        self.edit(emails, set())
        self.start()
        self.carry_through()

    @rule()
    def die_while_sending(self) -> None:
        """Let a worker take a request and die."""
        values = {"lease_token": "dead", "lease_until": timezone.now() - timedelta(seconds=1)}
        if Run.objects.filter(status__in=ACTIVE, stage=RunStage.DELIVERING).update(**values):
            first = Batch.objects.filter(status=BatchStatus.PENDING).order_by("phase", "number").first()
            Batch.objects.filter(pk=first.pk if first else None).update(status=BatchStatus.SENDING)

    # What TikTok does

    @rule(action=st.sampled_from(FAULTS), path=st.sampled_from([MAPPING, MAPPING, CREATE]), times=st.integers(1, 4))
    def fail(self, action: dict[str, Any], path: str, times: int) -> None:
        """Let TikTok do something wrong a few times."""
        self.keeper.fault(action, path=path, times=times)

    @rule(emails=NUMBERS)
    def lose_answers(self, emails: set[int]) -> None:
        """Lose the answers to requests that are carried out, until nobody knows what became of them."""
        self.keeper.fault({"commit_then_drop": True}, times=2)
        self.change_and_run(emails)

    @rule(number=st.integers(0, 11))
    def dislike(self, number: int) -> None:
        """Let TikTok refuse somebody."""
        self.keeper.fault({"poison": {"id": digest(f"person{number}@mail.example")}})

    @rule()
    def recover(self) -> None:
        """Let TikTok behave again."""
        self.keeper.faults_end()

    @rule()
    def forget(self) -> None:
        """Delete the audience at TikTok."""
        for audience in self.keeper.audiences():
            self.keeper.control("audiences/forget", {"audience_id": audience["audience_id"]})

    # What must be true

    @invariant()
    def there_is_one_audience_at_most(self) -> None:
        """Never make two of one name."""
        assert len(self.keeper.audiences()) <= 1

    @invariant()
    def numbers_add_up(self) -> None:
        """Count every entry once."""
        for run in Run.objects.filter(prepared_at__isnull=False):
            sums = [
                sum(getattr(batch, name) for batch in run.batches.all()) for name in ("accepted", "refused", "unknown")
            ]
            assert [run.accepted, run.refused, run.unknown] == sums
            assert run.unsent >= 0
            assert run.selected == run.in_events + run.rejected + run.duplicates

    def teardown(self) -> None:
        """Let everything go well from here: after one more run the sets are equal."""
        try:
            self.recover()
            self.release()
            self.carry_through()
            Credential.objects.update(status=CredentialStatus.AUTHORISED)
            run = self.keeper.run()
            if run.status == RunStatus.HELD:
                run = self.keeper.release(run)
            held = self.keeper.held() if self.keeper.audiences() else {}
            assert held == ids_of(self.rows), (run.status, run.error)
        finally:
            Run.objects.all().delete()
            Audience.objects.all().delete()
            self.scope.__exit__(None, None, None)


@pytest.mark.usefixtures("_no_waits")
def test_audience_equals_the_query_whatever_happens(keeper):
    keeper.set_up([person(0, email=True, phone=True)], people_per_request=2)
    run_state_machine_as_test(type("Life", (Life,), {"keeper": keeper}), settings=lives())


@pytest.fixture
def _no_waits(settings, monkeypatch):
    """Long waits are left to the rules, short ones are taken; no bell rings."""
    settings.HUB_RETRY_SECONDS = [3.0]
    monkeypatch.setattr("orchestrations.doorbell.task_send", lambda *ring: True)


def lives() -> settings:
    """Return how many lives are tried, and that they are the same ones every time; a hundred where it costs least."""
    usual = 100 if connection.vendor == "sqlite" else 30
    return settings(
        max_examples=int(os.environ.get("TEST_EXAMPLES", usual)),
        stateful_step_count=12,
        derandomize="TEST_EXAMPLES" not in os.environ,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
