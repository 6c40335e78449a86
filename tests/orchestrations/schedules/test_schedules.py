"""When runs are due: examples as a table, and what holds for every zone, expression and year."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from orchestrations.schedules.rules import (
    CRON_CLOCK,
    INTERVAL_CLOCK,
    Cron,
    Interval,
    ScheduleError,
    slots_after,
    time_zones,
)

ZONES = sorted(time_zones())
YEARS = st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
NUMBERS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 28), "month": (1, 12), "weekday": (0, 7)}


def field(name: str) -> st.SearchStrategy[str]:
    """Return texts of one field: a star, numbers, a range, steps."""
    low, high = NUMBERS[name]
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        st.lists(number, min_size=1, max_size=3).map(lambda found: ",".join(map(str, found))),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.integers(2, 30).map(lambda step: f"*/{step}"),
    )


EXPRESSIONS = st.tuples(*(field(name) for name in NUMBERS)).map(" ".join)
AROUND_CLOCK_CHANGES = st.tuples(field("minute"), field("hour"), *(st.just("*"),) * 3).map(" ".join)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def first_slots(rule: Cron | Interval, after: datetime, count: int) -> list[datetime]:
    return list(islice(slots_after(rule, after), count))


def walls_between(rule: Cron, start: datetime, stop: datetime) -> list[datetime]:
    """Return the wall-clock times that an expression names from one local time to another."""
    found = []
    for wall in CronSim(rule.expression, start - timedelta(seconds=1)):
        if wall > stop:
            break
        found.append(wall)
    return found


CLOCK_CHANGES = [
    # zone, expression, a moment before, the slots that follow
    ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00+01:00", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
    ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00+02:00", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
    ("Europe/Berlin", "0,30 2 * * *", "2026-03-28T12:00+01:00", ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]),
    ("America/New_York", "30 2 * * *", "2026-03-07T12:00-05:00", ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"]),
    ("America/New_York", "0 3 * * *", "2026-03-07T12:00-05:00", ["2026-03-08T03:00-04:00", "2026-03-09T03:00-04:00"]),
    ("America/New_York", "30 1 * * *", "2026-10-31T12:00-04:00", ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]),
    ("America/New_York", "30 1 * * *", "2026-11-01T01:10-05:00", ["2026-11-02T01:30-05:00"]),
    ("America/New_York", "0 * * * *", "2026-11-01T01:00-04:00", ["2026-11-01T02:00-05:00"]),
    ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00+10:30",
     ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"]),
    ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00+11:00",
     ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"]),
    ("Pacific/Apia", "30 2 * * *", "2011-12-29T02:30-10:00", ["2011-12-31T00:00+14:00", "2011-12-31T02:30+14:00"]),
    ("Asia/Kathmandu", "30 2 * * *", "2026-03-28T12:00+05:45", ["2026-03-29T02:30+05:45", "2026-03-30T02:30+05:45"]),
    ("UTC", "30 2 * * *", "2026-03-28T12:00+00:00", ["2026-03-29T02:30+00:00", "2026-03-30T02:30+00:00"]),
    ("UTC", "0 0 29 2 *", "2026-03-28T12:00+00:00", ["2028-02-29T00:00+00:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "expression", "before", "slots"), CLOCK_CHANGES)
def test_clock_changes_move_a_skipped_run_and_keep_one_of_two(zone, expression, before, slots):
    rule = Cron(expression, zone)
    assert first_slots(rule, moment(before), len(slots)) == [moment(slot) for slot in slots]


@pytest.mark.parametrize(("zone", "expression", "before", "slots"), CLOCK_CHANGES)
def test_latest_finds_the_slots_again_across_clock_changes(zone, expression, before, slots):
    rule = Cron(expression, zone)
    for slot in map(moment, slots):
        assert rule.latest(slot) == slot
        assert rule.latest(slot + timedelta(microseconds=1)) == slot
        assert rule.latest(slot - timedelta(microseconds=1)) != slot


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), EXPRESSIONS, YEARS)
def test_slots_rise_and_latest_gives_each_of_them_back(zone, expression, after):
    try:
        rule = Cron(expression, zone)
    except ScheduleError:
        assume(False)
    slots = first_slots(rule, after, 5)
    assert all(earlier < later for earlier, later in pairwise([after, *slots]))
    for earlier, later in pairwise(slots):
        assert rule.latest(later) == later
        assert rule.latest(later - timedelta(microseconds=1)) == earlier


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), AROUND_CLOCK_CHANGES, YEARS)
@example("America/New_York", "*/20 1-2 * * *", moment("2026-11-01T00:00-04:00"))
@example("Europe/Dublin", "*/20 * * * *", moment("2026-10-25T00:00+01:00"))
@example("Africa/Casablanca", "10,50 2-3 * * *", moment("2026-02-15T00:00+01:00"))
@example("Antarctica/Troll", "*/7 0-3 * * *", moment("2026-03-29T00:00+00:00"))
def test_every_time_that_the_clock_shows_is_a_slot_exactly_once(zone, expression, after):
    rule, clock = Cron(expression, zone), ZoneInfo(zone)
    start = after.astimezone(clock).replace(tzinfo=None, fold=0, second=0, microsecond=0)
    # Begin and end where the clock does not change.
    assume(len({(after + timedelta(hours=hours)).astimezone(clock).utcoffset() for hours in (-4, 0, 4)}) == 1)
    stop = start + timedelta(days=2)
    end = stop.replace(tzinfo=clock)
    assume(
        len({(end.astimezone(UTC) + timedelta(hours=hours)).astimezone(clock).utcoffset() for hours in (-4, 4)}) == 1
    )
    slots = [slot for slot in slots_until(rule, start.replace(tzinfo=clock).astimezone(UTC), end.astimezone(UTC))]
    shown = [slot.astimezone(clock).replace(tzinfo=None, fold=0) for slot in slots]
    named = walls_between(rule, start, stop)
    real = [wall for wall in named if is_shown(wall, clock)]
    assert set(real) <= set(shown)
    assert len(shown) == len(set(shown))
    extra = set(shown) - set(named)
    assert len(extra) <= (1 if len(real) < len(named) else 0)


def slots_until(rule: Cron, start: datetime, stop: datetime) -> list[datetime]:
    """Return the slots from one moment to another, both included."""
    found = []
    for slot in slots_after(rule, start - timedelta(seconds=1)):
        if slot > stop:
            break
        found.append(slot)
    return found


def clock_is_steady(clock: ZoneInfo, at: datetime) -> bool:
    """Say whether a zone's offset stays as it is around a moment."""
    hours = (at + timedelta(hours=each) for each in (-4, 0, 4))
    return len({hour.astimezone(clock).utcoffset() for hour in hours}) == 1


