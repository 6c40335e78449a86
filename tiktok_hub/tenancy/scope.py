"""Open a tenant for a unit of work: everything that queries tenant-owned rows does so inside `tenant_scope`.

Outside of it the scoped managers raise `django_scopes.exceptions.ScopeError`, so that a forgotten filter is an error
and not a leak. Middleware opens it for a request, TenantTask for a task, commands for themselves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django_scopes import get_scope, scope

if TYPE_CHECKING:
    from tiktok_hub.tenancy.models import Tenant


@contextmanager
def tenant_scope(tenant: "Tenant") -> Iterator["Tenant"]:
    """Make `tenant` the one whose rows can be read and written until the block ends."""
    with scope(tenant=tenant):
        yield tenant


@contextmanager
def hub_scope() -> Iterator[None]:
    """Make the rows of all tenants visible until the block ends: for work of the hub itself, never for a person's."""
    with scope(tenant=None, _enabled=False):
        yield


def current_tenant() -> "Tenant | None":
    """Return the opened tenant, or None outside any scope."""
    tenant: Tenant | None = get_scope().get("tenant")
    return tenant
