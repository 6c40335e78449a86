"""Put runs that never started among the others, so that people see them and why."""

import logging
from typing import Any

from django.utils import timezone

from orchestrations.choices import RunStage, RunStatus, RunTrigger
from orchestrations.models import Orchestration, Run
from orchestrations.runs.finishing import local_error
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.models import User

logger = logging.getLogger(__name__)

REFUSED, SKIPPED, GROUP_REFUSED = "schedule_refused", "schedule_skipped", "group_refused"


def run_record(
    *,
    orchestration: Orchestration,
    status: RunStatus,
    resolution: str,
    sentence: str,
    trigger: RunTrigger,
    started_by: User | None,
    **place: Any,
) -> Run:
    """Record a run that was refused or left out; `place` is its slot, what it follows, or where it is in a group."""
    run = Run.objects.create(
        tenant=orchestration.tenant, orchestration=orchestration, credential=None, trigger=trigger,
        started_by=started_by, status=status, stage=RunStage.FINISHED, finished_at=timezone.now(),
        error=local_error(resolution, sentence), **place,
    )  # fmt: skip
    if resolution != SKIPPED:
        audit_record(Action.RUN_REFUSED, run, changes=[{"field": "reason", "old": None, "new": sentence}])
    logger.info("run %s of orchestration %s did not start (%s)", run.pk, orchestration.pk, resolution)
    return run
