"""What holds for schedules in every zone over ten years, exhaustively where clocks change and at random elsewhere.

The reference is told by nothing but the clock: a wall-clock minute is due at the first moment at which the clock shows
it; of those that it skips, together one run, at the end of the gap. Zones that change their clocks alike are examined
once.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrations.schedules.rules import Cron, Interval, slots_after, time_zones

ZONES = sorted(time_zones())
START, DAYS = datetime(2026, 1, 1, tzinfo=UTC), 3653
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
Change = tuple[datetime, timedelta, timedelta]

# Each names times that some zone skips or shows twice: in the small hours, at midnight, on the half hour, on one day.
EXPRESSIONS = (
    "30 2 * * *", "0 2 * * *", "0 3 * * *", "15,45 1-3 * * *", "*/7 * * * *", "0 0 * * *", "59 23 * * *",
    "0,30 0 * * SUN", "30 1 L * *", "30 2 29 3 *", "*/20 2 * * MON-FRI", "0 */6 * * *",
)  # fmt: skip


@cache
def changes(zone: str) -> tuple[Change, ...]:
    """Return the moments in ten years at which a zone's clock changes, with the offsets before and after."""
    clock = ZoneInfo(zone)
    moments = [START + number * DAY for number in range(DAYS + 1)]
    return tuple(
        change
        for earlier, later in pairwise(moments)
        if offset(clock, earlier) != offset(clock, later)
        for change in changes_between(clock, earlier, later)
    )


def changes_between(clock: ZoneInfo, earlier: datetime, later: datetime) -> Iterator[Change]:
    """Find the minute of a change by halving."""
    before, after = offset(clock, earlier), offset(clock, later)
    while later - earlier > MINUTE:
        middle = earlier + (later - earlier) // MINUTE // 2 * MINUTE
        if offset(clock, middle) == before:
            earlier = middle
        else:
            later = middle
    yield later, before, after


def offset(clock: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(clock).utcoffset() or timedelta()


def kinds() -> list[tuple[str, Change]]:
    """Return one zone and change for each way in which clocks change: by how much, at which time, on which day."""
    found: dict[tuple[object, ...], tuple[str, Change]] = {}
    for zone in ZONES:
        for change in changes(zone):
            at, before, after = change
            wall = (at + before).replace(tzinfo=None)
            found.setdefault((before, after, wall.time(), wall.weekday(), wall.month, wall.day), (zone, change))
    return list(found.values())


def due(expression: str, clock: ZoneInfo, start: datetime, stop: datetime) -> list[datetime]:
    """Return the slots after one moment up to another as the rule says them, by looking at the clock every minute."""
    found, seen = [], set(walls(clock, start - DAY, start))
    before = (start.astimezone(clock)).replace(tzinfo=None)
    named = set(islice_until(CronSim(expression, before - DAY), (stop + DAY).astimezone(clock).replace(tzinfo=None)))
    at = start
    while (at := at + MINUTE) <= stop:
        wall = at.astimezone(clock).replace(tzinfo=None, fold=0)
        skipped = {each for each in named if before < each < wall} if wall - before > MINUTE else set()
        if (wall in named and wall not in seen) or skipped:
            found.append(at)
        seen.add(wall)
        before = wall
    return found


def walls(clock: ZoneInfo, start: datetime, stop: datetime) -> Iterator[datetime]:
    """Yield what the clock shows at each minute from one moment to another."""
    while start <= stop:
        yield start.astimezone(clock).replace(tzinfo=None, fold=0)
        start += MINUTE


def islice_until(times: Iterator[datetime], stop: datetime) -> Iterator[datetime]:
    for each in times:
        if each > stop:
            return
        yield each


def slots_between(rule: Cron | Interval, start: datetime, stop: datetime) -> list[datetime]:
    found = []
    for slot in slots_after(rule, start):
        if slot > stop:
            break
        found.append(slot)
    return found


@pytest.mark.parametrize("part", range(4))
def test_slots_around_every_kind_of_clock_change_are_those_of_the_rule(part):
    for number, (zone, (at, _, _)) in enumerate(kinds()[part::4]):
        expression = EXPRESSIONS[number % len(EXPRESSIONS)]
        start, stop, clock = at - 4 * HOUR, at + 5 * HOUR, ZoneInfo(zone)
        expected = due(expression, clock, start, stop)
        assert slots_between(Cron(expression, zone), start, stop) == expected, (zone, expression, at)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_next_and_latest_agree_before_at_and_after_each_slot_near_clock_changes(expression):
    for zone, (at, _, _) in kinds()[::7]:
        rule = Cron(expression, zone)
        slots = list(islice(slots_after(rule, at - DAY), 4))
        assert all(earlier < later for earlier, later in pairwise(slots)), (zone, at)
        for earlier, later in pairwise(slots):
            assert rule.latest(later) == later, (zone, later)
            assert rule.latest(later - MINUTE / 60) == earlier, (zone, later)
            assert rule.next(later - MINUTE / 60) == later, (zone, later)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ZONES), st.sampled_from(EXPRESSIONS), st.integers(0, DAYS * 24 * 60).map(lambda each: each * MINUTE)
)
def test_slots_of_any_hours_in_any_zone_are_those_of_the_rule(zone, expression, elapsed):
    start = START + elapsed
    stop = start + 2 * HOUR
    found = slots_between(Cron(expression, zone), start, stop)
    assert found == due(expression, ZoneInfo(zone), start, stop)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), st.integers(1, 3000), st.integers(0, DAYS * 24 * 60).map(lambda each: each * MINUTE))
def test_intervals_are_exactly_as_long_as_they_say_through_ten_years(zone, minutes, elapsed):
    rule = Interval(minutes, START, zone)
    slots = list(islice(slots_after(rule, START + elapsed), 4))
    assert {later - earlier for earlier, later in pairwise(slots)} == {minutes * MINUTE}
    assert (slots[0] - START) % (minutes * MINUTE) == timedelta()
    assert [rule.latest(slot + MINUTE / 2) for slot in slots] == slots
