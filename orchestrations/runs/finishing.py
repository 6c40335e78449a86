"""End a run: give every event its last verdict, add up, and say in one word how it went."""

import logging
import traceback
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from destinations.services import credential_expire
from destinations.tiktok.errors import RetryableError
from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.audiences.states import states_adopt, states_drop, states_make
from orchestrations.audiences.turns import turn_pass
from orchestrations.choices import UNFINISHED_BATCHES, BatchStatus, RunPurpose, RunStage, RunStatus
from orchestrations.doorbell import ring, ring_end
from orchestrations.models import Batch, Run, RunAudience
from orchestrations.runs.leases import Lease, LeaseLostError
from orchestrations.runs.measuring import rows_count, run_measure
from orchestrations.runs.resolutions import LocalKey
from orchestrations.runs.verdicts import batch_unknown, error_record
from orchestrations.streams.endings import run_ended

logger = logging.getLogger(__name__)

MOST_BEGINNINGS = 3  # preparations of a run whose audience vanishes each time


def run_finish(lease: Lease, *, fatal: dict[str, Any] | None = None) -> Run:
    """End the run this worker holds; `fatal` is the error that stopped it.

    What an audience was told becomes part of its state with it. Raise LeaseLostError when another worker took the run
    over.
    """
    batches_close(lease)
    states = states_make(lease.run)
    try:
        with transaction.atomic():
            run = _end(lease, fatal or {})
            states_adopt(states)
    except BaseException:
        states_drop(states)
        raise
    run_measure(run)
    logger.info("run %s %s: %s accepted of %s events", run.pk, run.status, run.accepted, run.events)
    return run


def _end(lease: Lease, fatal: dict[str, Any]) -> Run:
    """Write the end of a run, and what it says about the credential."""
    ended = Run.objects.filter(lease.held())
    if not ended.update(stage=RunStage.FINISHED, finished_at=timezone.now(), lease_until=None):
        raise LeaseLostError
    run = Run.objects.select_related("credential").get(pk=lease.run.pk)
    run.error = fatal or _unsent_error(run)
    run.status = _status(run, fatal=bool(fatal), cancelled=lease.cancelled.is_set())
    run.save(update_fields=["error", "status"])
    run_ended(run)
    turn_pass(run)
    ring_end(run)
    if run.error.get("resolution") == ResolutionKey.INVALID_CREDENTIALS and run.credential is not None:
        credential_expire(credential=run.credential, problem=str(run.error["sentence"]))
    return run


def batches_close(lease: Lease) -> None:
    """Give the last verdict to all batches of the run this worker holds; raise LeaseLostError where it does not."""
    with transaction.atomic():
        unknown = _batches_close(lease.run)
        if not Run.objects.filter(lease.held()).update(unknown=F("unknown") + unknown):
            raise LeaseLostError
    rows_count(lease.run, unknown=unknown)


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
    stopped = RunAudience.objects.filter(run=run).exclude(error={}).first()
    if stopped is not None:
        return dict(stopped.error)
    lost = Batch.objects.filter(run=run, status__in=(BatchStatus.UNSENT, BatchStatus.UNKNOWN)).exclude(error={}).first()
    if lost is not None:
        return dict(lost.error)
    if run.refused and not run.accepted:
        return dict(Batch.objects.filter(run=run, refused__gt=0).values_list("error", flat=True)[0])
    if run.selected and not run.in_events:
        of = "posted item" if run.stream_id else "row of the query"
        return local_error(ResolutionKey.NO_ELIGIBLE_ROWS, f"No {of} can be sent: all of them were rejected.")
    return {}


def run_fail(lease: Lease, error: Exception) -> Run:
    """End the run this worker holds because of something unforeseen, which would come again at every further try.

    The log gets the class and the way through the code, never the error's own text: it may quote a value of a row.
    """
    way = "".join(traceback.format_tb(error.__traceback__))
    logger.error("run %s ended by %s\n%s", lease.run.pk, type(error).__name__, way)
    sentence = f"The run stopped because of a fault that was not foreseen ({type(error).__name__})."
    return run_finish(lease, fatal=local_error(LocalKey.UNEXPECTED, sentence, kind=type(error).__name__))


def run_put_off(lease: Lease, error: RetryableError) -> None:
    """Give back a run that TikTok could not be asked about, until its next try; after the last one it fails."""
    failures, ladder = lease.run.failures + 1, settings.HUB_RETRY_SECONDS
    if failures > len(ladder):
        run_finish(lease, fatal=error_record(error))
        return
    until = timezone.now() + timedelta(seconds=ladder[failures - 1])
    if not Run.objects.filter(lease.held()).update(failures=failures, lease_until=until, lease_token=""):
        raise LeaseLostError
    logger.info("run %s waits until %s: %s", lease.run.pk, until, error.sentence)


def run_begin_again(lease: Lease, error: dict[str, Any]) -> bool:
    """Prepare the run this worker holds anew when its audience has vanished on the way; return whether it is so.

    What other audiences of the run were told is kept. The next look at TikTok decides: see `audience_survey`.
    """
    gone = error.get("resolution") == ResolutionKey.AUDIENCE_NOT_FOUND
    if not gone or lease.cancelled.is_set() or lease.run.preparations >= MOST_BEGINNINGS:
        return False
    batches_close(lease)
    states = states_make(lease.run)
    with transaction.atomic():
        states_adopt(states)
        RunAudience.objects.filter(run=lease.run).update(folded=False)
        Batch.objects.filter(run=lease.run).delete()
        counts = dict.fromkeys(("events", "accepted", "refused", "unknown", "requests", "bisections"), 0)
        again = Run.objects.filter(lease.held())
        if not again.update(stage=RunStage.WAITING, prepared_at=None, lease_until=None, lease_token="", **counts):
            raise LeaseLostError
        ring(Run.objects.get(pk=lease.run.pk))
    return True


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
    if run.purpose == RunPurpose.PLAN and run.prepared_at is not None:
        return RunStatus.SUCCEEDED
    if run.prepared_at is None or nothing_known or (run.unsent and not _some_audience_served(run)):
        return RunStatus.FAILED
    if run.unsent or run.rejected or run.refused or run.unknown:
        return RunStatus.SUCCEEDED_WITH_ERRORS
    return RunStatus.SUCCEEDED


def _some_audience_served(run: Run) -> bool:
    """Say whether one of several audiences got all that was for it."""
    return RunAudience.objects.filter(run=run).exclude(batches__status=BatchStatus.UNSENT).exists()
