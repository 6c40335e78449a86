"""What the end of a stream's run means for the stream: it may be parked, and chunks that are sent may go."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.choices import RunStage, RunStatus
from orchestrations.models import Chunk, Run, Stream
from orchestrations.runs.resolutions import LocalKey
from orchestrations.streams.returning import changes_return

logger = logging.getLogger(__name__)

KEPT = 20
"""The newest chunks of a stream stay, for people to look at."""
COUNTED = timedelta(seconds=60)
"""Chunks stay as long as `waiting.backlogs` counts what came lately."""
BY_PEOPLE = ("ConfigurationError", "CredentialError")
OWN = {ResolutionKey.PREPARED_DATA_LOST, *LocalKey} - {LocalKey.SPOOL_FULL}


def run_ended(run: Run) -> None:
    """Park the stream whose run failed for a reason that only people remove; part of the transaction that ends it."""
    stream_id = run.stream_id
    if stream_id is None:
        return
    changes_return(run)
    if parks(run):
        stream_park(stream_id, run.error)
    spent(stream_id, timezone.now() - COUNTED).delete()


def parks(run: Run) -> bool:
    """Say whether a run failed for a reason for which the next one would fail as well, until somebody acts."""
    error = run.error
    by_people = error.get("class") in BY_PEOPLE and error.get("resolution") not in OWN
    return run.status == RunStatus.FAILED and by_people


def stream_park(stream_id: int, error: dict[str, Any], now: datetime | None = None) -> None:
    """Let a stream keep what it accepts, and say why; since when is the first time of several."""
    streams = Stream.objects.filter(pk=stream_id)
    if streams.filter(parked_at=None).update(parked=error, parked_at=now or timezone.now()):
        logger.warning("stream %s is parked (%s)", stream_id, error.get("resolution"))
    else:
        streams.update(parked=error)


def spent(stream_id: int, before: datetime) -> QuerySet[Chunk]:
    """Return the chunks of a stream that are in their run's spool for good, but for the newest.

    Those of a run that failed are needed where it is prepared anew.
    """
    newest = list(Chunk.objects.filter(stream=stream_id).order_by("-pk").values_list("pk", flat=True)[:KEPT])
    done = Chunk.objects.filter(stream=stream_id, received_at__lt=before, run__stage=RunStage.FINISHED)
    return done.exclude(run__prepared_at=None).exclude(run__status=RunStatus.FAILED).exclude(pk__in=newest)
