"""A tenant with a destination at the emulated TikTok, and what must be true of its runs however they went."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import requests
from django.core.files.storage import default_storage

from destinations.choices import CredentialStatus
from destinations.emulator.server import EmulatorServer
from destinations.models import Credential, Destination
from destinations.specs import get as spec_get
from orchestrations.choices import BatchStatus, QueryStatus, RunStage, RunStatus, RunTrigger
from orchestrations.datasets import dataset_load
from orchestrations.models import Batch, Orchestration, Query, Run
from orchestrations.queries import query_save
from orchestrations.runs.delivery import run_deliver
from orchestrations.runs.preparing import run_prepare
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_cancel, run_release, run_start
from orchestrations.runs.spool import Spool
from tests.conformance.provider import ACCOUNTS, Provider, Row
from tests.orchestrations.conftest import rows_write
from tiktok_hub.tenancy.models import Membership, Tenant
from tiktok_hub.tenancy.scope import tenant_scope

CREDENTIAL_RESOLUTIONS = {"invalid_credentials", "missing_permissions"}


class World:
    """One tenant's way through the product to TikTok, by one provider.

    `keeps` says that TikTok is told differences: it is asked before anything is prepared, requests leave one after the
    other, what it holds is not sent again, and a run that would leave nobody waits for somebody who releases it.
    """

    def __init__(self, provider: Provider, membership: Membership, emulator: EmulatorServer, folder: Path) -> None:
        self.provider = provider
        self.membership = membership
        self.tenant: Tenant = membership.tenant
        self.account = ACCOUNTS[self.tenant.slug]
        self.url = emulator.url
        self.folder = folder
        self.limit = provider.limit
        self.keeps = spec_get(provider.plugin).keeps_audience

    def rows(self, count: int, spoiled: Iterable[int] = ()) -> list[Row]:
        """Make good rows, some of them spoiled."""
        rows = [self.provider.row(index) for index in range(count)]
        for index in spoiled:
            rows[index] |= self.provider.spoiled
        return rows

    def keys(self, indices: Iterable[int]) -> set[str]:
        """Name what rows are delivered as."""
        return {self.provider.key(index) for index in indices}

    def orchestration(
        self, rows: list[Row], *, sql: str = "SELECT * FROM people", token: str | None = None, **overrides: Any
    ) -> Orchestration:
        """Configure everything that it takes to send these rows."""
        own = {"tenant": self.tenant}
        with tenant_scope(self.tenant):
            file = rows_write(self.folder / f"{self.tenant.slug}.csv", rows)
            dataset_load(tenant=self.tenant, name="people", file=file, filename="people.csv")
            query = query_save(query=Query(**own, name="people", sql=sql, status=QueryStatus.ACTIVE))
            credential = Credential.objects.create(
                **own,
                name="tiktok",
                type=spec_get(self.provider.plugin).credential_type,
                access_token=token or self.account.token,
                status=CredentialStatus.AUTHORISED,
            )
            settings = self.provider.settings(self.account)
            destination = Destination.objects.create(
                **own, name="destination", plugin=self.provider.plugin, credential=credential, settings=settings
            )
            settings = {**self.provider.overrides(self.account), **overrides}
            return Orchestration.objects.create(
                **own, name="orchestration", query=query, destination=destination, settings=settings
            )

    def start(self, orchestration: Orchestration, *, sample: int | None = None) -> Run:
        """Queue a run."""
        with tenant_scope(self.tenant):
            orchestration = Orchestration.objects.get(pk=orchestration.pk)
            return run_start(
                orchestration=orchestration, membership=self.membership, trigger=RunTrigger.COMMAND, sample=sample
            )

    def carry(self, run: Run, seconds: float = 30) -> Run:
        """Do what workers and the sweeper do until the run has ended, and see that its account is true."""
        run = self.finish(run, seconds)
        if run.status != RunStatus.HELD:
            self.check(run)
        return run

    def finish(self, run: Run, seconds: float = 30) -> Run:
        """Do what workers and the sweeper do until the run has ended, or is held: that is left to `release`."""
        until = time.monotonic() + seconds
        while not (run := self.now(run)).is_finished:
            if run.status == RunStatus.HELD:
                return run
            assert time.monotonic() < until, f"run {run.pk} is still {run.stage} after {seconds} s"
            with tenant_scope(self.tenant):
                (run_deliver if run.stage == RunStage.DELIVERING else run_prepare)(run.pk)
            time.sleep(0.005)
        return run

    def release(self, run: Run) -> Run:
        """Release a run where it is held, which it must be of destinations with guards alone, and carry it through."""
        assert (run.status == RunStatus.HELD) == self.keeps
        if run.status == RunStatus.HELD:
            with tenant_scope(self.tenant):
                run = run_release(run=run, membership=self.membership)
        return self.carry(run)

    def send(self, rows: list[Row], *, sample: int | None = None, **options: Any) -> Run:
        """Configure, start and carry through a run of these rows."""
        return self.carry(self.start(self.orchestration(rows, **options), sample=sample))

    def retry(self, run: Run) -> Run:
        """Retry a run and carry it through."""
        with tenant_scope(self.tenant):
            run = run_retry(run=Run.objects.get(pk=run.pk), membership=self.membership)
        return self.carry(run)

    def cancel(self, run: Run) -> Run:
        """Ask for the end of a run."""
        with tenant_scope(self.tenant):
            return run_cancel(run=Run.objects.get(pk=run.pk))

    def now(self, run: Run) -> Run:
        """Return the run as the database has it."""
        with tenant_scope(self.tenant):
            return Run.objects.select_related("tenant").get(pk=run.pk)

    def batches(self, run: Run) -> list[Batch]:
        """Return the run's batches as the database has them."""
        with tenant_scope(self.tenant):
            return list(Batch.objects.filter(run=run).select_related("run"))

    def emulator(self, path: str, body: Any) -> None:
        """Steer TikTok."""
        requests.post(f"{self.url}/_emulator/{path}", json=body, timeout=10).raise_for_status()

    def fault(self, action: dict[str, Any], *, match: dict[str, Any] | None = None, **counts: int) -> None:
        """Let TikTok do something wrong with what this tenant sends."""
        match = {"path": self.provider.path, "token": self.account.token, **(match or {})}
        self.emulator("faults", {"match": match, "action": action, **counts})

    def poison(self, indices: Iterable[int]) -> None:
        """Let TikTok refuse every request that holds one of these rows."""
        for key in self.keys(indices):
            self.fault({"poison": self.provider.poison(key)})

    def held(self) -> dict[str, int]:
        """Return what TikTok holds for this tenant: key → how often."""
        return self.provider.held(self.url.rstrip("/"), self.account)

    def requests(self) -> list[dict[str, Any]]:
        """Return the deliveries that reached TikTok, newest first."""
        answer = requests.get(f"{self.url}/_emulator/requests", params={"path": self.provider.path}, timeout=10)
        return list(answer.json()["requests"])

    def most_at_once(self) -> int:
        """Return how many requests of whatever kind TikTok has had to answer at the same time."""
        answer = requests.get(f"{self.url}/_emulator/requests", params={"summary": 1}, timeout=10)
        return int(answer.json()["most_in_flight"])

    def unprepared(self, count: int) -> int:
        """Return how many of so many rows count as not sent where TikTok is out of reach from the beginning."""
        return 0 if self.keeps else count

    def accepted_keys(self, run: Run) -> set[str]:
        """Return the keys of what the run says was accepted, position by position."""
        keys: set[str] = set()
        for batch in self.batches(run):
            if batch.accepted:
                other = {position for start, stop in batch.open_ranges for position in range(start, stop)}
                other |= {position for position, *_ in batch.refused_positions}
                keys |= {key for position, key in enumerate(self.body_keys(batch)) if position not in other}
        return keys

    def body_keys(self, batch: Batch) -> list[str]:
        """Return the keys of a prepared request, in its order."""
        body = Spool(batch.run.spool).body_read(batch.number)
        return [self.provider.item_key(item) for item in self.provider.items(body)]

    def deliver(self, batch: Batch) -> None:
        """Send a prepared request to TikTok by hand, whatever TikTok says."""
        body = self.provider.addressed(
            Spool(batch.run.spool).body_read(batch.number), self.url.rstrip("/"), self.account
        )
        headers = {"Access-Token": self.account.token, "Content-Type": "application/json"}
        url = f"{self.url.rstrip('/')}/open_api/v1.3{self.provider.path}"
        requests.post(url, data=body, headers=headers, timeout=10)

    def bodies(self, run: Run) -> dict[str, bytes]:
        """Return every file of the run's spool."""
        names = default_storage.listdir(run.spool)[1] if default_storage.exists(run.spool) else []
        return {name: Path(default_storage.path(f"{run.spool}/{name}")).read_bytes() for name in names}

    def check(self, run: Run) -> None:
        """Assert what is true of every run that has ended."""
        run = self.now(run)
        assert run.is_finished
        assert run.finished_at is not None
        assert not any(batch.is_open for batch in self.batches(run))
        self.check_sums(run)
        self.check_held(run)
        self.check_words(run)

    def check_sums(self, run: Run) -> None:
        """Assert that rows and events are all accounted for, in the run and in its batches alike."""
        batches = self.batches(run)
        if run.prepared_at is not None:
            with tenant_scope(self.tenant):
                placed = sum(table.num_rows for table in Spool(run.spool).table_read("rows"))
            assert run.selected == run.in_events + run.rejected + run.duplicates
            assert placed == (sum(batch.events for batch in batches) if self.keeps else run.in_events)
            assert run.requests == len(batches)
            assert run.events == sum(batch.events for batch in batches)
        assert sum(run.rejected_by_reason.values()) == run.rejected
        for name in ("accepted", "refused", "unknown"):
            assert getattr(run, name) == sum(getattr(batch, name) for batch in batches), name
        assert run.unsent >= 0
        assert run.attempts == sum(batch.attempts for batch in batches)

    def check_held(self, run: Run) -> None:
        """Assert that TikTok holds what the run says was accepted, and nothing twice."""
        held, accepted = self.held(), self.accepted_keys(run)
        assert set(held.values()) <= {1}
        assert accepted <= set(held)
        assert len(accepted) == run.accepted

    def check_words(self, run: Run) -> None:
        """Assert that the status fits the numbers, and that a failure says what to do."""
        whole = not (run.rejected or run.refused or run.unknown or run.unsent)
        assert (run.status == RunStatus.SUCCEEDED) <= whole
        if run.status == RunStatus.SUCCEEDED_WITH_ERRORS:
            assert not whole
            assert not run.unsent
        if run.status == RunStatus.FAILED:
            assert run.error["sentence"]
            assert run.error["resolution"]
        unsent = sum(
            batch.events - batch.accepted - batch.refused
            for batch in self.batches(run)
            if batch.status == BatchStatus.UNSENT
        )
        assert unsent == run.unsent
