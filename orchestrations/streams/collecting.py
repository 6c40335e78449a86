"""Collect what is posted: prepare all that waits together, write it to the database, then answer.

One thread per process does it for all requests (group commit), because preparing and committing cost nearly the same
for one item as for hundreds: the more comes in, the more goes together. An answer is given only for what is committed.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from destinations.preparation.contract import REJECT, Context
from destinations.preparation.door import EventDoor
from destinations.preparation.door_audiences import AudienceDoor
from destinations.preparation.reasons import REASONS
from orchestrations.models import Chunk, Stream, WriteKey
from orchestrations.streams.contents import Contents, contents_pack
from orchestrations.streams.directory import Directory, Door, door_of
from orchestrations.streams.flushing import flush_ring
from orchestrations.streams.items import SENTENCES, Client, Item, item_read
from orchestrations.streams.refusals import (
    BAD_KEY,
    BUSY,
    DISABLED,
    NOT_FOUND,
    CollectError,
    not_written,
)
from tiktok_hub.tenancy.scope import hub_scope

logger = logging.getLogger(__name__)

CYCLE_SECONDS = 0.05
"""From one group to the next at least: under load, groups grow instead of becoming many."""
GROUP_ITEMS = 2_000
WAITING_ITEMS = 20_000
"""Items that may wait in memory; nobody is told that they are accepted."""
NOW_SECONDS = 30
"""How exactly the age of events is known here: what is planned for one moment serves for so long."""
USED_SECONDS = 60.0
ANSWER_SECONDS = 30.0


@dataclass(slots=True)
class Post:
    """What one request posted to a stream; `key` is the digest of its write key, None where a person posts."""

    public_id: str
    key: str | None
    items: list[Item]
    answer: "Future[Answer]" = field(default_factory=Future)


@dataclass(slots=True)
class Answer:
    """What became of each item of a post, in their order.

    A result has `status` (accepted or rejected), `event_id` where there is one, and `errors` and `warnings` as far as
    there are any: `{"field", "reason", "message"}`.
    """

    results: list[dict[str, Any]]

    @property
    def accepted(self) -> int:
        """Return how many items were accepted."""
        return sum(result["status"] == "accepted" for result in self.results)

    @property
    def rejected(self) -> int:
        """Return how many items were rejected."""
        return len(self.results) - self.accepted


@dataclass(slots=True)
class Parcel:
    """Items of one stream and address that are written together; `places` are the post and the place in it of each."""

    door: Door
    address: dict[str, str]
    items: list[Item] = field(default_factory=list)
    places: list[tuple[Post, int]] = field(default_factory=list)
    contents: Contents = field(default_factory=Contents)


class Bell:
    """Tells workers of streams for which enough has come in to be sent; what it misses, the tick finds.

    A thread of its own rings, so that a broker which does not answer holds up nobody who posts.
    """

    def __init__(self) -> None:
        self._came: dict[int, tuple[int, int]] = {}
        self._ringer: ThreadPoolExecutor | None = None
        self._rings: Future[None] | None = None

    def came(self, door: Door, events: int, size: int) -> None:
        """Count what has come in for a stream, and ring when that is enough for a request."""
        before = self._came.get(door.stream_id, (0, 0))
        events, size = before[0] + events, before[1] + size
        self._came[door.stream_id] = (events, size)
        enough = events >= door.max_events or size >= door.max_bytes
        if enough and (self._rings is None or self._rings.done()):
            self._came[door.stream_id] = (0, 0)
            self._ringer = self._ringer or ThreadPoolExecutor(1, thread_name_prefix="collector-bell")
            self._rings = self._ringer.submit(flush_ring, door.tenant_id, door.stream_id)


class Collector:
    """The collector of one process."""

    def __init__(self) -> None:
        self.directory = Directory()
        self._waiting: deque[Post] = deque()
        self._items = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._closing = False
        self._doors: dict[bool, EventDoor | AudienceDoor] = {}
        self._used: dict[int, float] = {}
        self._bell = Bell()

    def submit(self, post: Post) -> "Future[Answer]":
        """Queue a post; the future has its answer once the items are durable. Raise CollectError when too many wait."""
        with self._changed:
            if self._items + len(post.items) > WAITING_ITEMS:
                raise CollectError(429, "too_many_events", BUSY, retry_after=2)
            self._begin()
            self._waiting.append(post)
            self._items += len(post.items)
            self._changed.notify()
        return post.answer

    def close(self) -> None:
        """End the thread, once all that waits is answered; the next post starts one."""
        with self._changed:
            thread, self._closing = self._thread, True
            self._changed.notify()
        if thread is not None and self._pid == os.getpid():
            thread.join()
        self._closing = False

    def _begin(self) -> None:
        """Start the thread; after a fork there is none."""
        if self._thread is None or not self._thread.is_alive() or self._pid != os.getpid():
            self._thread = threading.Thread(target=self._run, name="collector", daemon=True)
            self._pid = os.getpid()
            self._thread.start()

    def _take(self) -> list[Post]:
        """Wait for posts and take as many as go together; none is the end."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            if not self._waiting:
                self._thread = None
            posts: list[Post] = []
            count = 0
            while self._waiting and (not posts or count + len(self._waiting[0].items) <= GROUP_ITEMS):
                posts.append(self._waiting.popleft())
                count += len(posts[-1].items)
            self._items -= count
        return posts

    def _run(self) -> None:
        while posts := self._take():
            begun = time.monotonic()
            try:
                # Whoever gave up by now was told that nothing was accepted; from here on nobody can.
                self._collect([post for post in posts if post.answer.set_running_or_notify_cancel()])
            except Exception as error:
                logger.exception("%s posts could not be collected", len(posts))
                connection.close()  # the database may have gone; the next group finds out
                self._fail(posts, error)
            time.sleep(max(0.0, begun + CYCLE_SECONDS - time.monotonic()))
        connection.close()
        while self._doors:
            self._doors.popitem()[1].close()

    def _fail(self, posts: Iterable[Post], error: Exception) -> None:
        for post in posts:
            if not post.answer.done():
                refused = not_written()
                refused.__cause__ = error
                post.answer.set_exception(refused)

    def _collect(self, posts: list[Post]) -> None:
        """Prepare and write what some posts bring, and answer them; the keys are looked up once more."""
        doors = self.directory.check({post.public_id for post in posts})
        parcels: dict[object, Parcel] = {}
        open_posts = []
        for post in posts:
            try:
                door = door_open(doors.get(post.public_id), post.key)
            except CollectError as error:
                post.answer.set_exception(error)
                continue
            open_posts.append(post)
            for place, item in enumerate(post.items):
                key = (door.stream_id, *sorted(item.address.items()))
                parcel = parcels.setdefault(key, Parcel(door, item.address))
                parcel.items.append(item)
                parcel.places.append((post, place))
        ready = [parcel for parcel in parcels.values() if self._prepared(parcel)]
        self._write(ready)
        self._answer([post for post in open_posts if not post.answer.done()], ready)

    def _prepared(self, parcel: Parcel) -> bool:
        """Prepare a parcel; where that fails, its posts alone are refused."""
        try:
            parcel.contents = self._prepare(parcel)
        except Exception as error:
            logger.exception("items of stream %s could not be prepared", parcel.door.stream_id)
            if engine := self._doors.pop(parcel.door.spec.keeps_audience, None):
                engine.close()
            self._fail({id(post): post for post, _ in parcel.places}.values(), error)
            return False
        return True

    def _prepare(self, parcel: Parcel) -> Contents:
        door, settings = parcel.door, {**parcel.door.settings, **parcel.address}
        good = [number for number, item in enumerate(parcel.items) if item.rows]
        now = int(-(-time.time() // NOW_SECONDS)) * NOW_SECONDS
        context = Context(now, door.time_zone, door.country or None, door.limits)
        rows = [parcel.items[number].rows for number in good]
        admitted = self._engine(door).prepare(rows, spec=door.spec, settings=settings, context=context)
        contents = Contents(body=admitted.body(settings), numbers=[good[number] for number in admitted.numbers])
        contents.issues = [[good[issue[0]], *issue[1:]] for issue in admitted.issues]
        for number, item in enumerate(parcel.items):
            contents.issues += [[number, *issue] for issue in item.issues]
        for number in {issue[0] for issue in contents.issues if issue[4] == REJECT}:
            contents.names[str(number)] = [parcel.items[number].event, parcel.items[number].event_id]
        return contents

    def _engine(self, door: Door) -> EventDoor | AudienceDoor:
        """Return what prepares a stream's items, opened if it is not yet."""
        keeps = door.spec.keeps_audience
        if keeps not in self._doors:
            self._doors[keeps] = AudienceDoor() if keeps else EventDoor()
        return self._doors[keeps]

    def _write(self, parcels: list[Parcel]) -> None:
        """Make what was accepted durable."""
        chunks = [_chunk(parcel, timezone.now()) for parcel in parcels]
        with hub_scope(), transaction.atomic():
            Chunk.objects.bulk_create(chunks)
            self._note_use(parcels)
        for parcel, chunk in zip(parcels, chunks, strict=True):
            self._bell.came(parcel.door, chunk.events, chunk.bytes)

    def _note_use(self, parcels: list[Parcel]) -> None:
        """Note when keys were used, to the minute."""
        now = time.monotonic()
        keys = {parcel.door.keys[post.key] for parcel in parcels for post, _ in parcel.places if post.key}
        due = [key for key in keys if now - self._used.get(key, -USED_SECONDS) >= USED_SECONDS]
        if due:
            minute = timezone.now()
            old = Q(last_used_at=None) | Q(last_used_at__lt=minute - timedelta(seconds=USED_SECONDS))
            WriteKey.objects.filter(old, pk__in=due).update(last_used_at=minute)
            self._used.update(dict.fromkeys(due, now))

    def _answer(self, posts: list[Post], parcels: list[Parcel]) -> None:
        results: dict[int, list[dict[str, Any]]] = {id(post): [{}] * len(post.items) for post in posts}
        for parcel in parcels:
            told = results_of(parcel)
            for (post, place), result in zip(parcel.places, told, strict=True):
                if id(post) in results:
                    results[id(post)][place] = result
        for post in posts:
            post.answer.set_result(Answer(results[id(post)]))


def _chunk(parcel: Parcel, now: datetime) -> Chunk:
    """Return what is written of a parcel."""
    contents = parcel.contents
    return Chunk(
        tenant_id=parcel.door.tenant_id,
        stream_id=parcel.door.stream_id,
        event_source_id=parcel.address.get("event_source_id", ""),
        test_event_code=parcel.address.get("test_event_code", ""),
        received_at=now,
        rows=len(parcel.items),
        events=len(contents.numbers),
        bytes=len(contents.body) if contents.numbers else 0,
        content=contents_pack(contents),
    )


def door_open(door: Door | None, key: str | None) -> Door:
    """Return a stream's door where the key opens it; raise CollectError where not."""
    if door is None:
        raise CollectError(*NOT_FOUND)
    if key is not None and key not in door.keys:
        raise CollectError(*BAD_KEY)
    if not door.enabled:
        raise CollectError(*DISABLED)
    if door.problem:
        raise CollectError(
            503, "stream_incomplete", f"This stream cannot take events yet. {door.problem}", retry_after=60
        )
    if door.full:
        raise CollectError(429, "backlog_full", door.full[0], retry_after=door.full[1])
    return door


def results_of(parcel: Parcel) -> list[dict[str, Any]]:
    """Return what is told of each item of a parcel."""
    accepted = set(parcel.contents.numbers)
    results = []
    for number, item in enumerate(parcel.items):
        result: dict[str, Any] = {"status": "accepted" if number in accepted else "rejected"}
        if item.event_id:
            result["event_id"] = item.event_id
        results.append(result)
    for number, name, reason, _, level in parcel.contents.issues:
        told = {"field": name, "reason": reason, "message": REASONS.get(str(reason)) or SENTENCES[str(reason)]}
        results[number].setdefault("errors" if level == REJECT else "warnings", []).append(told)
    return results


def items_of(posted: Sequence[object], door: Door, client: Client) -> list[Item]:
    """Read posted items by the parameters of a stream."""
    now = time.time()
    return [item_read(each, door.known, client=client, now=now, other_sources=door.other_sources) for each in posted]


def items_collect(stream: Stream, posted: Sequence[object], *, client: Client) -> Answer:
    """Take items from a person's hand instead of a request with a key; return when they are durable.

    Raise CollectError as for a request.
    """
    door = door_open(door_of(stream, {}), None)
    post = Post(stream.public_id, None, items_of(posted, door, client))
    return collector.submit(post).result(timeout=ANSWER_SECONDS)


collector = Collector()
