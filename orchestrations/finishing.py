"""End a run: give every event its last verdict, add up, and say in one word how it went."""

import logging
import traceback
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from destinations.services import credential_expire
from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.choices import UNFINISHED_BATCHES, BatchStatus, RunStage, RunStatus
from orchestrations.leases import Lease, LeaseLostError
from orchestrations.models import Batch, Run
from orchestrations.verdicts import batch_unknown

logger = logging.getLogger(__name__)


def run_finish(lease: Lease, *, fatal: dict[str, Any] | None = None) -> Run:
    """End the run this worker holds; `fatal` is the error that stopped it.

    Raise LeaseLostError when another worker took the run over.
    """
    with transaction.atomic():
        unknown = _batches_close(lease.run)
        changed = Run.objects.filter(lease.held()).update(
            stage=RunStage.FINISHED, finished_at=timezone.now(), lease_until=None, unknown=F("unknown") + unknown
        )
        if not changed:
            raise LeaseLostError
        run = Run.objects.select_related("credential").get(pk=lease.run.pk)
        run.error = fatal or _unsent_error(run)
        run.status = _status(run, fatal=bool(fatal), cancelled=lease.cancelled.is_set())
        run.save(update_fields=["error", "status"])
        if run.error.get("resolution") == ResolutionKey.INVALID_CREDENTIALS and run.credential is not None:
            credential_expire(credential=run.credential, problem=str(run.error["sentence"]))
    logger.info("run %s %s: %s accepted of %s events", run.pk, run.status, run.accepted, run.events)
    return run


def _batches_close(run: Run) -> int:
    """Close what is still open: unknown where TikTok may have it, else not sent; return the events now unknown."""
    unknown = 0
    # What a worker that died had in the air may have arrived as well.
    uncertain = Q(uncertain=True) | Q(status=BatchStatus.SENDING)
    for batch in Batch.objects.filter(uncertain, run=run, status__in=UNFINISHED_BATCHES):
        unknown += batch_unknown(batch)
        batch.save(update_fields=["status", "unknown"])
    Batch.objects.filter(run=run, status__in=UNFINISHED_BATCHES).update(status=BatchStatus.UNSENT)
    return unknown


def _unsent_error(run: Run) -> dict[str, Any]:
    """Return the error to show for a run that was not stopped: that of a batch which did not get through."""
    lost = Batch.objects.filter(run=run, status__in=(BatchStatus.UNSENT, BatchStatus.UNKNOWN)).exclude(error={}).first()
    if lost is not None:
        return dict(lost.error)
    if run.refused and not run.accepted:
        return dict(Batch.objects.filter(run=run, refused__gt=0).values_list("error", flat=True)[0])
    if run.selected and not run.events:
        return local_error("no_eligible_rows", "No row of the query can be sent: all of them were rejected.")
    return {}


def run_fail(lease: Lease, error: Exception) -> Run:
    """End the run this worker holds because of something unforeseen, which would come again at every further try.

    The log gets the class and the way through the code, never the error's own text: it may quote a value of a row.
    """
    way = "".join(traceback.format_tb(error.__traceback__))
    logger.error("run %s ended by %s\n%s", lease.run.pk, type(error).__name__, way)
    sentence = f"The run stopped because of a fault that was not foreseen ({type(error).__name__})."
    return run_finish(lease, fatal=local_error("unexpected", sentence, kind=type(error).__name__))


def local_error(
    resolution: str, sentence: str, *, kind: str = "ConfigurationError", detail: str = ""
) -> dict[str, Any]:
    """Return an error that arose here and not at TikTok, in the form in which runs keep errors."""
    return {
        "class": kind,
        "code": None,
        "sentence": sentence,
        "resolution": resolution,
        "message": detail,
        "request_id": "",
    }


def _status(run: Run, *, fatal: bool, cancelled: bool) -> RunStatus:
    nothing_known = run.events and run.unknown == run.events
    if fatal:
        return RunStatus.FAILED
    if cancelled:
        return RunStatus.CANCELLED
    if run.prepared_at is None or run.unsent or nothing_known:
        return RunStatus.FAILED
    if run.rejected or run.refused or run.unknown:
        return RunStatus.SUCCEEDED_WITH_ERRORS
    return RunStatus.SUCCEEDED
