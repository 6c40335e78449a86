"""When scheduled runs are due: pure rules over cron, intervals and time zones, without Django and without a clock.

A *slot* is a moment, in UTC, at which one run is due. What clock changes do is one rule for every cron expression:

- a time that the clock skips is due once, at the end of the gap, however many times of the gap are named;
- a time that the clock shows twice is due the first time only.

An interval counts elapsed time from its anchor and knows no clock changes: 45 minutes are 45 minutes. What follows
another orchestration has no clock at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

FIELDS = 5
EXPRESSION_LONGEST = 100
MINUTES_MOST = 366 * 24 * 60
HOUR = 60
SECOND = timedelta(seconds=1)

CRON_CLOCK = (
    "When clocks go forward, a run in the skipped hour happens once, as that hour ends. When they go back, a run in "
    "the repeated hour happens once, the first time."
)
INTERVAL_CLOCK = "Elapsed time counts, so clock changes make no difference."
AFTER_CLOCK = "One run for each whole run of the other; plans and samples do not count, nor does the clock."
ENDS = {
    "succeeded": "has succeeded without errors",
    "with_errors": "has succeeded, also with errors",
    "any": "has ended in any way",
}


class ScheduleError(ValueError):
    """A schedule that cannot be: says why and what to write; `field` is cron, every_minutes or time_zone."""

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        super().__init__(sentence)


@cache
def time_zones() -> frozenset[str]:
    """Return the names of all IANA time zones that this machine knows."""
    return frozenset(available_timezones())


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name; raise ScheduleError where there is none."""
    if name not in time_zones():
        raise ScheduleError("time_zone", f"“{name[:60]}” is no IANA time zone. An example: America/New_York.")
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Cron:
    """Due whenever the clock of a time zone matches an expression of five fields, as Debian's cron reads them."""

    expression: str
    time_zone: str

    clock_rule = CRON_CLOCK

    def __post_init__(self) -> None:
        """Refuse what is no expression, or never matches."""
        zone_named(self.time_zone)
        if len(self.expression.split()) != FIELDS or len(self.expression) > EXPRESSION_LONGEST:
            raise ScheduleError(
                "cron",
                "A cron expression has five fields: minute, hour, day of month, month, day of week. "
                "“30 2 * * *” is every day at 02:30.",
            )
        try:
            first = next(CronSim(self.expression, datetime(2000, 1, 1)), None)  # noqa: DTZ001 - wall-clock time
        except CronSimError as error:
            raise ScheduleError("cron", _mistake(str(error))) from None
        if first is None:
            raise ScheduleError("cron", "No day matches this: it would never run.")

    @property
    def words(self) -> str:
        """Return the schedule as people say it: “At 02:30 every day (America/New_York)”."""
        text = CronSim(self.expression, datetime(2000, 1, 1)).explain()  # noqa: DTZ001 - wall-clock time
        return f"{text} ({self.time_zone})"

    def next(self, after: datetime) -> datetime | None:
        """Return the first slot later than a moment."""
        zone = ZoneInfo(self.time_zone)
        wall = after.astimezone(zone).replace(tzinfo=None, fold=0)
        slots = (instant(each, zone) for each in CronSim(self.expression, wall))
        return next((slot for slot in slots if slot > after), None)

    def latest(self, at: datetime) -> datetime | None:
        """Return the last slot that is not later than a moment."""
        zone = ZoneInfo(self.time_zone)
        local = at.astimezone(zone)
        # While the clock shows times for the second time, later ones of the first time lie in the past already.
        ahead = _offset(local.replace(fold=0)) - _offset(local)
        wall = local.replace(tzinfo=None, fold=0, microsecond=0) + ahead + SECOND
        slots = (instant(each, zone) for each in CronSim(self.expression, wall, reverse=True))
        return next((slot for slot in slots if slot <= at), None)


