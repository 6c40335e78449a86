"""Open a tenant for a unit of work: everything that queries tenant-owned rows does so inside `tenant_scope`.

Outside of it the scoped managers raise `django_scopes.exceptions.ScopeError`, so that a forgotten filter is an error
and not a leak; the database holds to the same scope (`tiktok_hub.tenancy.wall`). Middleware opens it for a request,
TenantTask for a task, commands for themselves. It is carried by a context variable: a new thread begins with nothing
opened.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django_scopes import get_scope, scope

if TYPE_CHECKING:
    from tiktok_hub.tenancy.models import Tenant


@dataclass(frozen=True, slots=True)
class Opened:
    """Whose rows may be read and written: one tenant's, everybody's, or (neither set) nobody's."""

    tenant_id: int | None = None
    all: bool = False

    def admits(self, tenant_id: int | None) -> bool:
        """Say whether a row of this tenant (None: of the installation) may be read and written."""
        return self.all or (tenant_id is not None and tenant_id == self.tenant_id)


@contextmanager
def tenant_scope(tenant: "Tenant") -> Iterator["Tenant"]:
    """Make `tenant` the one whose rows can be read and written until the block ends. Raise ValueError if unsaved."""
    if tenant.pk is None:
        raise ValueError("A tenant that is not stored owns nothing that could be opened.")
    with scope(tenant=tenant, _enabled=True):
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


def opened() -> Opened:
    """Return what is opened at this moment, as the database is told."""
    present = get_scope()
    if not present.get("_enabled", True):
        return Opened(all=True)
    tenant: Tenant | None = present.get("tenant")
    return Opened(tenant.pk if tenant is not None else None)
