"""Send what waits in streams: when it is due, it is handed to a run, all of it, exactly once.

A run is made and the chunks become its own in one transaction that holds the stream's row: of two that look at the same
moment, the second finds nothing. From then on the run is delivered like any other.
"""

import logging
import threading
import time
from datetime import datetime
from functools import partial

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Exists, Min, OuterRef, Q
from django.utils import timezone

from orchestrations.audiences.targets import targets_make
from orchestrations.choices import UNFINISHED_RUNS, RunTrigger
from orchestrations.doorbell import ring, task_send
from orchestrations.guarding import guarded
from orchestrations.models import Chunk, Run, Stream
from orchestrations.runs.services import audiences_free, credential_usable, run_inputs, settings_effective
from orchestrations.streams.endings import stream_park
from orchestrations.streams.parking import SEEN_HERE, goes_on, obstacle, rested, stream_unpark
from orchestrations.streams.waiting import chunks_waiting, due
from tiktok_hub.acting import Via
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import hub_scope

logger = logging.getLogger(__name__)

MOST_OPEN = 4
"""Runs of a stream that may be unfinished: one that waits for TikTok holds up no newer events."""
RING_SECONDS = 1.0

# All that waits at one address, with the number of each chunk's first item among the run's rows.
HAND_OVER = """
UPDATE orchestrations_chunk SET run_id = %s, first_row = counted.first_row
FROM (SELECT id, SUM("rows") OVER (ORDER BY id) - "rows" + 1 AS first_row FROM orchestrations_chunk
      WHERE stream_id = %s AND run_id IS NULL AND event_source_id = %s AND test_event_code = %s) AS counted
WHERE orchestrations_chunk.id = counted.id
"""


def streams_tick(now: datetime | None = None) -> int:
    """Send what is due in all tenants; return how many runs were made. One query where nothing waits or is parked."""
    now = now or timezone.now()
    with hub_scope():
        waiting = Exists(Chunk.objects.filter(stream=OuterRef("pk"), run=None))
        look = Stream.objects.filter(waiting | Q(parked_at__isnull=False), paused=False).order_by()
        found = list(look.values_list("pk", "tenant"))
        tenants = Tenant.objects.in_bulk({tenant for _, tenant in found}) if found else {}
    return sum(
        guarded(tenants[tenant], Via.SYSTEM, f"stream {pk}", partial(stream_flush, pk, now)) for pk, tenant in found
    )


def stream_flush(stream_id: int, now: datetime | None = None) -> int:
    """Hand what waits in a stream of the opened tenant to runs, if it is due; return how many these are.

    A stream that cannot send is parked on the way; one that can again is not any more.
    """
    now = now or timezone.now()
    if not _ready(stream_id, now):
        return 0
    with transaction.atomic():
        # Not the key: the collector goes on putting chunks into the stream.
        list(Stream.objects.select_for_update(no_key=True).filter(pk=stream_id).values_list("pk"))
        stream = _ready(stream_id, now)
        return len(_hand_over(stream)) if stream else 0


def flush_ring(tenant_id: int, stream_id: int) -> None:
    """Let a worker look at a stream soon, because enough waits; this process asks once a second for each."""
    now = time.monotonic()
    with _lock:
        if now < _rung.get(stream_id, 0.0):
            return
        _rung[stream_id] = now + RING_SECONDS
    task_send("stream_flush", tenant_id, stream_id)


def _ready(stream_id: int, now: datetime) -> Stream | None:
    """Return a stream as it is, if something of it is to be sent now and can be."""
    streams = Stream.objects.select_related("tenant", "orchestration__destination__credential", "orchestration__tenant")
    stream = streams.filter(pk=stream_id).first()
    if stream is None or stream.paused or not _clear(stream, now):
        return None
    return stream if _open(stream) < MOST_OPEN and due(stream, now) and rested(stream, now) else None


def _clear(stream: Stream, now: datetime) -> bool:
    """Say whether a stream can send; park it or let it go on accordingly."""
    seen_here = stream.parked_at is None or stream.parked.get("resolution") in SEEN_HERE
    if found := obstacle(stream):
        if seen_here and stream.parked != found:
            stream_park(stream.pk, found, now)
        return False
    if stream.parked_at is None:
        return True
    if not goes_on(stream):
        return False
    stream_unpark(stream)
    return True


def _open(stream: Stream) -> int:
    """Count the runs of a stream that have not ended; it may have had hundreds of thousands, sorted by their end."""
    own = Run.objects.filter(orchestration=stream.orchestration_id, finished_at=None, trigger=RunTrigger.STREAM)
    return own.filter(status__in=UNFINISHED_RUNS).count()


def _hand_over(stream: Stream) -> list[Run]:
    """Make a run for each address at which something waits, the oldest first, as many as may be open."""
    waiting = chunks_waiting(stream).order_by().values("event_source_id", "test_event_code")
    oldest = waiting.annotate(oldest=Min("pk")).order_by("oldest")[: MOST_OPEN - _open(stream)]
    runs = (_run_make(stream, each["event_source_id"], each["test_event_code"]) for each in oldest)
    return [run for run in runs if run is not None]


def _run_make(stream: Stream, event_source_id: str, test_event_code: str) -> Run | None:
    """Make the run for what waits at one address; None while another run is for the same audience."""
    orchestration = stream.orchestration
    address = Chunk(event_source_id=event_source_id, test_event_code=test_event_code).address
    settings = settings_effective(orchestration) | address
    try:
        audiences = audiences_free(orchestration, settings)
    except ValidationError:
        return None
    run = Run.objects.create(
        tenant=stream.tenant, orchestration=orchestration, credential=credential_usable(orchestration.destination),
        trigger=RunTrigger.STREAM, inputs=run_inputs(orchestration, settings, address=address),
    )  # fmt: skip
    targets_make(run, audiences)
    with connection.cursor() as cursor:
        cursor.execute(HAND_OVER, [run.pk, stream.pk, event_source_id, test_event_code])
    ring(run)
    return run


_lock = threading.Lock()
_rung: dict[int, float] = {}
