"""Base class of tasks that work inside a tenant."""

from typing import Any

from celery import Task

from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope


class TenantTask(Task):  # type: ignore[type-arg]
    """A task whose first argument is the tenant's id: it is opened before the body runs.

    Arguments are ids only, never values of rows or secrets: they are kept by the broker and printed by tools. A
    tenant that is gone has no work: the task ends silently.
    """

    def __call__(self, tenant_id: int, *args: Any, **kwargs: Any) -> Any:
        """Run the body inside the tenant."""
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            return None
        with tenant_scope(tenant):
            return super().__call__(tenant_id, *args, **kwargs)
