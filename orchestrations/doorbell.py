"""Tell the workers that a run has something to do; if nobody hears it, the sweeper finds the run later."""

import logging
from functools import partial

from django.db import transaction
from kombu.exceptions import OperationalError

from orchestrations.choices import RunStage
from orchestrations.models import Run
from tiktok_hub.celery import app

logger = logging.getLogger(__name__)


def ring(run: Run) -> None:
    """Queue the task for the run's present stage, once the transaction around it is committed."""
    name = "run_deliver" if run.stage == RunStage.DELIVERING else "run_prepare"
    transaction.on_commit(partial(task_send, name, run.tenant_id, run.pk))


def task_send(name: str, *ids: int) -> bool:
    """Queue a task by name with ids as arguments; return False, with a log line, while the broker is away."""
    try:
        app.send_task(name, args=ids, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("the broker is away, the sweeper will find %s%s: %s", name, ids, type(error).__name__)
        return False
    return True
