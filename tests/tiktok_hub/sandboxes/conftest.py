"""Acme with a configuration of every kind, beside Globex, and sandboxes of both."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.conftest import person
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.sandboxes.promoting import Promotion, sandbox_promote
from tiktok_hub.sandboxes.services import sandbox_create
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import tenant_scope

TOKEN = "marker-token-1"  # noqa: S105 - what tests look for
ORDERS = """\
order,placed,mail,total
A-1,2026-01-01T10:00:00Z,ann@mail.example,19.90
A-2,2026-01-02T10:00:00Z,bo@mail.example,5
"""
DOCUMENT = """\
tenant: {slug: %(slug)s, name: %(name)s, time_zone: America/New_York, default_country: US}
credentials:
  - {name: events, type: tiktok-offline-events, access_token: %(token)s}
  - {name: ads, type: tiktok, access_token: %(token)s-ads}
datasets:
  - {name: orders, file: orders.csv, pii: [mail]}
queries:
  - {name: purchases, sql: "SELECT 'Purchase' AS event, placed AS timestamp, mail AS email FROM orders"}
  - {name: buyers, sql: "SELECT mail AS email FROM orders"}
  - {name: spare, sql: "SELECT mail AS email FROM orders"}
destinations:
  - {name: store, plugin: tiktok-ads-events, credential: events,
     settings: {advertiser_id: "7654321098765432109", event_source: offline}}
  - {name: people, plugin: tiktok-ads, credential: ads,
     settings: {advertiser_id: "7654321098765432109", user_id_types: [EMAIL], audience_name: Buyers}}
orchestrations:
  - {name: send, query: purchases, destination: store, settings: {event_source_id: "7654321098765432100"},
     schedule: {cron: "0 6 * * *"}}
  - {name: keep, query: buyers, destination: people}
"""


def configured(folder: Path, slug: str, name: str, token: str) -> Tenant:
    """Apply the document for a tenant."""
    (folder / "orders.csv").write_text(ORDERS)
    file = folder / f"{slug}.yaml"
    file.write_text(DOCUMENT % {"slug": slug, "name": name, "token": token})
    call_command("hub_apply", str(file), stdout=StringIO())
    return Tenant.objects.get(slug=slug)


@pytest.fixture
def production(acme, ada, bea, ben, rita, tmp_path) -> Tenant:
    """Acme with its people."""
    return configured(tmp_path, "acme", "Acme Retail", TOKEN)


@pytest.fixture
def other(globex, charlie, tmp_path) -> Tenant:
    """Globex with things of the same names."""
    return configured(tmp_path, "globex", "Globex", "globex-token")


@pytest.fixture
def admin(production, ada, membership_in) -> Membership:
    """Ada, administrator of Acme."""
    return membership_in(ada, production)


@pytest.fixture
def sandbox(production, other, admin) -> Sandbox:
    """A sandbox of Acme, without rows and tokens."""
    return sandbox_create(production=production, name="test", membership=admin)


@pytest.fixture
def promote(sandbox, admin) -> Callable[..., Promotion]:
    """Promote the sandbox as Ada."""

    def go(**options: Any) -> Promotion:
        return sandbox_promote(**{"sandbox": sandbox, "membership": admin, "message": "Try it", **options})

    return go


@pytest.fixture
def deputy(production) -> Callable[..., User]:
    """Make somebody of Acme who may administer sandboxes, by the option."""

    def make(policy: Policy, **options: bool) -> User:
        return person(production, "dora@acme.example", policy, allow_sandbox_administration=True, **options)

    return make


def edit(tenant: Tenant, model: Any, name: str, **fields: Any) -> None:
    """Change one thing of a tenant."""
    with tenant_scope(tenant):
        row = model.objects.get(name=name)
        for field, value in fields.items():
            setattr(row, field, value)
        row.save()


def get(tenant: Tenant, model: Any, name: str) -> Any:
    """Return one thing of a tenant, None where it is not there."""
    with tenant_scope(tenant):
        return model.objects.filter(name=name).first()
