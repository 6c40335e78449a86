"""Hold events as TikTok would: de-duplicated, counted, and the latest of them in full.

De-duplication is by event source, event and event_id within 48 hours (TikTok's help page on event de-duplication).
Memory: every id is kept (about 160 bytes each, so that five million events stay under a gigabyte); whole events only
up to `full_limit` per event source.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

Item = dict[str, Any]
WINDOW_SECONDS = 48 * 3600
IDENTITY = ("email", "phone", "external_id", "ttclid", "ttp", "ip")
"""Fields of `user` by which TikTok can match a person; an event with none of them is counted as unmatchable."""

_SHIFT = 20
_MASK = (1 << _SHIFT) - 1


class Record(NamedTuple):
    """A held event: when and with which request it came, and the item as JSON bytes (far smaller than a dict)."""

    received_at: float
    request_id: str
    raw: bytes


class IdCount(NamedTuple):
    """How often one (event, event_id) arrived, and how often it was counted as an event."""

    event: str
    event_id: str
    received: int
    held: int


@dataclass
class SourceEvents:
    """Everything held for one event source."""

    kind: str
    full: deque[Record]
    test: deque[Record]
    # (first second << 40 | received << 20 | held): one int, shared by all ids of a request until one arrives twice
    ids: dict[str, dict[str, int]] = field(default_factory=dict)
    by_event: Counter[str] = field(default_factory=Counter)
    received: int = 0
    held: int = 0
    duplicates: int = 0
    test_events: int = 0
    without_id: int = 0
    unmatchable: int = 0
    last_at: float = 0.0

    def counts(self) -> dict[str, Any]:
        """Sum up for the state page: counts of events, never their content."""
        return {
            "event_source": self.kind,
            "received": self.received,
            "held": self.held,
            "duplicates": self.duplicates,
            "test_events": self.test_events,
            "without_id": self.without_id,
            "unmatchable": self.unmatchable,
            "kept_in_full": len(self.full),
            "by_event": dict(self.by_event.most_common()),
            "last_at": self.last_at,
        }


class EventStore:
    """Events of all sources. Not thread-safe: the caller holds the state's lock."""

    def __init__(self, full_limit: int) -> None:
        """Keep at most `full_limit` whole events per source."""
        self.full_limit = full_limit
        self.sources: dict[str, SourceEvents] = {}

    def source(self, source_id: str, kind: str) -> SourceEvents:
        """Find or open the drawer of an event source."""
        if source_id not in self.sources:
            self.sources[source_id] = SourceEvents(kind, deque(maxlen=self.full_limit), deque(maxlen=self.full_limit))
        return self.sources[source_id]

    def hold_test(self, source: SourceEvents, records: list[Record]) -> None:
        """Keep test events apart: they are shown, never counted or de-duplicated."""
        source.test.extend(records)
        source.test_events += len(records)

    def hold(self, source: SourceEvents, items: list[Item], records: list[Record], now: float) -> None:
        """Count and keep the events of one accepted request, dropping those already held within 48 hours."""
        fresh = int(now) << 2 * _SHIFT | 1 << _SHIFT | 1
        held = 0
        for item, record in zip(items, records, strict=True):
            event = item["event"]
            event_id = item.get("event_id")
            if event_id is None:
                source.without_id += 1
            else:
                names = source.ids.get(event)
                if names is None:
                    names = source.ids[event] = {}
                seen = names.get(event_id)
                if seen is None:
                    names[event_id] = fresh
                elif not _again(names, event_id, seen, now):
                    source.duplicates += 1
                    continue
            held += 1
            source.by_event[event] += 1
            source.full.append(record)
            user = item.get("user")
            if not user or not any(name in user for name in IDENTITY):
                source.unmatchable += 1
        source.received += len(items)
        source.held += held
        source.last_at = now

    def items(self, source_id: str, *, test: bool = False) -> list[Item]:
        """List the whole events kept for a source, oldest first, as they were sent."""
        source = self.sources.get(source_id)
        if source is None:
            return []
        return [orjson.loads(record.raw) for record in (source.test if test else source.full)]

    def ids(self, source_id: str) -> Iterator[IdCount]:
        """Count receptions of every id ever held for a source."""
        source = self.sources.get(source_id)
        for event, names in source.ids.items() if source else ():
            for event_id, packed in names.items():
                yield IdCount(event, event_id, packed >> _SHIFT & _MASK, packed & _MASK)


def _again(names: dict[str, int], event_id: str, seen: int, now: float) -> bool:
    """Count another reception of a known id; tell whether it is an event of its own (after 48 hours)."""
    first, received, held = seen >> 2 * _SHIFT, (seen >> _SHIFT & _MASK) + 1, seen & _MASK
    expired = now - first > WINDOW_SECONDS
    if expired:
        first, held = int(now), held + 1
    names[event_id] = first << 2 * _SHIFT | min(received, _MASK) << _SHIFT | min(held, _MASK)
    return expired
