"""A log with some entries at two tenants."""

import pytest

from tiktok_hub.audit.chain import chain_seal, chains_seal
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry, Seal
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import hub_scope


def records(tenant: Tenant | None) -> list[Entry]:
    """Return the entries of a chain in its order."""
    with hub_scope():
        seals = Seal.objects.filter(chain=tenant.pk if tenant else 0).select_related("entry").order_by("number")
        return [seal.entry for seal in seals]


@pytest.fixture
def log(acme, globex) -> list[Entry]:
    """Six sealed entries at Acme, the first of which is its own making, beside others at Globex."""
    for number in range(1, 6):
        for tenant in (acme, globex):
            changes = [{"field": "name", "old": None, "new": f"x{number}"}]
            audit_record(Action.RUN_STARTED, name=f"run {number}", tenant=tenant, changes=changes)
    chains_seal()
    assert chain_seal(acme.pk) == 0
    return records(acme)
