"""OrchestrationGroup, GroupMember and GroupRun: orchestrations that run as a unit, and one execution of it."""

from typing import Any

from django.db import models

from orchestrations.choices import GroupFailure, GroupOrder, RunStatus, RunTrigger
from orchestrations.models.orchestrations import Orchestration
from tiktok_hub.tenancy.models import TenantModel, User


class OrchestrationGroup(TenantModel):
    """Orchestrations that run as a unit: one after another in their order, or all at once.

    `on_failure` says, of those that run one after another, whether the others still run when one has failed.
    """

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    order = models.CharField(max_length=20, choices=GroupOrder.choices, default=GroupOrder.SEQUENCE)
    on_failure = models.CharField(
        "when one fails", max_length=20, choices=GroupFailure.choices, default=GroupFailure.STOP
    )
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    audited = ("name", "description", "order", "on_failure", "enabled")

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="group_name_once")]
        permissions = [("run_orchestrationgroup", "Can start and cancel runs of groups")]

    def __str__(self) -> str:
        return self.name


class GroupMember(TenantModel):
    """An orchestration's place in a group; `position` counts from 1."""

    group = models.ForeignKey(OrchestrationGroup, models.CASCADE, related_name="members")
    orchestration = models.ForeignKey(Orchestration, models.RESTRICT, related_name="member_of")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("group", "position")
        constraints = [
            models.UniqueConstraint(fields=["group", "orchestration"], name="group_member_once"),
            models.UniqueConstraint(fields=["group", "position"], name="group_place_once"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.orchestration}"


class GroupRun(TenantModel):
    """One execution of a group, and the truth about how far it is.

    `order`, `on_failure` and `members` are the group's as they were at the start; `members` is a list of
    `{"orchestration": id, "name"}`. A member's run points here with its `position`, which counts from 1; a member
    without a run waits for its turn, or was not reached. `slot` is when a scheduled one was due, `after` the run that
    it follows: there is one for each. `error` says why it stopped or never began.
    """

    group = models.ForeignKey(OrchestrationGroup, models.CASCADE, related_name="group_runs")
    status = models.CharField(max_length=30, choices=RunStatus.choices, default=RunStatus.RUNNING)
    trigger = models.CharField(max_length=20, choices=RunTrigger.choices, default=RunTrigger.MANUAL)
    started_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    slot = models.DateTimeField(null=True)
    after = models.ForeignKey("orchestrations.Run", models.SET_NULL, null=True, related_name="followed_by_groups")
    order = models.CharField(max_length=20, choices=GroupOrder.choices)
    on_failure = models.CharField(max_length=20, choices=GroupFailure.choices)
    members: "models.JSONField[list[dict[str, Any]], list[dict[str, Any]]]" = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    error = models.JSONField(default=dict)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = "group run"
        indexes = [models.Index(fields=["tenant", "-created_at"], name="group_run_by_tenant")]
        constraints = [
            models.UniqueConstraint(fields=["group", "slot"], name="group_slot_once"),
            models.UniqueConstraint(fields=["group", "after"], name="group_after_once"),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk} of the group {self.group}"

    @property
    def is_finished(self) -> bool:
        """Say whether nothing will happen any more unless somebody asks for it."""
        return self.finished_at is not None

    @property
    def seconds(self) -> float | None:
        """Return how long it took, in seconds."""
        return (self.finished_at - self.created_at).total_seconds() if self.finished_at else None

    @property
    def starter(self) -> str:
        """Say who or what started it; a schedule with the person on whose behalf it did."""
        if self.trigger == RunTrigger.SCHEDULE and self.started_by:
            return f"{self.get_trigger_display()} ({self.started_by})"
        return str(self.started_by or self.get_trigger_display())
