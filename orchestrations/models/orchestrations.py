"""Orchestration: what goes where."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from destinations.models import Destination
from orchestrations.choices import AudienceDeleted, SyncMode
from orchestrations.models.datasets import Query
from tiktok_hub.tenancy.models import Tenant, TenantModel, User
from tiktok_hub.tenancy.scope import current_tenant

AUDIENCE_NAME_LONGEST = 70  # characters, TikTok's limit


class Orchestration(TenantModel):
    """An active query that goes to a destination, with the settings that are required at orchestration.

    One without a query has a `stream` instead, from which its rows come.

    `settings` overrides, for this orchestration, those settings of the destination that may wait until here.
    `sync_mode`, `max_removal_percent` and `when_deleted` matter where the destination keeps an audience; `sync_mode` is
    blank elsewhere.
    """

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    query = models.ForeignKey(Query, models.PROTECT, null=True, related_name="orchestrations")
    destination = models.ForeignKey(Destination, models.PROTECT, related_name="orchestrations")
    settings = models.JSONField(default=dict, blank=True)
    sync_mode = models.CharField(
        max_length=20,
        choices=SyncMode.choices,
        blank=True,
        help_text="How the audience follows the query. Only for destinations that keep an audience.",
    )
    max_removal_percent = models.PositiveSmallIntegerField(
        "hold when more than, % are removed",
        default=30,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="A run that would remove a larger share of the audience waits until somebody releases it.",
    )
    when_deleted = models.CharField(
        "when the audience was deleted at TikTok",
        max_length=20,
        choices=AudienceDeleted.choices,
        default=AudienceDeleted.RECREATE,
    )
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    audited = (
        *("name", "description", "query", "destination", "settings", "enabled"),
        *("sync_mode", "max_removal_percent", "when_deleted"),
    )

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="orchestration_name_once")]
        permissions = [("run_orchestration", "Can start, cancel and retry runs")]

    def __str__(self) -> str:
        return self.name

    @property
    def asked(self) -> Query:
        """Return the query of one that has no stream; raise TypeError for one that has."""
        if self.query is None:
            raise TypeError(f"The orchestration {self.pk} has a stream and no query.")
        return self.query

    @property
    def settings_merged(self) -> dict[str, Any]:
        """Return the destination's settings with the orchestration's own over them, as they hold in this tenant.

        In a sandbox the audience has a name of its own, so that nothing there reaches an audience of production.
        """
        merged = {**self.destination.settings, **self.settings}
        tenant = current_tenant() or self.destination.tenant
        if tenant.sandbox_of_id is not None and merged.get("audience_name"):
            merged["audience_name"] = sandbox_audience_name(str(merged["audience_name"]), tenant)
        return merged


def sandbox_audience_name(name: str, tenant: Tenant) -> str:
    """Return what an audience is called in a sandbox: production's name and the sandbox's short name."""
    end = f" [{tenant.slug}]"
    return f"{name[: AUDIENCE_NAME_LONGEST - len(end)].rstrip()}{end}"
