"""Any order of posts, runs of streams and of a query, faults, deaths and cancels: no change of anybody's is lost.

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
from destinations.preparation.door_audiences import AudienceDoor
from orchestrations.choices import UNFINISHED_RUNS, BatchStatus, RunStage, RunStatus, SyncMode
from orchestrations.models import Audience, Batch, Chunk, Orchestration, Run
from orchestrations.runs.delivery import run_deliver
from orchestrations.runs.leases import ACTIVE
from orchestrations.runs.preparing import run_prepare
from orchestrations.streams.parking import stream_unpark
from orchestrations.streams.returning import gives_back
from tests.orchestrations.audiences.conftest import Person, digest
from tests.orchestrations.streams.audiences import Sharer, adds, removes

FAULTS: list[dict[str, Any]] = [
    {"reset": True},
    {"commit_then_drop": True},
    {"http": 502},
    {"partial": 20001},
    {"code": 40100, "message": "Too many requests."},
    {"code": 40001, "message": "scope missing"},
    {"code": 40105, "message": "Access token is incorrect or has been revoked."},
]
NUMBERS = st.sets(st.integers(0, 7), min_size=1, max_size=5)
Id = tuple[str, str]


def person(number: int) -> Person:
    """Make a person; two numbers at a time share a phone."""
    return {"email": f"person{number}@mail.example", "phone": f"+1212555{number // 2:04d}"}


def ids(people: list[Person]) -> set[Id]:
    """Return the ids of people as TikTok has them."""
    kinds = {"email": "EMAIL_SHA256", "phone": "PHONE_SHA256"}
    return {(kinds[column], digest(value)) for each in people for column, value in each.items() if value}


class Life(RuleBasedStateMachine):
    """What may happen to an audience that a query and a stream share.

    `told` says of each id whether TikTok must hold it, as far as that is known: a run of the query that did not come to
    its end leaves open what became of its part, one of the stream that did not is made up for.
    """

    sharer: Sharer

    def __init__(self) -> None:
        super().__init__()
        self.scope = self.sharer.scope()
        self.scope.__enter__()
        self.sharer.control("reset", {})
        self.told: dict[Id, bool | None] = {}
        self.posted: dict[int, tuple[bool, set[Id]]] = {}
        self.asked: dict[int, tuple[str, set[Id]]] = {}
        self.chunks: dict[int, list[int]] = {}
        self.seen: set[int] = set()
        self.done: set[int] = set()
        self.edit({1, 2, 3})

    def everything(self) -> set[Id]:
        """Return every id there is."""
        return ids([person(number) for number in range(8)])

    def unfinished(self) -> list[Run]:
        """Return the runs that have not ended, in their order."""
        return list(Run.objects.filter(status__in=UNFINISHED_RUNS).order_by("pk"))

    def note(self) -> None:
        """Apply what the runs have done that ended since the last look."""
        for run in Run.objects.filter(stage=RunStage.FINISHED).exclude(pk__in=self.seen).order_by("finished_at"):
            self.seen.add(run.pk)
            whole = run.status in (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS) and not run.unsent
            if run.stream_id is None:
                self.note_query(run, whole=whole and not run.unknown)
            else:
                self.note_stream(run, whole=whole and not run.unknown)

    def note_query(self, run: Run, *, whole: bool) -> None:
        """Apply a run of the query."""
        mode, wanted = self.asked[run.pk]
        if mode == SyncMode.MIRROR:
            self.told = dict.fromkeys(self.everything())
        self.told |= dict.fromkeys(wanted, True if whole else None)
        if whole and mode == SyncMode.MIRROR:
            self.told = {one: one in wanted for one in self.everything()}

    def note_stream(self, run: Run, *, whole: bool) -> None:
        """Apply a run of the stream, change by change; what was cancelled is done with."""
        if whole or run.status == RunStatus.CANCELLED:
            self.done |= set(self.chunks[run.pk])
        for chunk in self.chunks[run.pk]:
            adding, named = self.posted[chunk]
            self.told |= dict.fromkeys(named, adding if whole else None)

    # What people do

    @rule(numbers=NUMBERS)
    def edit(self, numbers: set[int]) -> None:
        """Change the query's list."""
        self.rows = [person(number) for number in sorted(numbers)]
        self.sharer.people(self.rows)

    @rule(numbers=NUMBERS, adding=st.booleans())
    def post(self, numbers: set[int], adding: bool) -> None:
        """Post changes, one chunk of them."""
        some = [person(number) for number in sorted(numbers)]
        chunk = self.sharer.post(adds(some) if adding else removes(some))
        self.posted[chunk.pk] = (adding, ids(some))

    @rule(mode=st.sampled_from([SyncMode.MIRROR, SyncMode.MIRROR, SyncMode.ADD]))
    def start(self, mode: str) -> None:
        """Start a run of the query, where none is active."""
        Orchestration.objects.filter(pk=self.sharer.orchestration.pk).update(sync_mode=mode)
        Credential.objects.update(status=CredentialStatus.AUTHORISED)
        try:
            run = self.sharer.start()
        except ValidationError:
            assert any(run.stream_id is None for run in self.unfinished())  # a stream's run is no reason
            return
        self.asked[run.pk] = (mode, ids(self.rows))

    @rule()
    def flush(self) -> None:
        """Let the stream hand over what waits."""
        Credential.objects.update(status=CredentialStatus.AUTHORISED)
        stream_unpark(self.sharer.stream)
        before = len(self.unfinished())
        run = self.sharer.flush(timedelta(days=1))
        if run is not None:
            assert before == 0  # one at a time
            self.chunks[run.pk] = list(Chunk.objects.filter(run=run).order_by("pk").values_list("pk", flat=True))

    @rule()
    def cancel(self) -> None:
        """End the first active run."""
        for run in self.unfinished()[:1]:
            self.sharer.cancel(run)
            self.note()

    # What workers do

    @rule(first=st.booleans())
    def work(self, first: bool) -> None:
        """Let a worker do what there is to do, in whatever order."""
        runs = self.unfinished()
        if runs:
            run = runs[0 if first else -1]
            (run_deliver if run.stage == RunStage.DELIVERING else run_prepare)(run.pk)
            self.note()

    @rule()
    def wait(self) -> None:
        """Let what waits become due."""
        hour = timedelta(hours=1)
        Batch.objects.update(next_attempt_at=F("next_attempt_at") - hour)
        Run.objects.update(lease_until=F("lease_until") - hour)

    @rule()
    def carry_through(self) -> None:
        """Let workers and time end all active runs."""
        for _ in range(30):
            if not self.unfinished():
                return
            self.work(first=True)
            self.wait()

    @rule(numbers=NUMBERS, adding=st.booleans())
    def post_and_send(self, numbers: set[int], adding: bool) -> None:
        """Post changes and let a run see to them."""
        self.post(numbers, adding)
        self.flush()
        self.carry_through()

    @rule(numbers=NUMBERS, adding=st.booleans(), mode=st.sampled_from([SyncMode.MIRROR, SyncMode.ADD]))
    def meet(self, numbers: set[int], adding: bool, mode: str) -> None:
        """Start a run of the query while the stream's has just been made, and let a worker take the later one first."""
        self.post(numbers, adding)
        self.flush()
        self.start(mode)
        self.work(first=False)

    @rule()
    def die_while_sending(self) -> None:
        """Let a worker take a request and die."""
        values = {"lease_token": "dead", "lease_until": timezone.now() - timedelta(seconds=1)}
        if Run.objects.filter(status__in=ACTIVE, stage=RunStage.DELIVERING).update(**values):
            first = Batch.objects.filter(status=BatchStatus.PENDING).order_by("phase", "number").first()
            Batch.objects.filter(pk=first.pk if first else None).update(status=BatchStatus.SENDING)

    # What TikTok does

    @rule(action=st.sampled_from(FAULTS), times=st.integers(1, 4))
    def fail(self, action: dict[str, Any], times: int) -> None:
        """Let TikTok do something wrong a few times."""
        self.sharer.fault(action, times=times)

    # What must be true

    @invariant()
    def numbers_add_up(self) -> None:
        """Count every item once."""
        for run in Run.objects.filter(prepared_at__isnull=False):
            assert run.selected == run.in_events + run.rejected + run.duplicates

    @invariant()
    def runs_take_turns(self) -> None:
        """Have no run at work before those that were made before it have ended."""
        assert all(run.stage == RunStage.WAITING for run in self.unfinished()[1:])

    @invariant()
    def changes_are_somewhere(self) -> None:
        """Have every change in a run that takes care of it, or waiting."""
        waiting = set(Chunk.objects.filter(run=None).values_list("pk", flat=True))
        cared = {
            chunk
            for run in Run.objects.filter(pk__in=self.chunks)
            if not gives_back(run)
            for chunk in self.chunks[run.pk]
        }
        assert waiting | cared == set(self.posted)
        assert not waiting & cared

    def teardown(self) -> None:
        """Let everything go well from here: what waits arrives, and TikTok holds what was asked for last."""
        try:
            self.sharer.faults_end()
            for _ in range(3):
                self.carry_through()
                self.flush()
            assert self.done == set(self.posted)
            held = self.sharer.held() if self.sharer.audiences() else {}
            there = {(kind, one) for kind, found in held.items() for one in found}
            assert {one: one in there for one, known in self.told.items() if known is not None} == {
                one: known for one, known in self.told.items() if known is not None
            }
        finally:
            Run.objects.all().delete()
            Chunk.objects.all().delete()
            Audience.objects.all().delete()
            self.scope.__exit__(None, None, None)


