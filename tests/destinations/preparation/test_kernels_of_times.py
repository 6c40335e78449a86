"""Timestamps: every form people write, and the hours that clocks repeat or skip."""

from datetime import UTC, datetime

import duckdb
import pytest

from destinations.preparation.zones import offset_sql
from tests.destinations.preparation.helpers import NOW, kernel_of


def epoch(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("2026-03-01T12:00:00+02:00", 1772359200),
        ("2026-02-28T23:59:59-08:00", 1772351999),
        ("2026-03-01T10:00:00Z", 1772359200),
        ("2026-03-01 10:00:00", 1772359200),
        ("2026-03-01T10:00:00.999Z", 1772359200),
        ("2026-03-01T10:00:00,999Z", 1772359200),
        ("2026-03-01T10:00Z", 1772359200),
        ("2026-03-01 10:00", 1772359200),
        ("2026-03-01T10:00:00+0000", 1772359200),
        ("2026-03-01 10:00:00 UTC", 1772359200),
        ("2026-03-01 10:00:00+00", 1772359200),
        ("20260301T100000Z", 1772359200),
        ("2026-03-01T15:30:00+05:30", 1772359200),
        (" 2026-03-01T10:00:00Z ", 1772359200),
        ("2026-03-01", 1772323200),
        ("20260301", 1772323200),
        ("1772359200", 1772359200),
        ("1772359200123", 1772359200),
        ("1772359200123456", 1772359200),
        ("1772359200123456789", 1772359200),
        ("1772359200.9", 1772359200),
        ("1.7723592E9", 1772359200),
    ],
)
def test_timestamp_text_is_read(given: str, seconds: int) -> None:
    assert kernel_of("timestamp", given) == (seconds, None)


@pytest.mark.parametrize(
    "given",
    [
        "not a date",
        "01/04/2026 10:00",
        "2026-13-45T00:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T10:00:60Z",
        "2026-03-01T10:00:00+15:00",
        "2026-03-01T10:00:00Z\nx",
        "infinity",
        "99999999999999999999",
    ],
)
def test_bad_timestamp_is_told(given: str) -> None:
    assert kernel_of("timestamp", given) == (None, "bad_timestamp")


@pytest.mark.parametrize(
    ("given", "duckdb_type", "seconds"),
    [
        ("2026-03-01 10:00:00.5", "TIMESTAMP", 1772359200),
        ("2026-03-01 10:00:00.5", "TIMESTAMP_NS", 1772359200),
        ("2026-03-01 10:00:00", "TIMESTAMP_S", 1772359200),
        ("2026-03-01 12:00:00+02", "TIMESTAMP WITH TIME ZONE", 1772359200),
        ("2026-03-01", "DATE", 1772323200),
        ("1772359200", "BIGINT", 1772359200),
        ("1772359200123", "BIGINT", 1772359200),
        ("1772359200", "INTEGER", 1772359200),
        ("1772359200.7", "DOUBLE", 1772359200),
        ("1772359200.70", "DECIMAL(14,2)", 1772359200),
        ("1772359200123", "HUGEINT", 1772359200),
    ],
)
def test_timestamp_types_are_read(given: str, duckdb_type: str, seconds: int) -> None:
    assert kernel_of("timestamp", given, duckdb_type) == (seconds, None)


@pytest.mark.parametrize(
    ("given", "duckdb_type"),
    [("infinity", "TIMESTAMP"), ("nan", "DOUBLE"), ("true", "BOOLEAN"), ("10:00:00", "TIME")],
)
def test_types_without_a_moment_are_bad(given: str, duckdb_type: str) -> None:
    assert kernel_of("timestamp", given, duckdb_type) == (None, "bad_timestamp")


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (600, None),
        (601, "timestamp_in_future"),
        (-28 * 86400, None),
        (-28 * 86400 - 1, "timestamp_too_old"),
    ],
)
def test_age_is_measured_from_the_start_of_the_run(offset: int, expected: str | None) -> None:
    assert kernel_of("timestamp", str(NOW + offset))[1] == expected


def test_age_limit_is_a_setting() -> None:
    assert kernel_of("timestamp", str(NOW - 40 * 86400), max_age_days=41) == (NOW - 40 * 86400, None)


@pytest.mark.parametrize(
    ("zone", "local", "expected"),
    [
        ("America/New_York", (2025, 11, 2, 1, 30), epoch(2025, 11, 2, 5, 30)),
        ("America/New_York", (2025, 11, 2, 0, 59), epoch(2025, 11, 2, 4, 59)),
        ("America/New_York", (2025, 11, 2, 2, 0), epoch(2025, 11, 2, 7, 0)),
        ("America/New_York", (2025, 3, 9, 2, 30), epoch(2025, 3, 9, 7, 30)),
        ("America/New_York", (2025, 3, 9, 3, 30), epoch(2025, 3, 9, 7, 30)),
        ("Europe/Berlin", (2025, 7, 1, 12, 0), epoch(2025, 7, 1, 10, 0)),
        ("Australia/Lord_Howe", (2025, 4, 6, 1, 45), epoch(2025, 4, 5, 14, 45)),
        ("Asia/Kolkata", (2025, 7, 1, 12, 0), epoch(2025, 7, 1, 6, 30)),
    ],
)
def test_naive_time_lies_in_the_tenants_zone(zone: str, local: tuple[int, ...], expected: int) -> None:
    offset = offset_sql(zone, epoch(2025, 1, 1), epoch(2026, 1, 1))
    wall = epoch(*local)
    (found,) = duckdb.connect().execute(f"SELECT {wall} - {offset(str(wall))}").fetchall()[0]
    assert found == expected


def test_naive_text_and_type_agree() -> None:
    text = kernel_of("timestamp", "2026-03-01 10:00:00", time_zone="Asia/Tokyo")
    typed = kernel_of("timestamp", "2026-03-01 10:00:00", "TIMESTAMP", time_zone="Asia/Tokyo")
    assert text == typed == (1772359200 - 9 * 3600, None)
