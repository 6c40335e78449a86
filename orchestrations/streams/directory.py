"""What a collector must know of streams, read from the database and remembered for a second."""

import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection

from destinations.preparation.contract import Limits
from destinations.specs.base import Spec
from orchestrations.models import Stream, WriteKey
from orchestrations.runs.services import settings_effective
from orchestrations.streams.parameters import Parameter, lookup
from orchestrations.streams.refusals import not_written
from orchestrations.streams.waiting import backlog_refusal
from tiktok_hub.tenancy.scope import hub_scope

REMEMBERED_SECONDS = 1.0
MOST_REMEMBERED = 10_000
POSSIBLE = re.compile("[0-9a-z]{1,32}")


@dataclass(frozen=True)
class Door:
    """One stream as a collector sees it.

    `keys` maps digests of write keys that are not revoked to their ids; `problem` says why its events cannot be
    prepared, `full` why it takes no more for now, and after how many seconds to try again.
    """

    stream_id: int
    tenant_id: int
    public_id: str
    enabled: bool
    keys: Mapping[str, int] = field(repr=False)
    origins: frozenset[str]
    other_sources: frozenset[str]
    spec: Spec = field(repr=False)
    settings: Mapping[str, Any]
    known: Mapping[str, Parameter] = field(repr=False)
    time_zone: str
    country: str
    max_events: int
    max_bytes: int
    problem: str = ""
    full: tuple[str, int] | None = None

    @property
    def limits(self) -> Limits:
        """Return what one request of this stream may hold."""
        most = self.spec.limits
        return Limits(most.rows_per_request, min(most.bytes_per_request, self.max_bytes))


class Directory:
    """Streams by their public ids; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Door | None]] = {}

    def find(self, public_id: str) -> Door | None:
        """Return a stream as it was at most a second ago, None where there is none.

        Raise CollectError where the database does not answer.
        """
        known, door = self.remembered(public_id)
        try:
            return door if known else self.read([public_id]).get(public_id)
        except DatabaseError:
            connection.close()  # it may have gone; the next request finds out
            raise not_written() from None

    def remembered(self, public_id: str) -> tuple[bool, Door | None]:
        """Return whether a stream was looked up within the last second, and as what; the database is not asked.

        What no stream can be called is known not to be there.
        """
        if not POSSIBLE.fullmatch(public_id):
            return True, None
        with self._lock:
            read, door = self._known.get(public_id, (0.0, None))
        known = bool(read) and time.monotonic() - read < REMEMBERED_SECONDS
        return known, door if known else None

    def check(self, public_ids: Iterable[str]) -> dict[str, Door]:
        """Return streams by public id, each with the keys that it has at this moment, as long as it is switched on.

        Everything else may be a second old.
        """
        wanted = set(public_ids)
        keys: dict[str, set[str]] = {public_id: set() for public_id in wanted}
        with hub_scope():
            valid = WriteKey.objects.filter(
                stream__public_id__in=wanted, revoked_at=None, stream__orchestration__enabled=True
            )
            for public_id, digest in valid.order_by().values_list("stream__public_id", "digest"):
                keys[public_id].add(digest)
        found: dict[str, Door] = {}
        for public_id in wanted:
            _, door = self.remembered(public_id)
            if door is not None and door.enabled and keys[public_id] and keys[public_id] == set(door.keys):
                found[public_id] = door
        return found | self.read(wanted - set(found))

    def read(self, public_ids: Iterable[str]) -> dict[str, Door]:
        """Read streams anew, remember and return them by public id."""
        wanted = set(public_ids)
        found = doors_read(wanted) if wanted else {}
        now = time.monotonic()
        with self._lock:
            if len(self._known) > MOST_REMEMBERED:
                self._known.clear()
            for public_id in wanted:
                self._known[public_id] = (now, found.get(public_id))
        return found


def doors_read(public_ids: Iterable[str]) -> dict[str, Door]:
    """Read streams from the database: two queries, however many they are."""
    with hub_scope():
        streams = Stream.objects.filter(public_id__in=list(public_ids)).select_related(
            "orchestration__destination__tenant", "orchestration__tenant"
        )
        rows = list(streams)
        keys: dict[int, dict[str, int]] = {}
        for pk, stream, digest in WriteKey.objects.filter(
            stream__in=[row.pk for row in rows], revoked_at=None
        ).values_list("pk", "stream", "digest"):
            keys.setdefault(stream, {})[digest] = pk
        return {row.public_id: door_of(row, keys.get(row.pk, {})) for row in rows}


def door_of(stream: Stream, keys: Mapping[str, int]) -> Door:
    """Return a stream as a collector sees it."""
    orchestration = stream.orchestration
    destination, tenant = orchestration.destination, orchestration.tenant
    problem, settings = "", {}
    try:
        settings = settings_effective(orchestration)
    except ValidationError as error:
        problem = " ".join(error.messages)
    return Door(
        stream_id=stream.pk, tenant_id=stream.tenant_id, public_id=stream.public_id, enabled=orchestration.enabled,
        keys=keys, origins=frozenset(stream.allowed_origins), other_sources=frozenset(stream.other_sources),
        spec=destination.spec, settings=settings, known=lookup(destination.spec, settings),
        time_zone=tenant.time_zone, country=destination.country or "", max_events=stream.max_events,
        max_bytes=stream.max_bytes, problem=problem, full=backlog_refusal(stream),
    )  # fmt: skip
