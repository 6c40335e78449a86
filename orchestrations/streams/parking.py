"""Parked streams: nothing can be sent until somebody acts, so nothing is tried, and what is accepted is kept.

A stream goes on by itself once what stands in its way here is gone (the credential is usable again, the destination is
enabled). Where TikTok refused the configuration, only people know that it was put right: they resume it. The runs that
failed meanwhile are retried then, with the present settings where TikTok has nothing of them.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.audiences.targets import audiences_of
from orchestrations.choices import UNFINISHED_RUNS, RunPurpose, RunStatus, RunTrigger
from orchestrations.models import Chunk, Run, Stream
from orchestrations.runs.finishing import local_error
from orchestrations.runs.resolutions import LocalKey
from orchestrations.runs.retrying import run_again
from orchestrations.runs.sending import sending_refusal
from orchestrations.runs.services import credential_usable, settings_effective
from orchestrations.streams.endings import parks
from orchestrations.streams.returning import gives_back
from orchestrations.streams.waiting import chunks_waiting

logger = logging.getLogger(__name__)

FILES = (
    "This destination sends files. A stream adds and removes people one by one: choose a destination with the "
    "streaming transport."
)
SEEN_HERE = (LocalKey.STREAM_WAITS, LocalKey.CREDENTIAL_WAITS, ResolutionKey.INVALID_CREDENTIALS)


def obstacle(stream: Stream) -> dict[str, Any]:
    """Return what keeps a stream from sending that can be seen here, in the form of a run's error; or nothing."""
    destination = stream.orchestration.destination
    if not destination.enabled:
        return local_error(LocalKey.STREAM_WAITS, f"The destination “{destination}” is disabled.")
    try:
        effective = settings_effective(stream.orchestration)
    except ValidationError as error:
        return local_error(LocalKey.STREAM_WAITS, " ".join(error.messages))
    if effective.get("transport") == "file":
        return local_error(LocalKey.STREAM_WAITS, FILES)
    try:
        credential_usable(destination)
    except ValidationError as error:
        return local_error(LocalKey.CREDENTIAL_WAITS, " ".join(error.messages), kind="CredentialError")
    refusal = _sandbox_refusal(stream)
    return local_error(LocalKey.STREAM_WAITS, refusal) if refusal else {}


def _sandbox_refusal(stream: Stream) -> str:
    """Return why something that waits may not leave a sandbox, or nothing."""
    if stream.tenant.sandbox_of_id is None:
        return ""
    effective = settings_effective(stream.orchestration)
    waiting = chunks_waiting(stream).order_by().values("event_source_id", "test_event_code").distinct()
    addresses = (Chunk(**each).address for each in waiting)
    return next(filter(None, (sending_refusal(stream.orchestration, effective | each) for each in addresses)), "")


def goes_on(stream: Stream) -> bool:
    """Say whether a parked stream, in whose way nothing is that can be seen here, may go on by itself."""
    if stream.parked.get("resolution") in SEEN_HERE:
        return True
    authorised = stream.orchestration.destination.credential.authorised_at
    anew = authorised is not None and stream.parked_at is not None and authorised > stream.parked_at
    return stream.parked.get("class") == "CredentialError" and anew


def stream_unpark(stream: Stream) -> int:
    """Let a parked stream of the opened tenant send again, and retry the runs that failed; return how many these are.

    Raise ValidationError, with what to do, while something that can be seen here stands in its way.
    """
    if found := obstacle(stream):
        raise ValidationError(str(found["sentence"]))
    with transaction.atomic():
        if not Stream.objects.filter(pk=stream.pk, parked_at__isnull=False).update(parked={}, parked_at=None):
            return 0
        stream.refresh_from_db(fields=["parked", "parked_at"])
        return sum(_retried(run) for run in runs_parked(stream))


def runs_parked(stream: Stream) -> list[Run]:
    """Return the runs of a stream that failed for a reason that people have removed, the oldest first."""
    failed = Run.objects.filter(
        orchestration=stream.orchestration_id, status=RunStatus.FAILED, purpose=RunPurpose.DELIVER,
        skipped_at=None, spool_deleted_at=None,
    )  # fmt: skip
    return [
        run
        for run in failed.order_by("pk").select_related("orchestration__destination__credential")
        if parks(run) and not gives_back(run)
    ]


def run_before(stream: Stream) -> Run | None:
    """Return the run of a query, or of another stream, that changes the same audience and has to end first."""
    if not stream.orchestration.destination.spec.keeps_audience:
        return None
    try:
        audiences = audiences_of(settings_effective(stream.orchestration))
    except ValidationError:
        return None
    busy = Run.objects.filter(audiences__audience__in=audiences, status__in=UNFINISHED_RUNS)
    return busy.exclude(orchestration=stream.orchestration_id).order_by("pk").first()


def rested(stream: Stream, now: datetime) -> bool:
    """Say whether a stream may send now: not right after a run for an audience that gave its changes back.

    Where people removed what that run failed for, there is nothing to wait for.
    """
    runs = Run.objects.filter(orchestration=stream.orchestration_id, trigger=RunTrigger.STREAM)
    last = runs.order_by("-pk").first()
    if last is None or last.finished_at is None or parks(last) or not gives_back(last):
        return True
    return now >= last.finished_at + timedelta(seconds=max(settings.HUB_RETRY_SECONDS, default=0.0))


def _retried(run: Run) -> bool:
    try:
        run_again(run)
    except ValidationError as error:
        logger.warning("run %s of a stream is not retried: %s", run.pk, " ".join(error.messages))
        return False
    return True
