"""Audiences that are really kept: people, a query over them, a destination, and TikTok's own sets to compare."""

import hashlib
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests

from destinations.choices import CredentialStatus
from destinations.emulator.server import EmulatorServer
from destinations.models import Credential, Destination
from orchestrations.choices import QueryStatus, RunPurpose, RunStage, RunStatus, RunTrigger
from orchestrations.datasets import dataset_load
from orchestrations.models import Audience, Orchestration, Query, Run, RunAudience
from orchestrations.queries import query_save
from orchestrations.runs.delivery import run_deliver
from orchestrations.runs.preparing import run_prepare
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_cancel, run_release, run_start
from tests.orchestrations.conftest import ACCOUNTS, rows_write
from tiktok_hub.tenancy.models import Membership, Tenant
from tiktok_hub.tenancy.scope import tenant_scope

Person = dict[str, str]
Sets = dict[str, set[str]]
FIELDS = ("sync_mode", "max_removal_percent", "when_deleted")


def digest(text: str) -> str:
    """Hash what a person is known by, written down here as TikTok's rules say."""
    return hashlib.sha256(text.encode()).hexdigest()


def people(numbers: Iterable[int], *, phones: bool = True) -> list[Person]:
    """Make people with an e-mail address and, if wanted, a phone."""
    return [{"email": f"person{n}@mail.example", "phone": f"+1212555{n:04d}" if phones else ""} for n in numbers]


def ids_of(rows: Iterable[Person]) -> Sets:
    """Return the sets of ids that TikTok has to hold for people whose addresses are clean."""
    found: Sets = {"EMAIL_SHA256": set(), "PHONE_SHA256": set()}
    for row in rows:
        for column, kind in (("email", "EMAIL_SHA256"), ("phone", "PHONE_SHA256")):
            if row.get(column):
                found[kind].add(digest(row[column]))
    return {kind: ids for kind, ids in found.items() if ids}


