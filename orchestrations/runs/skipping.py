"""Leave a run as it is: say that nobody needs to look at it any more, and let go on what waited for it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from orchestrations.access import RELEASE, RUN, access_check
from orchestrations.choices import RunPurpose, RunStatus
from orchestrations.doorbell import ring_end
from orchestrations.models import Run, Schedule
from orchestrations.runs.retrying import group_wake
from orchestrations.runs.services import run_cancel
from orchestrations.schedules.scheduling import waiting_drop
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.models import Membership

SKIPPABLE = (RunStatus.HELD, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.SUCCEEDED_WITH_ERRORS)
WAITED = "It waited for run {pk}, and somebody has left both out."


def can_be_skipped(run: Run) -> bool:
    """Say whether there is something about a run that somebody could leave as it is."""
    return run.purpose != RunPurpose.PLAN and run.status in SKIPPABLE and run.skipped_at is None


def run_skip(*, run: Run, membership: Membership | None) -> Run:
    """Leave a run that failed, was held or cancelled, or ended with errors, as it is.

    A held run ends as cancelled, and what waited for it is left out with it. A group goes on with its next member.
    Raise ValidationError where there is nothing to leave, PermissionDenied for those who may not say so.
    """
    held = run.status == RunStatus.HELD
    access_check(membership, run.orchestration.destination, RELEASE if held else RUN)
    if not can_be_skipped(run):
        raise ValidationError(_refusal(run))
    with transaction.atomic():
        left: dict[str, Any] = {"skipped_by": membership.user if membership else None, "skipped_at": timezone.now()}
        if held:  # should this process end here, the sweeper finds the run and ends it
            left |= {"status": RunStatus.QUEUED, "cancel_requested": True, "lease_until": None, "lease_token": ""}
        if not Run.objects.filter(pk=run.pk, status=run.status, skipped_at=None).update(**left):
            raise ValidationError(f"Run {run.pk} has changed meanwhile. Look at it again.")
        audit_record(Action.RUN_SKIPPED, run)
        for schedule in Schedule.objects.filter(orchestration=run.orchestration_id) if held else ():
            waiting_drop(schedule, WAITED.format(pk=run.pk))
        group_wake(run)
        ring_end(run)
    run.refresh_from_db()
    return run_cancel(run=run) if held else run


def _refusal(run: Run) -> str:
    if run.skipped_at is not None:
        return f"Run {run.pk} was left as it is already."
    if run.purpose == RunPurpose.PLAN:
        return f"Run {run.pk} was a plan: there is nothing to skip."
    return f"Run {run.pk} is {run.get_status_display().lower()}: there is nothing to skip."
