"""Audiences as runs leave them, made without running anything: a state, a run that kept it, and TikTok's own part."""

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from destinations.choices import CredentialStatus, CredentialType
from destinations.models import Credential, Destination
from destinations.preparation.contract import ID_TYPES, PLACED_IDS_SCHEMA
from orchestrations.audiences.states import state_store
from orchestrations.choices import QueryStatus, RunStage, RunStatus
from orchestrations.models import Audience, Batch, Orchestration, Query, Run, RunAudience
from orchestrations.runs.spool import workdir
from tests.orchestrations.conftest import ACCOUNTS
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

Id = tuple[str, str, int, bool]
"""One id of a state: type, value (its digest is what counts), person, sure."""

GET = "dmp/custom_audience/get/"


def digest(value: str) -> bytes:
    """Hash a value as it is."""
    return hashlib.sha256(value.encode()).digest()


def people(count: int, start: int = 0) -> list[Id]:
    """Make people with an e-mail address each, all sure."""
    return [("EMAIL", f"person{index}@mail.example", index, True) for index in range(start, start + count)]


def orchestration_made(tenant: Tenant, name: str = "members", **access: bool) -> Orchestration:
    """Make an orchestration that keeps an audience of that name."""
    token, advertiser, _ = ACCOUNTS[tenant.slug]
    credential, _ = Credential.objects.get_or_create(
        tenant=tenant, name="audiences", type=CredentialType.AUDIENCES,
        defaults={"access_token": token, "status": CredentialStatus.AUTHORISED},
    )  # fmt: skip
    query, _ = Query.objects.get_or_create(tenant=tenant, name="members", sql="SELECT 1", status=QueryStatus.ACTIVE)
    settings = {"advertiser_id": advertiser, "user_id_types": ["EMAIL"], "transport": "streaming"}
    destination = Destination.objects.create(
        tenant=tenant, name=f"{name}-ads", plugin="tiktok-ads", credential=credential, settings=settings, **access
    )
    return Orchestration.objects.create(
        tenant=tenant, name=f"{name}-daily", query=query, destination=destination, settings={"audience_name": name}
    )


def run_made(audience: Audience, orchestration: Orchestration, **fields: Any) -> RunAudience:
    """Make a run that has kept an audience."""
    values = {
        "status": RunStatus.SUCCEEDED, "stage": RunStage.FINISHED, "finished_at": timezone.now() - timedelta(hours=1),
        "credential": orchestration.destination.credential, **fields,
    }  # fmt: skip
    run = Run.objects.create(tenant=audience.tenant, orchestration=orchestration, **values)
    return RunAudience.objects.create(
        tenant=audience.tenant, run=run, audience=audience, number=1, added=audience.people, after=audience.people,
        folded=run.stage == RunStage.FINISHED,
    )  # fmt: skip


def audience_made(
    tenant: Tenant,
    ids: Iterable[Id] = (),
    *,
    name: str = "members",
    access: dict[str, bool] | None = None,
    **fields: Any,
) -> Audience:
    """Make an audience that TikTok was told these ids for an hour ago, kept by one run, due to be read."""
    values = {"state_at": timezone.now() - timedelta(hours=1), "next_reading_at": timezone.now(), **fields}
    with tenant_scope(tenant):
        orchestration = orchestration_made(tenant, name, **(access or {}))
        audience = Audience.objects.create(
            tenant=tenant, advertiser_id=ACCOUNTS[tenant.slug][1], name=name, transport="streaming", **values
        )
        state_give(audience, list(ids))
        run_made(audience, orchestration)
    return audience


def state_give(audience: Audience, ids: list[Id]) -> None:
    """Store a state and count it in the database; nothing for no ids."""
    if not ids:
        return
    rows = [{"kind": ID_TYPES.index(kind), "digest": digest(value), "person": who, "sure": sure}
            for kind, value, who, sure in ids]  # fmt: skip
    table_give(audience, pa.Table.from_pylist(rows, schema=STATE))
    kinds = [kind for kind, *_ in ids]
    audience.people = len({who for _, _, who, _ in ids})
    audience.ids = {kind: kinds.count(kind) for kind in ID_TYPES if kind in kinds}
    audience.unsure = sum(not sure for *_, sure in ids)
    audience.state_of = audience.audience_id
    audience.save()


STATE = pa.schema([("kind", pa.uint8()), ("digest", pa.binary()), ("person", pa.uint64()), ("sure", pa.bool_())])