@dataclass(frozen=True, slots=True)
class Interval:
    """Due every so many minutes of elapsed time, counted from an anchor; the time zone is for showing times."""

    minutes: int
    anchor: datetime
    time_zone: str

    clock_rule = INTERVAL_CLOCK

    def __post_init__(self) -> None:
        """Refuse what is no interval."""
        zone_named(self.time_zone)
        if not 1 <= self.minutes <= MINUTES_MOST:
            raise ScheduleError("every_minutes", f"Give whole minutes, from 1 to {MINUTES_MOST:,} (one year).")

    @property
    def words(self) -> str:
        """Return the schedule as people say it: “Every 45 minutes”."""
        hours, minutes = divmod(self.minutes, HOUR)
        if self.minutes == 1:
            return "Every minute"
        if minutes or not hours:
            return f"Every {self.minutes:,} minutes"
        return "Every hour" if hours == 1 else f"Every {hours:,} hours"

    def next(self, after: datetime) -> datetime | None:
        """Return the first slot later than a moment."""
        step = timedelta(minutes=self.minutes)
        return self.anchor + ((after - self.anchor) // step + 1) * step

    def latest(self, at: datetime) -> datetime | None:
        """Return the last slot that is not later than a moment; the anchor itself is none."""
        step = timedelta(minutes=self.minutes)
        count = (at - self.anchor) // step
        return self.anchor + count * step if count > 0 else None


@dataclass(frozen=True, slots=True)
class After:
    """Due whenever a run of another orchestration has ended in one of the ways that count (a key of `ENDS`)."""

    other: str
    ends: str
    time_zone: str

    clock_rule = AFTER_CLOCK

    def __post_init__(self) -> None:
        """Refuse what is no way in which runs end."""
        zone_named(self.time_zone)
        if self.ends not in ENDS:
            raise ScheduleError("ends", f"Choose one of {', '.join(ENDS)}.")

    @property
    def words(self) -> str:
        """Return the schedule as people say it: “After “orders” has succeeded without errors”."""
        return f"After “{self.other}” {self.when}"

    @property
    def when(self) -> str:
        """Return which ends count, as the end of a sentence."""
        return ENDS[self.ends]

    def next(self, after: datetime) -> datetime | None:
        """Return nothing: nobody knows when the other run will end."""
        return None

    def latest(self, at: datetime) -> datetime | None:
        """Return nothing: which runs have ended stands in the database."""
        return None


Rule = Cron | Interval | After


def slots_after(rule: Rule, after: datetime) -> Iterator[datetime]:
    """Yield the slots later than a moment, in their order; they end where cron finds none for fifty years."""
    slot = rule.next(after)
    while slot is not None:
        yield slot
        slot = rule.next(slot)


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment of a wall-clock time: the first of two, or the end of the gap that skips it."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == local:
        return first
    # In a gap, fold=1 gives a moment before the change of clocks, and fold=0 one after it (PEP 495).
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change_between(before, first, zone)


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second at which a zone's offset is that of `after`."""
    offset = _offset(after.astimezone(zone))
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset((before + middle * SECOND).astimezone(zone)) == offset:
            high = middle
        else:
            low = middle
    return before + high * SECOND


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta()


def _mistake(reason: str) -> str:
    """Turn the parser's “Bad minute” into a sentence."""
    field = reason.removeprefix("Bad ").replace("-", " ")
    ranges = {
        "minute": "0 to 59", "hour": "0 to 23", "day of month": "1 to 31, or L for the last",
        "month": "1 to 12, or JAN to DEC", "day of week": "0 to 7 (0 and 7 are Sunday), or SUN to SAT",
    }  # fmt: skip
    if field not in ranges:
        return "This is no cron expression. “30 2 * * *” is every day at 02:30."
    signs = "also *, lists (1,15), ranges (1-5) and steps (*/2)"
    return f"The field “{field}” cannot be read. It takes {ranges[field]}; {signs}."
