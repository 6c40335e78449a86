"""What waits in a stream: when it is due, how much it is, and when there is too much of it to take more."""

import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Max, Min, Q, QuerySet, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from orchestrations.models import Chunk, Stream
from tiktok_hub.tenancy.scope import hub_scope

RATE_SECONDS = 60
FAST = 2.0
"""Events per second from which a rate is told by the second."""
REFUSED_SECONDS = 1.0
"""How old an answer of `backlog_refusal` may be."""
SHARE = 20
"""The part of a process's time, one in so many, that counting what waits may take."""
LATER, MUCH_LATER = 30, 300
"""When somebody who was refused should try again, in seconds: while it is being sent, and while it is not."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a stream has accepted and handed to no run yet.

    `rate` is what it accepted per second in the last minute, `last_at` when something came last.
    """

    events: int = 0
    bytes: int = 0
    oldest_at: datetime | None = None
    rate: float = 0.0
    last_at: datetime | None = None

    @property
    def age(self) -> float | None:
        """Return for how long the oldest event waits, in seconds."""
        return (timezone.now() - self.oldest_at).total_seconds() if self.oldest_at else None

    @property
    def pace(self) -> str:
        """Write the rate by the second, or by the minute where that says more."""
        return f"{self.rate:,.0f} per second" if self.rate >= FAST else f"{60 * self.rate:,.0f} per minute"


def chunks_waiting(stream: Stream) -> QuerySet[Chunk]:
    """Return the chunks of a stream that no run has."""
    return Chunk.objects.filter(stream=stream, run=None)


def waits(stream: Stream) -> Backlog:
    """Count what waits in a stream of the opened tenant; how fast it comes is left out."""
    found = chunks_waiting(stream).order_by().aggregate(
        events=Sum("events"), bytes=Sum("bytes"), oldest_at=Min("received_at")
    )  # fmt: skip
    return Backlog(found["events"] or 0, found["bytes"] or 0, found["oldest_at"])


def backlogs(streams: Iterable[Stream], now: datetime | None = None) -> dict[int, Backlog]:
    """Count what waits in streams of the opened tenant, by their numbers, and how fast it comes; asked for together."""
    lately = Q(received_at__gt=(now or timezone.now()) - timedelta(seconds=RATE_SECONDS))
    wanted, waiting = [stream.pk for stream in streams], Q(run=None)
    rows = Chunk.objects.filter(stream__in=wanted).order_by().values("stream").annotate(
        waiting=Sum("events", filter=waiting), size=Sum("bytes", filter=waiting),
        oldest=Min("received_at", filter=waiting), came=Sum("events", filter=lately), last=Max("received_at"),
    )  # fmt: skip
    found = {
        row["stream"]: Backlog(
            row["waiting"] or 0, row["size"] or 0, row["oldest"], (row["came"] or 0) / RATE_SECONDS, row["last"]
        )
        for row in rows
    }
    return {pk: found.get(pk, Backlog()) for pk in wanted}


def due(stream: Stream, now: datetime) -> bool:
    """Say whether what waits is to be sent now: enough events, enough bytes, or the oldest is old enough."""
    found = waits(stream)
    if found.oldest_at is None:
        return False
    return (
        found.events >= stream.max_events
        or found.bytes >= stream.max_bytes
        or now - found.oldest_at >= timedelta(seconds=stream.max_age_seconds)
    )


def backlog_refusal(stream: Stream) -> tuple[str, int] | None:
    """Return why a stream can take nothing more now, and after how many seconds to try again; None where it can.

    Cheap enough for every request: an answer is kept for a second, or as long as keeps counting from taking more than
    a twentieth of the time.
    """
    with _lock:
        until, refusal = _kept.get(stream.pk, (0.0, None))
    begun = time.monotonic()
    if begun < until:
        return refusal
    refusal = _refusal(stream)
    ended = time.monotonic()
    with _lock:
        _kept[stream.pk] = (ended + max(REFUSED_SECONDS, SHARE * (ended - begun)), refusal)
    return refusal


def refusals_forget() -> None:
    """Forget what was counted."""
    with _lock:
        _kept.clear()


def _refusal(stream: Stream) -> tuple[str, int] | None:
    if storage_free() < settings.HUB_STREAM_MIN_FREE_BYTES:
        return "Storage is nearly full: nothing can be taken until the operator has made room.", MUCH_LATER
    found = waits(stream)
    later = MUCH_LATER if stream.paused or stream.parked_at else LATER
    if found.events >= settings.HUB_STREAM_BACKLOG_EVENTS:
        return f"{found.events:,} events wait to be sent: this stream takes no more until some have left.", later
    if found.bytes >= settings.HUB_STREAM_BACKLOG_BYTES:
        return f"{found.bytes:,} bytes wait to be sent: this stream takes no more until some have left.", later
    return None


def storage_free() -> int:
    """Return how many bytes are free where the data of streams lie: the database's folder and storage."""
    folder = Path(default_storage.path(""))  # it comes with its first file
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return min(shutil.disk_usage(each).free for each in (there, Path(settings.HUB_DATA_DIR)))


def streams_gauges() -> Iterator[GaugeMetricFamily]:
    """Yield what waits in each stream of all tenants, for Prometheus."""
    now = timezone.now()
    with hub_scope():
        streams = list(Stream.objects.order_by("pk").values_list("pk", "public_id", "parked_at"))
        rows = Chunk.objects.filter(run=None).order_by().values_list("stream")
        found = {pk: (events, at) for pk, events, at in rows.annotate(Sum("events"), Min("received_at"))}
    waiting = GaugeMetricFamily("hub_stream_waiting_events", "Accepted events that no run has yet.", labels=["stream"])
    oldest = GaugeMetricFamily("hub_stream_oldest_seconds", "For how long the oldest of them waits.", labels=["stream"])
    parked = GaugeMetricFamily("hub_stream_parked", "Whether a stream waits for somebody.", labels=["stream"])
    for pk, name, parked_at in streams:
        events, at = found.get(pk, (0, None))
        waiting.add_metric([name], events)
        oldest.add_metric([name], max((now - at).total_seconds(), 0.0) if at else 0.0)
        parked.add_metric([name], float(parked_at is not None))
    yield from (waiting, oldest, parked)


_lock = threading.Lock()
_kept: dict[int, tuple[float, tuple[str, int] | None]] = {}
