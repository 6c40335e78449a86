"""Tell the workers that there is something to do; if nobody hears it, the sweeper or the tick finds it later."""

import logging
from functools import partial

from django.db import transaction
from kombu.exceptions import OperationalError

from orchestrations.choices import RunStage
from orchestrations.models import Run, Schedule
from tiktok_hub.celery import app

logger = logging.getLogger(__name__)


def ring(run: Run) -> None:
    """Queue the task for the run's present stage, once the transaction around it is committed."""
    name = "run_deliver" if run.stage == RunStage.DELIVERING else "run_prepare"
    transaction.on_commit(partial(task_send, name, run.tenant_id, run.pk))


def ring_end(run: Run) -> None:
    """Ring, once a run's end is committed, for what waits for it: its group, or orchestrations that follow it."""
    if run.group_run_id is not None:
        ring_group(run.tenant_id, run.group_run_id)
    if Schedule.objects.filter(after=run.orchestration_id).exists():
        transaction.on_commit(partial(task_send, "schedules_tick"))


def ring_group(tenant_id: int, group_run_id: int) -> None:
    """Queue a look at what a group runs next, once the transaction around it is committed."""
    transaction.on_commit(partial(task_send, "group_run_go", tenant_id, group_run_id))


def task_send(name: str, *ids: int) -> bool:
    """Queue a task by name with ids as arguments; return False, with a log line, while the broker is away."""
    try:
        app.send_task(name, args=ids, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("the broker is away, the sweeper will find %s%s: %s", name, ids, type(error).__name__)
        return False
    return True