def is_shown(wall: datetime, clock: ZoneInfo) -> bool:
    """Say whether a clock ever shows a time."""
    there = wall.replace(tzinfo=clock).astimezone(UTC).astimezone(clock)
    return there.replace(tzinfo=None, fold=0) == wall


def days_of_change(clock: ZoneInfo) -> list[datetime]:
    """Return noon before each change of a zone's offset in ten years."""
    noons = [datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day) for day in range(3653)]
    offsets = [noon.astimezone(clock).utcoffset() for noon in noons]
    pairs = zip(pairwise(noons), pairwise(offsets), strict=True)
    return [noon for (noon, _), (before, after) in pairs if before != after]


@pytest.mark.parametrize("hour", range(5))
def test_a_daily_run_happens_once_a_day_at_every_change_of_clocks_of_ten_years_in_all_zones(hour):
    for zone in ZONES:
        rule, clock = Cron(f"30 {hour} * * *", zone), ZoneInfo(zone)
        for noon in days_of_change(clock):
            slots = first_slots(rule, noon - timedelta(days=2), 5)
            days = [slot.astimezone(clock).date() for slot in slots]
            assert [(later - earlier).days for earlier, later in pairwise(days)] == [1] * 4, (zone, days)


@given(st.integers(1, 10_000), YEARS, YEARS)
def test_intervals_are_anchored_and_truly_as_long_as_they_say(minutes, anchor, after):
    rule, step = Interval(minutes, anchor, "America/New_York"), timedelta(minutes=minutes)
    slots = first_slots(rule, after, 5)
    assert all(later - earlier == step for earlier, later in pairwise(slots))
    assert after < slots[0] <= after + step
    assert (slots[0] - anchor) % step == timedelta()