def table_give(audience: Audience, table: pa.Table) -> None:
    """Store any table as an audience's state."""
    with workdir() as folder:
        file = Path(folder) / "state.parquet"
        pq.write_table(table, file)
        audience.state_path = state_store(audience, file)
    audience.save(update_fields=["state_path"])


def state_held(audience: Audience) -> dict[tuple[str, bytes], bool]:
    """Return what an audience's state holds: (type, digest) → sure."""
    with tenant_scope(audience.tenant):
        audience.refresh_from_db()
    if not audience.state_path:
        return {}
    rows = duckdb.read_parquet(default_storage.path(audience.state_path)).fetchall()
    return {(ID_TYPES[kind], bytes(value)): sure for kind, value, _, sure in rows}


def batch_made(target: RunAudience, number: int, action: str, ids: list[Id]) -> None:
    """Give a run one request more that TikTok accepted, with its ids in the spool."""
    Batch.objects.create(
        tenant=target.tenant, run=target.run, target=target, number=number, kind="apply", action=action,
        events=len(ids), accepted=len(ids), status="accepted",
    )  # fmt: skip
    rows = [
        {"batch": number, "position": at, "kind": ID_TYPES.index(kind), "digest": digest(value), "person": who}
        for at, (kind, value, who, _) in enumerate(ids)
    ]
    with workdir() as folder:
        file = Path(folder) / "ids.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=PLACED_IDS_SCHEMA), file)
        default_storage.save(f"{target.run.spool}/ids.parquet", ContentFile(file.read_bytes()))


class TikTok:
    """TikTok's side, over its API and the emulator's own."""

    def __init__(self, emulator: Any, tenant: Tenant) -> None:
        self.emulator = emulator
        self.token, self.advertiser, _ = ACCOUNTS[tenant.slug]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call an endpoint that must succeed."""
        headers = {"Access-Token": self.token}
        answer = requests.post(f"{self.emulator.api_url}{path}", json=body, headers=headers, timeout=10).json()
        assert answer["code"] == 0, answer
        return dict(answer["data"])

    def steer(self, path: str, body: Any) -> None:
        """Call the emulator's own control."""
        requests.post(f"{self.emulator.url}/_emulator/{path}", json=body, timeout=10).raise_for_status()

    def streamed(self, count: int, name: str = "members") -> str:
        """Make a Partner audience of so many people and return its id."""
        body = {"advertiser_id": self.advertiser, "action": "create", "custom_audience_name": name}
        audience_id = str(self.post("segment/audience/", body)["audience_id"])
        rows = [[{"id": digest(value).hex(), "audience_ids": [audience_id]}] for _, value, _, _ in people(count)]
        mapping = {"advertiser_ids": [self.advertiser], "action": "add", "id_schema": ["EMAIL_SHA256"]}
        self.post("segment/mapping/", {**mapping, "batch_data": rows})
        return audience_id

    def filed(self, count: int, name: str = "members") -> str:
        """Make a Customer File audience of so many people and return its id."""
        content = "".join(f"{digest(value).hex()}\n" for _, value, _, _ in people(count)).encode()
        fields = {"advertiser_id": self.advertiser, "calculate_type": "EMAIL_SHA256",
                  "file_signature": hashlib.md5(content, usedforsecurity=False).hexdigest()}  # fmt: skip
        answer = requests.post(
            f"{self.emulator.api_url}dmp/custom_audience/file/upload/", data=fields,
            files={"file": ("people.csv", content)}, headers={"Access-Token": self.token}, timeout=10,
        ).json()  # fmt: skip
        body = {"advertiser_id": self.advertiser, "custom_audience_name": name, "calculate_type": "EMAIL_SHA256",
                "file_paths": [answer["data"]["file_path"]]}  # fmt: skip
        return str(self.post("dmp/custom_audience/create/", body)["custom_audience_id"])

    def later(self, days: float = 2) -> None:
        """Let time pass at TikTok, so that sizes show."""
        self.steer("clock", {"advance": days * 86_400})

    def asked(self, path: str = GET) -> int:
        """Return how often an endpoint was called."""
        url = f"{self.emulator.url}/_emulator/requests"
        found = requests.get(url, params={"path": path}, timeout=10).json()["requests"]
        return sum(row["path"].strip("/").endswith(path.strip("/")) for row in found)
