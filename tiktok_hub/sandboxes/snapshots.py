"""What of a tenant's configuration is compared, copied and promoted: everything but people, tokens and data.

A snapshot has the form of `configuration.state`: section → name → fields. Of a dataset it keeps what is said about the
table, not its file; of the tenant what queries and destinations depend on, under production's short name.
"""

from typing import Any

from django.utils.crypto import salted_hmac

from orchestrations.models import Dataset
from tiktok_hub.configuration.state import Items, tenant_state
from tiktok_hub.crypto import Secret
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

Snapshot = dict[str, Items]
SALT = "tiktok_hub.sandboxes.snapshots"
TENANT_FIELDS = ("time_zone", "default_country")
LEFT_OUT = {"credentials": ("access_token",), "datasets": ("file", "sha256")}


def snapshot(tenant: Tenant) -> Snapshot:
    """Return a tenant's configuration as it is now; `columns` of a dataset are the names of its columns."""
    tenant = Tenant.objects.select_related("sandbox_of").get(pk=tenant.pk)
    state = tenant_state(tenant)
    found: Snapshot = {"tenant": {_production(tenant).slug: _tenant(tenant)}}
    for section in ("credentials", "datasets", "queries", "destinations", "orchestrations", "streams", "groups"):
        left_out = LEFT_OUT.get(section, ())
        found[section] = {name: _without(fields, left_out) for name, fields in state[section].items()}
    with tenant_scope(tenant):
        for dataset in Dataset.objects.all():
            found["datasets"][dataset.name]["columns"] = [column["name"] for column in dataset.columns]
    return found


def plain(value: Any) -> Any:
    """Return values as they can be kept: secrets as marks that tell two apart and give nothing away."""
    if isinstance(value, Secret):
        return f"secret:{salted_hmac(SALT, value.reveal(), algorithm='sha256').hexdigest()}"
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return value


def common(one: Snapshot, *others: Snapshot) -> Snapshot:
    """Return a snapshot as it is compared with others.

    Marks for personal data count for columns that all of the tables have: data does not travel, and so its columns do
    not.
    """
    datasets = {}
    for name, fields in one.get("datasets", {}).items():
        tables = [fields, *(each["datasets"][name] for each in others if name in each.get("datasets", {}))]
        pii = [column for column in fields["pii"] if all(column in table["columns"] for table in tables)]
        datasets[name] = {"description": fields["description"], "pii": pii}
    return {**one, "datasets": datasets}


def _tenant(tenant: Tenant) -> dict[str, Any]:
    return {name: getattr(tenant, name) for name in TENANT_FIELDS}


def _production(tenant: Tenant) -> Tenant:
    return tenant.sandbox_of or tenant


def _without(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
