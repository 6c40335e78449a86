"""The careful path: what SQL cannot decide exactly, decided by one Python function per kind, for distinct values only.

Each function takes a trimmed text and gives a marked answer: `=` and the normalised value, `~` and a local time that
still needs its zone, or `!` and a reason. DuckDB calls them through Arrow, in chunks, for the few rows that the fast
path let through.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

import duckdb
import phonenumbers
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from destinations.preparation.kernels.patterns import E164, EMAIL, EMAIL_LENGTH

CACHE = 50_000
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
TIMESTAMP = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})"
    r"(?:[T ]([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2})(?:[.,][0-9]+)?)?)?"
    r" ?(Z|z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SIGNIFICANT = Context(prec=15, rounding=ROUND_HALF_UP)
WIDE = Context(prec=400, rounding=ROUND_HALF_UP)
SMALLEST = Decimal("1e-10")
LARGEST = Decimal("999999999999999500")
"""What would be rounded to 19 digits before the point; sums of such numbers stay within the engine's decimals."""


@lru_cache(maxsize=CACHE)
def email(text: str) -> str:
    """Decide on an address with characters beyond ASCII: they may stand in the domain, which becomes punycode."""
    local, _, domain = text.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return "!bad_email"
    address = f"{local}@{domain}"
    if not re.fullmatch(EMAIL, address) or len(address) > EMAIL_LENGTH:
        return "!bad_email"
    return "=" + address.lower()


@lru_cache(maxsize=CACHE)
def phone(digits: str, country: str) -> str:
    """Complete a national number with libphonenumber's metadata.

    Only its length is judged (`is possible`): ranges open faster than metadata is released.
    """
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return "!bad_phone"
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return "!bad_phone"
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return "=" + text if re.fullmatch(E164, text) else "!bad_phone"


@lru_cache(maxsize=CACHE)
def number(text: str) -> str:
    """Write a number as the wire has it: plain decimals, 15 significant digits, at most 10 after the point.

    Receivers read JSON numbers as doubles, which carry 15 decimal digits; more of them are noise of binary sums.
    """
    if not NUMBER.fullmatch(text):
        return "!bad_number"
    value = Decimal(text)
    if value < 0:
        return "!negative_number"
    if value >= LARGEST:
        return "!number_too_large"
    return "=" + plain(value)


def plain(value: Decimal) -> str:
    """Write a number ≥ 0 without exponent: 15 significant digits, at most 10 after the point."""
    if value.adjusted() < -30:
        return "0"
    value = SIGNIFICANT.plus(value)
    if value != value.quantize(SMALLEST, context=WIDE):
        value = value.quantize(SMALLEST, context=WIDE)
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@lru_cache(maxsize=CACHE)
def timestamp(text: str) -> str:
    """Read the less usual forms of ISO 8601 and Unix time; `~` marks seconds of a local time without zone."""
    if match := TIMESTAMP.fullmatch(text):
        return _calendar(*match.groups())
    if not NUMBER.fullmatch(text):
        return "!bad_timestamp"
    seconds = unix_seconds(Decimal(text))
    return "!bad_timestamp" if seconds is None else f"={seconds}"


def _calendar(year: str, month: str, day: str, hour: str, minute: str, second: str, zone: str) -> str:
    try:
        local = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError:
        return "!bad_timestamp"
    seconds = (local - EPOCH) // timedelta(seconds=1)
    if not zone:
        return f"~{seconds}"
    if zone[0] not in "+-":
        return f"={seconds}"
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    if hours > 14 or minutes > 59:
        return "!bad_timestamp"
    offset = timezone(timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1))
    return f"={(local.replace(tzinfo=offset) - EPOCH) // timedelta(seconds=1)}"


def unix_seconds(value: Decimal) -> int | None:
    """Tell seconds, milliseconds, microseconds and nanoseconds apart by magnitude; floor to seconds."""
    if value.adjusted() > 19:
        return None
    for power, limit in ((0, 10**11), (3, 10**14), (6, 10**17), (9, 9 * 10**18)):
        if abs(value) < limit:
            return int((value / Decimal(10) ** power).to_integral_value("ROUND_FLOOR"))
    return None


@lru_cache(maxsize=CACHE)
def ip(text: str) -> str:
    """Accept what the standard library reads as an address, without a zone index."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "!bad_ip"
    return "!bad_ip" if "%" in text else "=" + text


def _over_column(function: Callable[[str], str]) -> Callable[[pa.ChunkedArray], pa.Array]:
    """Turn a function of a text into one of an Arrow column; NULL stays NULL."""

    def over(column: pa.ChunkedArray) -> pa.Array:
        return pa.array([None if text is None else function(text) for text in column.to_pylist()], pa.string())

    return over


def _over_phones(digits: pa.ChunkedArray, countries: pa.ChunkedArray) -> pa.Array:
    pairs = zip(digits.to_pylist(), countries.to_pylist(), strict=True)
    return pa.array([None if None in pair else phone(*pair) for pair in pairs], pa.string())


FUNCTIONS: dict[str, tuple[Callable[..., pa.Array], int]] = {
    "careful_email": (_over_column(email), 1),
    "careful_phone": (_over_phones, 2),
    "careful_number": (_over_column(number), 1),
    "careful_timestamp": (_over_column(timestamp), 1),
    "careful_ip": (_over_column(ip), 1),
}


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Lend the functions to a connection."""
    for name, (function, arity) in FUNCTIONS.items():
        connection.create_function(
            name,
            function,
            ["VARCHAR"] * arity,
            "VARCHAR",
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )
    try:
        yield
    finally:
        for name in FUNCTIONS:
            connection.remove_function(name)
