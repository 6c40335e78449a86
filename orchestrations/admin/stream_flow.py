"""What streams have before them: how much waits, since when, and how fast more comes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q, Sum
from django.utils import timezone

from orchestrations.models import Chunk, Stream

MINUTE = 60.0
FAST = 2.0
KEPT = 20
"""Chunks that stay after they were sent (the newest of each stream): fewer than these are all there ever were."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Events that wait, their bytes, when the oldest came, and how many items come per second.

    The rate is that of the last minute, or of the shorter time that the newest chunks tell about.
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
        return f"{self.rate:,.0f} per second" if self.rate >= FAST else f"{self.rate * MINUTE:,.0f} per minute"


def flows(streams: Iterable[Stream]) -> dict[int, Flow]:
    """Return the flow of each stream by its number, asked for together."""
    now = timezone.now()
    recent, waiting = Q(received_at__gte=now - timedelta(seconds=MINUTE)), Q(run=None)
    wanted = [stream.pk for stream in streams]
    rows = Chunk.objects.filter(stream__in=wanted).order_by().values("stream").annotate(
        waiting=Sum("events", filter=waiting), size=Sum("bytes", filter=waiting),
        oldest=Min("received_at", filter=waiting), came=Sum("rows", filter=recent), first=Min("received_at"),
        number=Count("pk"), last=Max("received_at"),
    )  # fmt: skip
    found = {
        row["stream"]: Flow(
            row["waiting"] or 0, row["size"] or 0, row["oldest"],
            (row["came"] or 0) / _seconds(now, row["first"], row["number"]), row["last"],
        )
        for row in rows
    }  # fmt: skip
    return {pk: found.get(pk, Flow()) for pk in wanted}


def _seconds(now: datetime, first: datetime, number: int) -> float:
    """Return the time that the chunks which are there tell about: a minute, unless older ones of it are gone."""
    known = (now - first).total_seconds()
    return MINUTE if number < KEPT else min(max(known, 1.0), MINUTE)
