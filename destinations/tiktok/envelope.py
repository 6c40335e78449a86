"""Read TikTok's answers: what came over HTTP → an `Answer`, or the error that says what to do.

Success is a return code of 0 (or one of the codes that mean success with a warning) read from the body, never the HTTP
status: TikTok answers HTTP 200 for nearly every failure.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from destinations.tiktok.codes import UNREADABLE, error_from, meaning_of, meaning_of_status
from destinations.tiktok.redaction import safe_id, safe_text

#: The longest wait (seconds) that a Retry-After header is believed.
LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came over HTTP; `headers` looks names up in any case, `seconds` is how long it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer; `warning` is what the business user should know although it succeeded."""

    data: dict[str, Any] = field(repr=False)
    request_id: str
    code: int
    warning: str | None
    seconds: float


def answer_from(reply: Reply, secrets: tuple[str, ...] = ()) -> Answer:
    """Return the answer, or raise the `TikTokError` that fits; `secrets` are hidden in TikTok's message."""
    envelope = _envelope(reply.body)
    code = _code(envelope.get("code"))
    message = safe_text(envelope.get("message"), secrets)
    request_id = safe_id(envelope.get("request_id")) or _logged_id(reply)
    if code == 0:
        return Answer(_data(envelope), request_id, 0, None, reply.seconds)
    if code is None:
        meaning = meaning_of_status(reply.status)
    else:
        meaning = meaning_of(code, message, reply.status)
        if meaning.remedy is None:
            return Answer(_data(envelope), request_id, code, _warning(meaning.sentence, message), reply.seconds)
    raise error_from(
        meaning,
        code=code,
        message=message or _what_instead(reply, code),
        request_id=request_id,
        status=reply.status,
        retry_after=_retry_after(reply.headers.get("Retry-After", "")),
    )


def undecided(detail: str, *, status: int | None = None, request_id: str = "") -> Exception:
    """Make the error for a request of which no answer could be read, and which may have been carried out."""
    return error_from(UNREADABLE, message=detail, status=status, request_id=request_id)


def _envelope(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _code(value: object) -> int | None:
    """Return the return code as a number; some stand-ins of TikTok send it as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and number == int(number) else None


def _data(envelope: dict[str, Any]) -> dict[str, Any]:
    data = envelope.get("data")
    if isinstance(data, list):
        return {"list": data}
    return data if isinstance(data, dict) else {}


def _warning(sentence: str, message: str) -> str:
    return f"{sentence} TikTok says: {message}" if message else sentence


def _logged_id(reply: Reply) -> str:
    return safe_id(reply.headers.get("X-Tt-Logid", ""))


def _what_instead(reply: Reply, code: int | None) -> str:
    """Say what the answer was, where TikTok said nothing; an unknown body is described, never quoted."""
    if code is not None:
        return ""
    kind = safe_text(reply.headers.get("Content-Type", ""), limit=60) or "no content type"
    return f"{len(reply.body)} bytes of {kind} without a return code" if reply.body else "an empty answer"


def _retry_after(header: str) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number, or an HTTP date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None
