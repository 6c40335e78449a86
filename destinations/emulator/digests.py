"""Check one hashed id as it stands in a request or a file, and give its bytes."""

import re
from collections.abc import Callable
from uuid import UUID

from destinations.emulator.checks import FieldError
from destinations.emulator.errors import NOT_HASHED
from destinations.emulator.members import RAW_MAID

Read = Callable[[object], bytes]
_EMPTY = {
    "SHA-256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "MD5": "d41d8cd98f00b204e9800998ecf8427e",
}
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def _reader(name: str, digits: int) -> Read:
    lower, either = re.compile(rf"[0-9a-f]{{{digits}}}\Z"), re.compile(rf"[0-9a-fA-F]{{{digits}}}\Z")
    empty = _EMPTY[name]

    def read_digest(value: object) -> bytes:
        if type(value) is not str:
            raise FieldError("not a valid string.")
        if lower.match(value) is None:
            if either.match(value):
                raise FieldError(f"the {name} hash must be lower-case.")
            raise FieldError(f"not hashed with {name}.", NOT_HASHED)
        if value == empty:
            raise FieldError("hash of an empty value.")
        return bytes.fromhex(value)

    return read_digest


def _raw_maid(value: object) -> bytes:
    if type(value) is not str or _UUID.match(value) is None:
        raise FieldError("not a valid mobile advertising id.")
    return UUID(value).bytes


_SHA256, _MD5 = _reader("SHA-256", 64), _reader("MD5", 32)


def digest_check(kind: str) -> Read:
    """Give what checks an id of a type (`EMAIL_SHA256`, `IDFA_MD5` …) and turns it into bytes."""
    if kind == RAW_MAID:
        return _raw_maid
    return _MD5 if kind.endswith("_MD5") else _SHA256