class Keeper:
    """One tenant that keeps an audience equal to a list of people, and TikTok, which it is kept at."""

    def __init__(self, membership: Membership, emulator: EmulatorServer, folder: Path) -> None:
        self.membership = membership
        self.tenant: Tenant = membership.tenant
        self.emulator = emulator
        self.url = emulator.url.rstrip("/")
        self.folder = folder
        self.token, self.advertiser, _ = ACCOUNTS[self.tenant.slug]
        self.orchestration: Orchestration

    def scope(self) -> AbstractContextManager[Tenant]:
        """Open the tenant."""
        return tenant_scope(self.tenant)

    def set_up(self, rows: list[Person], name: str = "buyers", **options: Any) -> Orchestration:
        """Configure everything; `options` are settings, or fields of the orchestration."""
        own = {"tenant": self.tenant}
        fields = {key: options.pop(key) for key in FIELDS if key in options}
        with tenant_scope(self.tenant):
            self.people(rows)
            query = query_save(query=Query(**own, name=name, sql="SELECT * FROM people", status=QueryStatus.ACTIVE))
            credential, _ = Credential.objects.get_or_create(
                **own, name="tiktok", type="tiktok", status=CredentialStatus.AUTHORISED,
                defaults={"access_token": self.token},
            )  # fmt: skip
            settings = {
                "advertiser_id": self.advertiser,
                "user_id_types": ["EMAIL", "PHONE"],
                "people_per_request": 3,
                **options,
            }
            if "advertiser_ids" in settings:
                del settings["advertiser_id"]
            destination = Destination.objects.create(
                **own, name=name, plugin="tiktok-ads", credential=credential, settings=settings
            )
            self.orchestration = Orchestration.objects.create(
                **own, name=name, query=query, destination=destination, settings={"audience_name": name},
                **{"max_removal_percent": 100, **fields},
            )  # fmt: skip
        return self.orchestration

    def people(self, rows: list[Person]) -> None:
        """Change the list of people."""
        file = rows_write(self.folder / f"{self.tenant.slug}.csv", rows or [{"email": "", "phone": ""}])
        with tenant_scope(self.tenant):
            dataset_load(tenant=self.tenant, name="people", file=file, filename="people.csv")

    def start(self, *, purpose: RunPurpose = RunPurpose.DELIVER, sample: int | None = None) -> Run:
        """Queue a run."""
        with tenant_scope(self.tenant):
            orchestration = Orchestration.objects.get(pk=self.orchestration.pk)
            return run_start(
                orchestration=orchestration, membership=self.membership, trigger=RunTrigger.COMMAND,
                purpose=purpose, sample=sample,
            )  # fmt: skip

    def carry(self, run: Run, seconds: float = 60) -> Run:
        """Do what workers and the sweeper do, until the run has ended or is held."""
        until = time.monotonic() + seconds
        with tenant_scope(self.tenant):
            while time.monotonic() < until:
                run.refresh_from_db()
                if run.is_finished or run.status == RunStatus.HELD:
                    return run
                if run.stage != RunStage.DELIVERING:
                    run_prepare(run.pk)
                else:
                    run_deliver(run.pk)
                time.sleep(0.01)
        raise AssertionError(f"run {run.pk} is still {run.stage} after {seconds} s")

    def begin(self, run: Run) -> None:
        """Prepare a run and let one worker send until nothing is due."""
        with tenant_scope(self.tenant):
            run_prepare(run.pk)
            run_deliver(run.pk)

    def run(self, **options: Any) -> Run:
        """Start a run and carry it through."""
        return self.carry(self.start(**options))

    def plan(self) -> Run:
        """Plan a run."""
        return self.run(purpose=RunPurpose.PLAN)

    def release(self, run: Run, membership: Membership | None = None) -> Run:
        """Release a held run and carry it through."""
        with tenant_scope(self.tenant):
            released = run_release(run=run, membership=membership or self.membership)
        return self.carry(released)

    def cancel(self, run: Run) -> Run:
        """End a run."""
        with tenant_scope(self.tenant):
            return run_cancel(run=run)

    def retry(self, run: Run) -> Run:
        """Retry a run and carry it through."""
        with tenant_scope(self.tenant):
            retried = run_retry(run=run, membership=self.membership)
        return self.carry(retried)

    def audience(self, advertiser: str = "") -> Audience:
        """Return the audience as the database has it."""
        with tenant_scope(self.tenant):
            return Audience.objects.get(advertiser_id=advertiser or self.advertiser)

    def control(self, call: str, body: Any = None, **params: str) -> Any:
        """Ask the emulator, or steer it."""
        address = f"{self.url}/_emulator/{call}"
        posts = body is not None
        answer = requests.post(address, json=body, timeout=10) if posts else requests.get(address, params, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def target(self, run: Run) -> RunAudience:
        """Return what a run meant for the one audience it was for."""
        with tenant_scope(self.tenant):
            return RunAudience.objects.get(run=run)

    def audiences(self, advertiser: str = "") -> list[dict[str, Any]]:
        """Return the audiences that the ad account has at TikTok."""
        return list(self.control("audiences", advertiser_id=advertiser or self.advertiser)["audiences"])

    def held(self, advertiser: str = "") -> Sets:
        """Return the ids that TikTok holds in the ad account's one audience."""
        [audience] = self.audiences(advertiser)
        ids = self.control("members", audience_id=audience["audience_id"])["ids"]
        return {kind: set(values) for kind, values in ids.items() if values}

    def sent(self, path: str = "/segment/mapping/") -> list[dict[str, Any]]:
        """Return the requests that reached an endpoint, oldest first."""
        return list(reversed(self.control("requests", path=path)["requests"]))

    def mark(self) -> None:
        """Begin to watch what reaches TikTok."""
        self.marked = len(self.control("requests")["requests"])

    def since_mark(self) -> list[dict[str, Any]]:
        """Return what reached TikTok since, oldest first."""
        return list(reversed(self.control("requests")["requests"]))[self.marked :]

    def faults_end(self) -> None:
        """Let TikTok do everything right again."""
        requests.delete(f"{self.url}/_emulator/faults", timeout=10).raise_for_status()

    def fault(self, action: dict[str, Any], path: str = "/segment/mapping/", **more: Any) -> None:
        """Let TikTok do something wrong."""
        match = {"path": path, "token": self.token, **more.pop("match", {})}
        self.control("faults", {"match": match, "action": action, **more})


@pytest.fixture(autouse=True)
def _quick_streams(monkeypatch):
    """Stream faster than we would at TikTok."""
    monkeypatch.setattr("destinations.tiktok.limits.buckets.SEGMENT_QPS", 1000.0)


@pytest.fixture
def keeper_of(transactional_db, membership_in, emulator, tmp_path) -> Callable[..., Keeper]:
    """Make a keeper of a member's tenant."""

    def make(user: Any, tenant: Tenant) -> Keeper:
        return Keeper(membership_in(user, tenant), emulator, tmp_path)

    return make


@pytest.fixture
def keeper(keeper_of, ada, acme) -> Keeper:
    """Acme's audience, kept by Ada."""
    return keeper_of(ada, acme)
