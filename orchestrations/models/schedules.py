"""Schedule: when an orchestration or a group runs by itself."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from orchestrations.choices import AfterEnds, MissedRuns, ScheduleKind, ScheduleOverlap
from orchestrations.models.groups import OrchestrationGroup
from orchestrations.models.orchestrations import Orchestration
from orchestrations.schedules.rules import EXPRESSION_LONGEST, After, Cron, Interval, Rule
from tiktok_hub.tenancy.models import TenantModel, User, time_zone_validate


class Schedule(TenantModel):
    """When an orchestration or a group runs by itself; one without a schedule runs when somebody starts it.

    `cron`, `every_minutes`, or `after` and `ends` hold, as `kind` says. Intervals count from `anchor`; what follows
    another orchestration follows those of its runs that end after `anchor`. `next_slot` is the next moment at which a
    run is due, `waiting_slot` one that was due while another run was not finished; a run that follows another was due
    when that one ended. Runs start on behalf of `set_by`, whose membership is asked again every time.
    """

    orchestration = models.OneToOneField(Orchestration, models.CASCADE, null=True, related_name="schedule")
    group = models.OneToOneField(OrchestrationGroup, models.CASCADE, null=True, related_name="schedule")
    kind = models.CharField(max_length=20, choices=ScheduleKind.choices)
    cron = models.CharField(max_length=EXPRESSION_LONGEST, blank=True)
    every_minutes = models.PositiveIntegerField(null=True, blank=True)
    after = models.ForeignKey(Orchestration, models.RESTRICT, null=True, blank=True, related_name="followed_by")
    ends = models.CharField(max_length=20, choices=AfterEnds.choices, blank=True)
    anchor = models.DateTimeField()
    time_zone = models.CharField(max_length=64, validators=[time_zone_validate])
    overlap = models.CharField(max_length=20, choices=ScheduleOverlap.choices, default=ScheduleOverlap.SKIP)
    missed = models.CharField(max_length=20, choices=MissedRuns.choices, default=MissedRuns.ONCE)
    enabled = models.BooleanField(default=True)
    next_slot = models.DateTimeField(null=True, editable=False)
    waiting_slot = models.DateTimeField(null=True, editable=False)
    set_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    set_at = models.DateTimeField(editable=False)

    audited = (
        *("kind", "cron", "every_minutes", "after", "ends", "time_zone"),
        *("overlap", "missed", "enabled", "set_by"),
    )

    class Meta:
        ordering = ("next_slot", "pk")
        indexes = [models.Index(fields=["next_slot"], name="schedule_by_next_slot")]
        constraints = [
            models.CheckConstraint(
                condition=Q(orchestration__isnull=True) ^ Q(group__isnull=True), name="schedule_of_one_thing"
            )
        ]

    def __str__(self) -> str:
        return f"Schedule of {self.of}"

    @property
    def of(self) -> Orchestration | OrchestrationGroup:
        """Return what it starts."""
        found = self.orchestration or self.group
        assert found is not None  # noqa: S101 - the database sees to it
        return found

    @property
    def rule(self) -> Rule:
        """Return the rule that says when runs are due."""
        if self.kind == ScheduleKind.CRON:
            return Cron(self.cron, self.time_zone)
        if self.kind == ScheduleKind.AFTER:
            return After(str(self.after), self.ends, self.time_zone)
        return Interval(self.every_minutes or 0, self.anchor, self.time_zone)

    @property
    def would_run_at(self) -> datetime | None:
        """Return when it would be due next by its rule: in a sandbox, where `next_slot` stands still."""
        return self.rule.next(timezone.now())
