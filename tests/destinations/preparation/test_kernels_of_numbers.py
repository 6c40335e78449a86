"""Amounts and quantities: what the wire gets, from texts and from SQL's number types."""

import pytest

from tests.destinations.preparation.helpers import kernel_of


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("46", "46"),
        ("1234.50", "1234.5"),
        ("10.00", "10"),
        ("0", "0"),
        ("0.00", "0"),
        ("-0", "0"),
        (" 7.25\u00a0", "7.25"),
        ("1e3", "1000"),
        ("1E-7", "0.0000001"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+3", "3"),
        ("007", "7"),
        ("0.30000000000000004", "0.3"),
        ("123456789012.34", "123456789012.34"),
        ("1e17", "100000000000000000"),
        ("1e-400", "0"),
    ],
)
def test_number_is_written_plainly(given: str, written: str) -> None:
    assert kernel_of("value", given) == (written, None)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("$1,234.50", "bad_number"),
        ("1,5", "bad_number"),
        ("1 000", "bad_number"),
        ("1_000", "bad_number"),
        ("0x10", "bad_number"),
        ("١", "bad_number"),
        ("nan", "bad_number"),
        ("inf", "bad_number"),
        ("-5", "negative_number"),
        ("-0.01", "negative_number"),
        ("1e18", "number_too_large"),
        ("9" * 40, "number_too_large"),
        ("1e9999", "number_too_large"),
    ],
)
def test_bad_number_is_told(given: str, reason: str) -> None:
    assert kernel_of("price", given) == (None, reason)


@pytest.mark.parametrize(
    ("given", "duckdb_type", "written"),
    [
        ("12.5", "DOUBLE", "12.5"),
        ("10", "DOUBLE", "10"),
        ("0.30000000000000004", "DOUBLE", "0.3"),
        ("1e-7", "DOUBLE", "0.0000001"),
        ("1e16", "DOUBLE", "10000000000000000"),
        ("123456789.123456", "DOUBLE", "123456789.123456"),
        ("0.1", "FLOAT", "0.1"),
        ("10.50", "DECIMAL(10,2)", "10.5"),
        ("100.00", "DECIMAL(10,2)", "100"),
        ("100", "DECIMAL(10,0)", "100"),
        ("7", "TINYINT", "7"),
        ("999999999999999", "BIGINT", "999999999999999"),
        ("1000000000000000000000", "HUGEINT", "number_too_large"),
        ("nan", "DOUBLE", "bad_number"),
        ("-inf", "DOUBLE", "bad_number"),
        ("-0.5", "DOUBLE", "negative_number"),
        ("-3", "INTEGER", "negative_number"),
        ("true", "BOOLEAN", "bad_number"),
        (None, "DOUBLE", None),
    ],
)
def test_number_types_are_read_exactly(given: str | None, duckdb_type: str, written: str | None) -> None:
    value, bad = kernel_of("value", given, duckdb_type)
    assert (value or bad) == written


@pytest.mark.parametrize(
    ("given", "duckdb_type", "expected"),
    [
        ("2", "VARCHAR", ("2", None)),
        ("2.0", "VARCHAR", ("2", None)),
        ("1e2", "VARCHAR", ("100", None)),
        ("3", "DOUBLE", ("3", None)),
        ("4", "INTEGER", ("4", None)),
        ("5.00", "DECIMAL(8,2)", ("5", None)),
        ("0", "VARCHAR", (None, "bad_quantity")),
        ("1.5", "VARCHAR", (None, "bad_quantity")),
        ("-1", "INTEGER", (None, "bad_quantity")),
        ("1.5", "DOUBLE", (None, "bad_quantity")),
        ("two", "VARCHAR", (None, "bad_quantity")),
        ("1000000000", "BIGINT", (None, "bad_quantity")),
        (" ", "VARCHAR", (None, None)),
    ],
)
def test_quantity_is_whole_and_at_least_one(given: str, duckdb_type: str, expected: tuple[object, object]) -> None:
    assert kernel_of("quantity", given, duckdb_type) == expected
