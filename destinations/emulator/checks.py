"""Check single values of an event: one function per kind of value, raising FieldError without a result.

Facts: TikTok doc 1771101303285761 (Events API 2.0 payload) as repeated in public SDKs; what no source states is
marked *assumed*. A checker gets any JSON value; `under` adds the place where it stood.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

from destinations.emulator.errors import NOT_HASHED, PARAMETER

Check = Callable[[Any], None]

HASH = re.compile(r"[0-9a-f]{64}\Z")
ANY_HASH = re.compile(r"[0-9a-fA-F]{64}\Z")
EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*\Z")
_CURRENCIES = (
    "AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR ISK"
    " JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD THB TRY"
    " TWD UAH USD VES VND ZAR"
)
CURRENCIES = frozenset(_CURRENCIES.split())


class FieldError(Exception):
    """A value TikTok refuses: the path to it inside its container, what is wrong, and the return code."""

    def __init__(self, problem: str, code: int = PARAMETER, path: tuple[str | int, ...] = ()) -> None:
        """Keep the problem; the path grows on the way out through `under`."""
        super().__init__(problem)
        self.problem = problem
        self.code = code
        self.path = path

    def under(self, key: str | int) -> "FieldError":
        """Give the same error one container further out."""
        return FieldError(self.problem, self.code, (key, *self.path))


class MissingError(FieldError):
    """A required field that is absent."""

    def under(self, key: str | int) -> "FieldError":
        """Give the same error one container further out."""
        return MissingError(self.problem, self.code, (key, *self.path))


def check_text(value: object) -> None:
    """Accept a string with something in it."""
    if type(value) is not str:
        raise FieldError("not a valid string.")
    if not value or value.isspace():
        raise FieldError("must not be empty.")


def check_boolean(value: object) -> None:
    """Accept true and false."""
    if type(value) is not bool:
        raise FieldError("not a valid boolean.")


def check_integer(value: object) -> None:
    """Accept a whole JSON number."""
    if type(value) is not int:
        raise FieldError("not a valid integer.")


def check_quantity(value: object) -> None:
    """Accept a whole JSON number of at least 1."""
    check_integer(value)
    if value < 1:  # type: ignore[operator]
        raise FieldError("must be at least 1.")


def check_amount(value: object) -> None:
    """Accept a finite JSON number of at least 0."""
    if type(value) is not float and type(value) is not int:
        raise FieldError("not a valid number.")
    if not 0 <= value < 1e15 or not isfinite(value):
        raise FieldError("must be a number of at least 0.")


def check_hash(value: object) -> None:
    """Accept a SHA-256 as 64 lower-case hex digits, except that of the empty string."""
    if type(value) is not str:
        raise FieldError("not a valid string.")
    if HASH.match(value) is None:
        if ANY_HASH.match(value):
            raise FieldError("the SHA-256 hash must be lower-case.")
        raise FieldError("not hashed with SHA-256.", NOT_HASHED)
    if value == EMPTY_HASH:
        raise FieldError("hash of an empty value.")


def check_hashes(value: object) -> None:
    """Accept one SHA-256 or a list of them."""
    if type(value) is list:
        check_list(value, check_hash)
    else:
        check_hash(value)


def check_device_id(value: object) -> None:
    """Accept a device id, raw or hashed."""
    check_text(value)


@lru_cache(maxsize=65_536)
def _is_ip(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def check_ip(value: object) -> None:
    """Accept an IPv4 or IPv6 address."""
    check_text(value)
    if not _is_ip(str(value)):
        raise FieldError("not a valid IP address.")


@lru_cache(maxsize=65_536)
def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and " " not in value


def check_url(value: object) -> None:
    """Accept a full http(s) URL."""
    check_text(value)
    if not _is_url(str(value)):
        raise FieldError("not a valid URL.")


def check_locale(value: object) -> None:
    """Accept a BCP 47 language tag."""
    check_text(value)
    if LOCALE.match(str(value)) is None:
        raise FieldError("not a valid locale.")


def check_currency(value: object) -> None:
    """Accept an upper-case currency of TikTok's list (that others are refused is assumed)."""
    check_text(value)
    if value not in CURRENCIES:
        raise FieldError("not a valid choice.")


def one_of(*choices: str) -> Check:
    """Make a checker for a closed list of texts."""
    known = frozenset(choices)

    def check_choice(value: object) -> None:
        check_text(value)
        if value not in known:
            raise FieldError("not a valid choice.")

    return check_choice


def check_list(value: object, check: Check) -> None:
    """Accept a non-empty list whose members all pass."""
    if type(value) is not list:
        raise FieldError("not a valid list.")
    if not value:
        raise FieldError("must not be empty.")
    for index, member in enumerate(value):
        try:
            check(member)
        except FieldError as error:
            raise error.under(index) from None


def list_of(check: Check) -> Check:
    """Make a checker for a non-empty list."""
    return lambda value: check_list(value, check)


def check_filled(value: object) -> None:
    """Accept any JSON except null and empty strings, lists and objects, at any depth (tolerated unknown fields)."""
    if value is None:
        raise FieldError("must not be null.")
    if type(value) is str:
        check_text(value)
    elif type(value) is list:
        check_list(value, check_filled)
    elif type(value) is dict:
        check_object(value, {}, (), known_only=False)


def check_object(value: object, checks: Mapping[str, Check], required: tuple[str, ...], *, known_only: bool) -> None:
    """Accept a non-empty object: required fields present, known ones valid, others refused or only not empty."""
    if type(value) is not dict:
        raise FieldError("not a valid object.")
    if not value:
        raise FieldError("must not be empty.")
    for key, member in value.items():
        check = checks.get(key)
        if check is None:
            if known_only:
                raise FieldError("unknown field.", path=(key,))
            check = check_filled
        try:
            check(member)
        except FieldError as error:
            raise error.under(key) from None
    for key in required:
        if key not in value:
            raise MissingError("missing.", path=(key,))


def object_of(checks: Mapping[str, Check], required: tuple[str, ...] = (), *, known_only: bool = True) -> Check:
    """Make a checker for an object."""
    return lambda value: check_object(value, checks, required, known_only=known_only)
