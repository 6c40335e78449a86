"""Sandbox: what production knows of a tenant that was made from it."""

from django.db import models

from tiktok_hub.tenancy.models import Tenant, TenantModel, User


class Sandbox(TenantModel):
    """A sandbox of the tenant that owns this row; `twin` is the sandbox itself, a tenant with `sandbox_of` set.

    `base` is the configuration in which the two last were equal, item by item, in the plain form of snapshots: against
    it one sees which of the two has changed since. `rows` is how many rows of each dataset were copied.
    """

    twin = models.OneToOneField(Tenant, models.CASCADE, primary_key=True, related_name="sandbox", editable=False)
    base = models.JSONField(default=dict, editable=False)
    rows = models.PositiveIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    pulled_at = models.DateTimeField(null=True, editable=False)
    promoted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("created_at",)
        verbose_name_plural = "sandboxes"
        default_permissions = ()

    def __str__(self) -> str:
        return self.twin.name

    @property
    def production(self) -> Tenant:
        """Return the tenant that the sandbox was made from."""
        return self.tenant
