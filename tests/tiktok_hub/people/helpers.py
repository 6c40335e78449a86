"""What tests about people do again and again."""

from typing import Any

from django.test import Client

from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.models import Tenant, User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope


def log_in(client: Client, user: User, wanted: str = "", password: str = "password") -> Any:
    """Give e-mail and password at the log-in page."""
    address = f"/login/?next={wanted}" if wanted else "/login/"
    return client.post(address, {"username": user.email, "password": password})


def entries(tenant: Tenant | None, action: Action) -> list[Entry]:
    """Return what stands in a tenant's log, or the installation's, about an action."""
    with tenant_scope(tenant) if tenant else hub_scope():
        return list(Entry.objects.filter(tenant=tenant, action=action))
