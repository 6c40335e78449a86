"""RetentionReport: what one night's retention deleted in a tenant, and what it kept although it is old."""

from typing import Any

from django.db import models
from django.utils import timezone

from orchestrations.choices import RetentionKept, RetentionKind
from tiktok_hub.tenancy.models import TenantModel


class RetentionReport(TenantModel):
    """What was deleted in one night because it had been kept long enough.

    `deleted` is kind → `{"count", "bytes"}`; `kept` is reason → `{"count", "runs"}` with the numbers of some of the
    runs. `seconds` is the time spent, over all passes of the night; `faults` counts files that could not be deleted.
    A report without `finished_at` is of a night that was interrupted: the next one goes on. `working_until` is the
    promise of the process that is at work to be alive.
    """

    night = models.DateField()
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    working_until = models.DateTimeField(null=True)
    seconds = models.FloatField(default=0)
    deleted = models.JSONField(default=dict)
    kept = models.JSONField(default=dict)
    faults = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("-night",)
        constraints = [models.UniqueConstraint(fields=["tenant", "night"], name="retention_report_once_a_night")]

    def __str__(self) -> str:
        return f"Retention of {self.night}"

    @property
    def bytes(self) -> int:
        """Return how many bytes of storage became free."""
        return sum(amount["bytes"] for amount in self.deleted.values())

    @property
    def things(self) -> int:
        """Return how many files and rows were deleted."""
        return sum(amount["count"] for amount in self.deleted.values())

    @property
    def deleted_lines(self) -> list[dict[str, Any]]:
        """Return what was deleted as pages and commands list it: `label`, `unit`, `count`, `bytes`."""
        return [
            {"kind": kind.value, "label": kind.label, **self.deleted[kind.value]}
            for kind in RetentionKind
            if kind.value in self.deleted
        ]

    @property
    def kept_lines(self) -> list[dict[str, Any]]:
        """Return what was kept although it is old, as pages and commands list it: `label`, `count`, `runs`."""
        return [
            {"reason": reason.value, "label": reason.label, **self.kept[reason.value]}
            for reason in RetentionKept
            if reason.value in self.kept
        ]