@pytest.mark.parametrize("minutes", [45, 90])
def test_an_interval_knows_neither_hours_nor_clock_changes(minutes):
    anchor = moment("2026-03-07T22:10-05:00")
    slots = first_slots(Interval(minutes, anchor, "America/New_York"), anchor, 40)
    assert [slot - anchor for slot in slots] == [timedelta(minutes=minutes * count) for count in range(1, 41)]


def test_an_interval_was_not_due_before_its_first_slot():
    anchor = moment("2026-01-01T00:00+00:00")
    rule = Interval(45, anchor, "UTC")
    assert rule.latest(anchor + timedelta(minutes=44)) is None
    assert rule.latest(anchor + timedelta(minutes=100)) == anchor + timedelta(minutes=90)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Cron("30 2 * * *", "America/New_York"), "At 02:30 every day (America/New_York)"),
        (Cron("0 9 * * mon-fri", "UTC"), "At 09:00 on Monday through Friday (UTC)"),
        (Interval(1, moment("2026-01-01T00:00+00:00"), "UTC"), "Every minute"),
        (Interval(45, moment("2026-01-01T00:00+00:00"), "UTC"), "Every 45 minutes"),
        (Interval(60, moment("2026-01-01T00:00+00:00"), "UTC"), "Every hour"),
        (Interval(90, moment("2026-01-01T00:00+00:00"), "UTC"), "Every 90 minutes"),
        (Interval(1440, moment("2026-01-01T00:00+00:00"), "UTC"), "Every 24 hours"),
    ],
    ids=["daily", "weekdays", "minute", "45", "hour", "90", "day"],
)
def test_a_rule_says_itself_in_words(rule, words):
    assert rule.words == words


def test_each_kind_of_rule_says_what_clock_changes_do():
    assert Cron("* * * * *", "UTC").clock_rule == CRON_CLOCK
    assert Interval(5, moment("2026-01-01T00:00+00:00"), "UTC").clock_rule == INTERVAL_CLOCK


@pytest.mark.parametrize(
    ("expression", "zone", "field", "sentence"),
    [
        ("", "UTC", "cron", "five fields"),
        ("30 2 * *", "UTC", "cron", "five fields"),
        ("0 30 2 * * *", "UTC", "cron", "five fields"),
        ("@daily", "UTC", "cron", "five fields"),
        ("60 * * * *", "UTC", "cron", "“minute” cannot be read"),
        ("0 24 * * *", "UTC", "cron", "“hour” cannot be read"),
        ("0 0 * * FRY", "UTC", "cron", "“day of week” cannot be read"),
        ("0 0 31 2 *", "UTC", "cron", "“day of month” cannot be read"),
        ("* * */20 * 1L", "UTC", "cron", "never run"),
        ("1," * 60 + "1 * * * *", "UTC", "cron", "five fields"),
        ("30 2 * * *", "Mars/Olympus", "time_zone", "no IANA time zone"),
        ("30 2 * * *", "../../etc/passwd", "time_zone", "no IANA time zone"),
        ("30 2 * * *", "", "time_zone", "no IANA time zone"),
    ],
)
def test_a_schedule_that_cannot_be_says_why(expression, zone, field, sentence):
    with pytest.raises(ScheduleError, match=sentence) as caught:
        Cron(expression, zone)
    assert caught.value.field == field


@given(st.text(alphabet="0123456789*/-,#L W?²ABMONSU", max_size=30).map(lambda text: f"{text} * * *"))
def test_any_text_is_either_an_expression_that_comes_or_a_schedule_error(text):
    with suppress(ScheduleError):
        rule = Cron(text, "Europe/Berlin")
        assert rule.words
        assert rule.next(moment("2026-01-01T00:00+00:00")) is not None


@pytest.mark.parametrize("minutes", [0, -5, 366 * 24 * 60 + 1])
def test_an_interval_lies_between_a_minute_and_a_year(minutes):
    with pytest.raises(ScheduleError) as caught:
        Interval(minutes, moment("2026-01-01T00:00+00:00"), "UTC")
    assert caught.value.field == "every_minutes"
