"""What a schedule starts, so that schedules of orchestrations and of groups are carried out by the same rules."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Q
from django.utils import timezone

from orchestrations.choices import RunStatus, RunTrigger
from orchestrations.groups.services import group_active, group_run_start
from orchestrations.models import GroupRun, Orchestration, OrchestrationGroup, Run, Schedule
from orchestrations.runs.finishing import local_error
from orchestrations.runs.refusals import REFUSED, run_record
from orchestrations.runs.services import run_active, run_start
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.models import Membership


@dataclass(frozen=True, slots=True)
class Due:
    """A slot whose turn it is; `after` is the run that ended then, where the schedule follows another orchestration."""

    slot: datetime
    after: Run | None = None

    @property
    def place(self) -> dict[str, Any]:
        """Return what a run keeps of it."""
        return {"slot": self.slot, "after": self.after}

    @property
    def same(self) -> Q:
        """Return the condition for runs that were started for it."""
        return Q(slot=self.slot) | Q(after=self.after) if self.after else Q(slot=self.slot)


class Starter(Protocol):
    """What can be started by a schedule."""

    @property
    def enabled(self) -> bool:
        """Say whether it may run at all."""

    def lock(self) -> None:
        """Hold its row, so that one at a time looks at its schedule."""

    def taken(self, due: Due) -> bool:
        """Say whether this was started, or left out, already."""

    def active(self) -> str:
        """Name the run that keeps another from starting; empty where there is none."""

    def start(self, due: Due, membership: Membership) -> Run | GroupRun:
        """Start it; raise PermissionDenied or ValidationError as for a person."""

    def record(self, due: Due, status: RunStatus, resolution: str, sentence: str) -> None:
        """Put a run that never started among the others."""

    def was_refused(self) -> bool:
        """Say whether the slot before was refused too, so that its owner knows."""


class OrchestrationStarter:
    """Starts an orchestration."""

    def __init__(self, schedule: Schedule, orchestration: Orchestration) -> None:
        self.schedule = schedule
        self.orchestration = orchestration

    @property
    def enabled(self) -> bool:
        """Say whether it may run at all."""
        return self.orchestration.enabled

    def lock(self) -> None:
        """Hold its row."""
        Orchestration.objects.select_for_update().filter(pk=self.orchestration.pk).first()

    def taken(self, due: Due) -> bool:
        """Say whether there is a run of this slot, or one that follows the same."""
        return Run.objects.filter(due.same, orchestration=self.orchestration).exists()

    def active(self) -> str:
        """Name the run of it, or for its audience, that has not ended."""
        active = run_active(self.orchestration)
        return f"Run {active.pk}" if active else ""

    def start(self, due: Due, membership: Membership) -> Run:
        """Start a run."""
        return run_start(
            orchestration=self.orchestration, membership=membership, trigger=RunTrigger.SCHEDULE, **due.place
        )

    def record(self, due: Due, status: RunStatus, resolution: str, sentence: str) -> None:
        """Put a run that never started among the others."""
        run_record(
            orchestration=self.orchestration, status=status, resolution=resolution, sentence=sentence,
            trigger=RunTrigger.SCHEDULE, started_by=self.schedule.set_by, **due.place,
        )  # fmt: skip

    def was_refused(self) -> bool:
        """Say whether its last scheduled run was refused."""
        last = Run.objects.filter(orchestration=self.orchestration, trigger=RunTrigger.SCHEDULE).first()
        return last is not None and last.error.get("resolution") == REFUSED


class GroupStarter:
    """Starts a group."""

    def __init__(self, schedule: Schedule, group: OrchestrationGroup) -> None:
        self.schedule = schedule
        self.group = group

    @property
    def enabled(self) -> bool:
        """Say whether it may run at all."""
        return self.group.enabled

    def lock(self) -> None:
        """Hold its row."""
        OrchestrationGroup.objects.select_for_update().filter(pk=self.group.pk).first()

    def taken(self, due: Due) -> bool:
        """Say whether there is a group run of this slot, or one that follows the same."""
        return GroupRun.objects.filter(due.same, group=self.group).exists()

    def active(self) -> str:
        """Name the run of the group that has not ended."""
        active = group_active(self.group)
        return f"Run {active.pk} of the group" if active else ""

    def start(self, due: Due, membership: Membership) -> GroupRun:
        """Begin a group run."""
        return group_run_start(group=self.group, membership=membership, trigger=RunTrigger.SCHEDULE, **due.place)

    def record(self, due: Due, status: RunStatus, resolution: str, sentence: str) -> None:
        """Put a group run that never began among the others."""
        group_run = GroupRun.objects.create(
            tenant=self.group.tenant, group=self.group, status=status, trigger=RunTrigger.SCHEDULE,
            started_by=self.schedule.set_by, order=self.group.order, on_failure=self.group.on_failure,
            finished_at=timezone.now(), error=local_error(resolution, sentence), **due.place,
        )  # fmt: skip
        if resolution == REFUSED:
            changes = [{"field": "reason", "old": None, "new": sentence}]
            audit_record(Action.GROUP_REFUSED, group_run, changes=changes)

    def was_refused(self) -> bool:
        """Say whether its last scheduled run was refused."""
        last = GroupRun.objects.filter(group=self.group, trigger=RunTrigger.SCHEDULE).first()
        return last is not None and last.error.get("resolution") == REFUSED


def starter_of(schedule: Schedule) -> Starter:
    """Return what carries a schedule out."""
    thing = schedule.of
    if isinstance(thing, Orchestration):
        return OrchestrationStarter(schedule, thing)
    return GroupStarter(schedule, thing)