@pytest.fixture
def _no_waits(settings, monkeypatch):
    """Long waits are left to the rules, short ones are taken; no bell rings."""
    settings.HUB_RETRY_SECONDS = [3.0]
    monkeypatch.setattr("orchestrations.doorbell.task_send", lambda *ring: True)
    monkeypatch.setattr("destinations.tiktok.limits.buckets.SEGMENT_QPS", 1000.0)


@pytest.mark.usefixtures("_no_waits", "transactional_db")
def test_neither_query_nor_stream_loses_the_others_changes(membership_in, ada, acme, emulator, tmp_path):
    sharer = Sharer(membership_in(ada, acme), emulator, tmp_path)
    sharer.door = AudienceDoor()
    sharer.set_up([person(0)], people_per_request=2)
    sharer.stream_up()
    run_state_machine_as_test(type("Life", (Life,), {"sharer": sharer}), settings=lives())
    sharer.door.close()


def lives() -> settings:
    """Return how many lives are tried, and that they are the same ones every time; most where it costs least."""
    usual = 20 if connection.vendor == "sqlite" else 8
    return settings(
        max_examples=int(os.environ.get("TEST_EXAMPLES", usual)),
        stateful_step_count=12,
        derandomize="TEST_EXAMPLES" not in os.environ,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
