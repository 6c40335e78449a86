"""Read a JSON body strictly: JSON content type, UTF-8, an object, no key twice."""

import re
from typing import Any

import orjson

from destinations.emulator.errors import PARAMETER, ApiError
from destinations.emulator.wire import Call

_KEYS = re.compile(rb'"(?:[^"\\]++|\\.)*+"(\s*:)?', re.DOTALL)
_UNUSUAL = re.compile(rb'"\s+:|\\u0022')


def json_object(call: Call) -> dict[str, Any]:
    """Parse the body of a POST; raise 40002 for anything but one JSON object."""
    if call.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(PARAMETER, "Invalid Content-Type: must be application/json.")
    try:
        value = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise ApiError(PARAMETER, "Invalid request body: not a valid JSON.") from error
    if not isinstance(value, dict):
        raise ApiError(PARAMETER, "Invalid request body: not a valid JSON object.")
    if _has_duplicate_keys(call.body, value):
        raise ApiError(PARAMETER, "Invalid request body: duplicate key in a JSON object.")
    return value


def _has_duplicate_keys(body: bytes, value: dict[str, Any]) -> bool:
    """Tell whether a key stands twice in one object: writing the parsed value loses the first of the two.

    A compact body comes back byte for byte, which proves it clean; otherwise keys are counted on both sides. A quote
    before a colon ends a key, or stands escaped in a text, alike on both sides; only where a blank comes between, or
    a quote is written as \\u0022, strings must be told apart, which is slow.
    """
    written = orjson.dumps(value)
    if written == body:
        return False
    if _UNUSUAL.search(body) is None:
        return written.count(b'":') != body.count(b'":')
    return _key_count(written) != _key_count(body)


def _key_count(body: bytes) -> int:
    return sum(1 for colon in _KEYS.findall(body) if colon)
