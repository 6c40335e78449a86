"""A zone's offsets as SQL: naive times become epoch seconds without an engine's own opinion about clock changes."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

DAY = 86_400


def offset_sql(zone: str, start: int, end: int) -> Callable[[str], str]:
    """Make a function from the SQL of a local time to the SQL of its offset; both in seconds.

    Exact for local times between `start` and `end` (epoch seconds); before and after, the nearest offset holds. The
    first of two equal hours is meant, and a skipped hour keeps the offset before the change (PEP 495, fold=0).
    """
    tz = ZoneInfo(zone)
    first, changes = _offset(tz, start), _changes(tz, start, end)

    def sql(local: str) -> str:
        if not changes:
            return str(first)
        before, steps = first, []
        for moment, after in changes:
            steps.append(f"WHEN {local} < {moment + max(before, after)} THEN {before}")
            before = after
        return f"CASE {' '.join(steps)} ELSE {before} END"

    return sql


def _offset(tz: ZoneInfo, moment: int) -> int:
    offset = datetime.fromtimestamp(moment, UTC).astimezone(tz).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _changes(tz: ZoneInfo, start: int, end: int) -> list[tuple[int, int]]:
    """Find the moments at which the offset changes, and the offset from then on."""
    found, low = [], start
    while low < end:
        high = low + DAY
        if _offset(tz, low) != _offset(tz, high):
            moment = _bisect(tz, low, high)
            found.append((moment, _offset(tz, moment)))
        low = high
    return found


def _bisect(tz: ZoneInfo, low: int, high: int) -> int:
    before = _offset(tz, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(tz, middle) == before else (low, middle)
    return high
