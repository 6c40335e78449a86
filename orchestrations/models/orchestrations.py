"""Orchestration and Schedule: what goes where, and when."""

from datetime import datetime
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from destinations.models import Destination
from orchestrations.choices import AudienceDeleted, MissedRuns, ScheduleKind, ScheduleOverlap, SyncMode
from orchestrations.models.datasets import Query
from orchestrations.schedules import EXPRESSION_LONGEST, Cron, Interval, Rule
from tiktok_hub.tenancy.models import Tenant, TenantModel, User, time_zone_validate
from tiktok_hub.tenancy.scope import current_tenant

AUDIENCE_NAME_LONGEST = 70  # characters, TikTok's limit


class Orchestration(TenantModel):
    """An active query that goes to a destination, with the settings that are required at orchestration.

    `settings` overrides, for this orchestration, those settings of the destination that may wait until here.
    `sync_mode`, `max_removal_percent` and `when_deleted` matter where the destination keeps an audience; `sync_mode` is
    blank elsewhere.
    """

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    query = models.ForeignKey(Query, models.PROTECT, related_name="orchestrations")
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


class Schedule(TenantModel):
    """When an orchestration runs by itself; an orchestration without one runs when somebody starts it.

    `cron` or `every_minutes` holds, as `kind` says; intervals count from `anchor`. `next_slot` is the next moment at
    which a run is due, `waiting_slot` one that was due while another run was not finished. Runs start on behalf of
    `set_by`, whose membership is asked again every time.
    """

    orchestration = models.OneToOneField(Orchestration, models.CASCADE, related_name="schedule")
    kind = models.CharField(max_length=20, choices=ScheduleKind.choices)
    cron = models.CharField(max_length=EXPRESSION_LONGEST, blank=True)
    every_minutes = models.PositiveIntegerField(null=True, blank=True)
    anchor = models.DateTimeField()
    time_zone = models.CharField(max_length=64, validators=[time_zone_validate])
    overlap = models.CharField(max_length=20, choices=ScheduleOverlap.choices, default=ScheduleOverlap.SKIP)
    missed = models.CharField(max_length=20, choices=MissedRuns.choices, default=MissedRuns.ONCE)
    enabled = models.BooleanField(default=True)
    next_slot = models.DateTimeField(null=True, editable=False)
    waiting_slot = models.DateTimeField(null=True, editable=False)
    set_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    set_at = models.DateTimeField(editable=False)

    audited = ("kind", "cron", "every_minutes", "time_zone", "overlap", "missed", "enabled", "set_by")

    class Meta:
        ordering = ("next_slot", "pk")
        indexes = [models.Index(fields=["next_slot"], name="schedule_by_next_slot")]

    def __str__(self) -> str:
        return f"Schedule of {self.orchestration}"

    @property
    def rule(self) -> Rule:
        """Return the rule that says when runs are due."""
        if self.kind == ScheduleKind.CRON:
            return Cron(self.cron, self.time_zone)
        return Interval(self.every_minutes or 0, self.anchor, self.time_zone)

    @property
    def would_run_at(self) -> datetime | None:
        """Return when it would be due next by its rule: in a sandbox, where `next_slot` stands still."""
        return self.rule.next(timezone.now())
