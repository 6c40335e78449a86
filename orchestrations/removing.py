"""Delete orchestrations, once nothing needs them any more."""

from django.core.exceptions import ValidationError
from django.db import transaction

from orchestrations.choices import UNFINISHED_RUNS
from orchestrations.models import GroupMember, Orchestration, Run, Schedule
from orchestrations.runs.spool import Spool


def orchestration_use(orchestration: Orchestration) -> str:
    """Say which group or schedule still needs an orchestration; nothing where none does."""
    member = GroupMember.objects.filter(orchestration=orchestration).select_related("group").first()
    if member is not None:
        return f"“{orchestration}” is a member of the group “{member.group}”. Take it out of the group first."
    follower = Schedule.objects.filter(after=orchestration).select_related("orchestration", "group").first()
    if follower is not None:
        return f"“{follower.of}” runs after “{orchestration}”. Change its schedule first."
    return ""


def orchestration_delete(*, orchestration: Orchestration) -> None:
    """Delete an orchestration with its runs and their storage; raise ValidationError while it is needed."""
    active = Run.objects.filter(orchestration=orchestration, status__in=UNFINISHED_RUNS).first()
    if active is not None:
        raise ValidationError(f"Run {active.pk} of “{orchestration}” is not finished yet. Wait for it, or cancel it.")
    if refusal := orchestration_use(orchestration):
        raise ValidationError(refusal)
    spools = [Spool(run.spool) for run in Run.objects.filter(orchestration=orchestration).only("tenant_id")]
    Schedule.objects.filter(orchestration=orchestration).delete()  # first: the log names what it was the schedule of
    orchestration.delete()
    for spool in spools:
        transaction.on_commit(spool.clear)
