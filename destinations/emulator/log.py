"""Remember which requests came: the latest in a ring, all of them in sums. Never a token, a secret or a body."""

from collections import Counter, deque
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One answered request; `seconds` is the time inside the emulator, `time` epoch seconds at its end."""

    time: float
    method: str
    path: str
    http: int
    code: int | None
    request_id: str
    seconds: float
    items: int
    bytes: int
    event_source_id: str
    fault: int | None


class PathSum:
    """Sums over all requests of one path, however many."""

    def __init__(self) -> None:
        """Start at zero."""
        self.codes: Counter[str] = Counter()
        self.requests = self.items = self.bytes = 0
        self.seconds = self.slowest = 0.0
        self.first_at = self.last_at = 0.0
        self.busiest_second = self._second = self._in_second = 0

    def add(self, entry: Entry) -> None:
        """Count one request."""
        self.codes[outcome(entry)] += 1
        self.requests += 1
        self.items += entry.items
        self.bytes += entry.bytes
        self.seconds += entry.seconds
        self.slowest = max(self.slowest, entry.seconds)
        self.first_at = self.first_at or entry.time
        self.last_at = entry.time
        second = int(entry.time)
        self._in_second = self._in_second + 1 if second == self._second else 1
        self._second = second
        self.busiest_second = max(self.busiest_second, self._in_second)

    def as_json(self) -> dict[str, Any]:
        """Give the sums as a JSON object."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


class RequestLog:
    """Ring of the latest requests. Not thread-safe: the caller holds the state's lock."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` entries."""
        self.entries: deque[Entry] = deque(maxlen=limit)
        self.sums: dict[str, PathSum] = {}
        self.in_flight = self.most_in_flight = 0

    def begin(self) -> None:
        """Note that a request is being worked on."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self, entry: Entry) -> None:
        """Note the outcome of a request."""
        self.in_flight -= 1
        self.entries.append(entry)
        self.sums.setdefault(entry.path, PathSum()).add(entry)

    def latest(self, path: str, limit: int) -> list[Entry]:
        """List the latest requests, newest first, of one path or of all."""
        found = [entry for entry in reversed(self.entries) if not path or entry.path.endswith(path)]
        return found[:limit]

    def summary(self) -> dict[str, Any]:
        """Sum up per path: requests, items, bytes, seconds, outcomes, and the busiest second."""
        return {
            "most_in_flight": self.most_in_flight,
            "paths": {path: sums.as_json() for path, sums in sorted(self.sums.items())},
        }


def outcome(entry: Entry) -> str:
    """Name an outcome for counting: the return code, else the HTTP status, else `dropped`."""
    if entry.code is not None:
        return str(entry.code)
    return f"HTTP {entry.http}" if entry.http else "dropped"
