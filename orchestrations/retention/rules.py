"""Which runs are old, and which of them are kept all the same: questions to the database, nothing is changed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from orchestrations.choices import UNFINISHED_RUNS, RetentionKept, RetentionKind, RunPurpose, RunStatus
from orchestrations.models import Chunk, GroupRun, Run, Stream
from orchestrations.streams.endings import COUNTED, spent

ENDED = Coalesce("finished_at", "created_at")
EXAMPLES = 10  # runs named for each reason to keep


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """The moments before which things are old. A run outlives its rejects, and these its prepared requests.

    A stream's run, of which there are many, goes with all it has when its prepared requests go.
    """

    spool: datetime
    rejects: datetime
    runs: datetime
    links: datetime
    alerts: datetime
    streams: datetime

    @classmethod
    def of(cls, now: datetime) -> "Cutoffs":
        """Return them by the settings."""
        spool = now - timedelta(days=settings.HUB_RETENTION_SPOOL_DAYS)
        rejects = min(spool, now - timedelta(days=settings.HUB_RETENTION_REJECTS_DAYS))
        runs = min(rejects, now - timedelta(days=settings.HUB_RETENTION_RUNS_DAYS))
        links = now - timedelta(days=settings.HUB_RETENTION_LINKS_DAYS)
        alerts = now - timedelta(days=settings.HUB_RETENTION_ALERTS_DAYS)
        return cls(spool, rejects, runs, links, alerts, now - timedelta(days=settings.HUB_RETENTION_STREAMS_DAYS))


Rows = Callable[[Cutoffs], Iterable[QuerySet[Any]]]
#: What other apps keep for a time: kind, and the rows that are old. They are asked for in this order.
FURTHER: list[tuple[RetentionKind, Rows]] = []


def further_add(kind: str, rows: Rows) -> None:
    """Let each night delete rows of another app."""
    FURTHER.append((RetentionKind(kind), rows))


def chunks_due(cutoffs: Cutoffs) -> Iterator[tuple[RetentionKind, QuerySet[Chunk]]]:
    """Yield what streams have kept long enough: what no run could take, and what runs have long since."""
    yield RetentionKind.STREAMS, Chunk.objects.filter(run=None, received_at__lt=cutoffs.streams).order_by("pk")
    for stream_id in Stream.objects.order_by("pk").values_list("pk", flat=True):
        yield RetentionKind.SPOOL, spent(stream_id, timezone.now() - COUNTED)


def spool_due(cutoffs: Cutoffs) -> QuerySet[Run]:
    """Return the runs whose prepared requests have been kept long enough."""
    return settled(cutoffs, cutoffs.spool).filter(spool_deleted_at=None)


def rejects_due(cutoffs: Cutoffs) -> QuerySet[Run]:
    """Return the runs whose rejected rows have been kept long enough."""
    return settled(cutoffs, cutoffs.rejects).filter(rejects_deleted_at=None)


def runs_due(cutoffs: Cutoffs) -> list[int]:
    """Return the numbers of runs that have been kept long enough with all they tell, the oldest first.

    A run that followed another one is the sign that the other has been followed, so it is kept as long as that.
    """
    old = dict(settled(cutoffs, cutoffs.runs).exclude(pk__in=last_successes()).values_list("pk", "after"))
    while followers := [pk for pk, after in old.items() if after is not None and after not in old]:
        for pk in followers:
            del old[pk]
    return sorted(old)


def group_runs_due(cutoffs: Cutoffs) -> QuerySet[GroupRun]:
    """Return the executions of groups that are old and of which no run is left."""
    return GroupRun.objects.filter(finished_at__lt=cutoffs.runs, after=None, runs=None).order_by("pk")


def settled(cutoffs: Cutoffs, before: datetime) -> QuerySet[Run]:
    """Return the runs that ended before a moment and that nothing goes on with: neither they nor a replay of them.

    Those of streams are among them as soon as their prepared requests are old.
    """
    old = ended(cutoffs.spool).filter(Q(ended__lt=before) | Q(orchestration__query=None))
    return old.exclude(status__in=UNFINISHED_RUNS).exclude(pk__in=replayed(cutoffs))


def replayed(cutoffs: Cutoffs) -> list[int]:
    """Return the runs that a replay still reads, or would read when it is tried again."""
    again = Q(prepared_at=None, ended__gte=cutoffs.spool)
    replays = Run.objects.filter(replay_of__isnull=False).annotate(ended=ENDED)
    found = replays.filter(again | Q(status__in=UNFINISHED_RUNS)).values_list("replay_of", flat=True)
    return [number for number in found if number is not None]


def ended(before: datetime) -> QuerySet[Run]:
    """Return the runs that ended before a moment, or began before it where they have not ended."""
    return Run.objects.annotate(ended=ENDED).filter(ended__lt=before).order_by("pk")


def last_successes() -> list[int]:
    """Return the last run of each orchestration that delivered all of a query."""
    good = Q(status__in=(RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS))
    whole = Q(purpose=RunPurpose.DELIVER, sample=None, replay_rows="", orchestration__query__isnull=False)
    latest = Run.objects.filter(good, whole).order_by().values("orchestration").annotate(last=Max("pk"))
    return list(latest.values_list("last", flat=True))


def kept(cutoffs: Cutoffs) -> dict[str, dict[str, Any]]:
    """Return why old runs are kept: reason → how many, and the numbers of some."""
    old, last = ended(cutoffs.spool), last_successes()
    oldest = settled(cutoffs, cutoffs.runs)
    found = {
        RetentionKept.HELD: old.filter(status=RunStatus.HELD),
        RetentionKept.UNFINISHED: old.filter(status__in=UNFINISHED_RUNS).exclude(status=RunStatus.HELD),
        RetentionKept.REPLAYED: old.filter(pk__in=replayed(cutoffs)),
        RetentionKept.LAST: oldest.filter(pk__in=last),
        RetentionKept.FOLLOWER: oldest.exclude(pk__in=[*last, *runs_due(cutoffs)]),
    }
    counts = {reason.value: (runs.count(), list(runs.values_list("pk", flat=True)[:EXAMPLES]))
              for reason, runs in found.items()}  # fmt: skip
    return {reason: {"count": count, "runs": runs} for reason, (count, runs) in counts.items() if count}
