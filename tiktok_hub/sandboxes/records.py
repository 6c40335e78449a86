"""Put what happens to sandboxes into the audit logs of both tenants."""

from collections.abc import Iterable
from typing import Any

from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.configuration.differ import Change
from tiktok_hub.configuration.schema import BY_NAME
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.tenancy.models import User
from tiktok_hub.tenancy.scope import tenant_scope

Record = dict[str, Any]


def change_records(changes: Iterable[Change]) -> list[Record]:
    """Return changes as the log keeps them: one line per field, secrets as dots."""
    records = []
    for change in changes:
        start = f"{BY_NAME[change.section].noun} {change.name}"
        if change.kind != "changed":
            records.append({"field": start, "old": None, "new": change.kind})
        records += [{**each.as_record(), "field": f"{start}: {each.field}"} for each in change.fields]
    return records


def both_record(action: Action, sandbox: Sandbox, records: list[Record], *, user: User) -> None:
    """Note something in the log of production and in that of the sandbox."""
    for tenant in (sandbox.production, sandbox.twin):
        with tenant_scope(tenant):
            audit_record(action, sandbox, changes=records, user=user, tenant=tenant, name=sandbox.twin.name)
