"""The collector's HTTP: what a request must look like, and what is answered; the same for every web server.

A request is judged in two steps, so that nothing of a stranger's body is read: `head_admit` by its head, `body_read`
by its body. Both raise CollectError.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson
from django.conf import settings

from orchestrations.streams.collecting import Answer, Post, door_open, items_of
from orchestrations.streams.directory import Door
from orchestrations.streams.items import Client
from orchestrations.streams.keys import key_digest
from orchestrations.streams.refusals import BAD_KEY, NO_KEY, NOT_FOUND, CollectError

PREFIX = "/collect/v1/"
DOCUMENT = f"{PREFIX}openapi.json"
MOST_ITEMS = 1_000
LONGEST_KEY = 200
ANY_ORIGIN = "*"
METHODS = "POST, OPTIONS"
ALLOWED_HEADERS = "Authorization, Content-Type, Content-Encoding"
ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body; header names are in lower case, `ip` is the client's address."""

    method: str
    public_id: str
    query: str
    headers: Mapping[str, str]
    ip: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A response."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may go on: to which stream, with which key."""

    head: Head
    door: Door
    key: str


def head_answer(door: Door | None, head: Head) -> Reply | None:
    """Return the reply to what is no post at all: a browser's question whether it may, or a wrong method."""
    if head.method == "OPTIONS":
        allowed = cors(door, head)
        return Reply(204 if allowed else 403, b"", allowed | ({"Access-Control-Max-Age": "600"} if allowed else {}))
    if head.method != "POST":
        reply = error_reply(CollectError(405, "method_not_allowed", "Events are sent with POST."), door, head)
        return Reply(reply.status, reply.body, reply.headers | {"Allow": METHODS})
    return None


def head_admit(door: Door | None, head: Head) -> Admission:
    """Judge a request by its head."""
    if door is None:
        raise CollectError(*NOT_FOUND)
    key = key_digest(_key(head))
    if key not in door.keys:
        raise CollectError(*BAD_KEY)
    door_open(door, key)
    origin = head.headers.get("origin")
    if origin and not _origin_allowed(door, origin):
        raise CollectError(
            403, "origin_not_allowed", "Pages of this web site may not post to this stream. Allow its origin first."
        )
    length = head.headers.get("content-length", "")
    if length.isdecimal() and int(length) > settings.HUB_COLLECT_MAX_BYTES:
        raise too_large()
    encoding = head.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", *ENCODINGS):
        raise CollectError(415, "unknown_encoding", "The body may be plain, gzip or deflate.")
    return Admission(head, door, key)


def body_read(admission: Admission, body: bytes) -> Post:
    """Read a request's items."""
    head, door = admission.head, admission.door
    encoding = head.headers.get("content-encoding", "").strip().lower()
    if encoding in ENCODINGS:
        body = _unpacked(body, ENCODINGS[encoding])
    posted = _items(
        body, lines="ndjson" in head.headers.get("content-type", "") or "jsonl" in head.headers.get("content-type", "")
    )
    if len(posted) > MOST_ITEMS:
        raise CollectError(413, "too_many_items", f"A request may have at most {MOST_ITEMS:,} events. Send several.")
    client = Client(head.ip, head.headers.get("user-agent"))
    return Post(door.public_id, admission.key, items_of(posted, door, client))


def answer_reply(admission: Admission, answer: Answer) -> Reply:
    """Return the reply to a post: 202, or 422 where nothing of it was accepted."""
    body: dict[str, Any] = {"accepted": answer.accepted, "rejected": answer.rejected, "results": answer.results}
    if not answer.accepted:
        body["error"] = {"code": "nothing_accepted", "message": "No event of this request can be used; see results."}
    return _json(202 if answer.accepted else 422, body, cors(admission.door, admission.head))


def error_reply(error: CollectError, door: Door | None, head: Head) -> Reply:
    """Return the reply to a request that is refused as a whole."""
    more = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    if error.status == 401:  # noqa: PLR2004 - HTTP
        more["WWW-Authenticate"] = 'Bearer realm="tiktok_hub collector"'
    return _json(error.status, {"error": {"code": error.code, "message": str(error)}}, {**more, **cors(door, head)})


def cors(door: Door | None, head: Head) -> dict[str, str]:
    """Return the headers that let a browser's page read the reply; none where it may not."""
    origin = head.headers.get("origin")
    if not origin or door is None or not _origin_allowed(door, origin):
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }


def too_large() -> CollectError:
    """Return the error of a body that is too large."""
    most = settings.HUB_COLLECT_MAX_BYTES
    return CollectError(
        413, "body_too_large", f"The body may have at most {most:,} bytes, also unpacked. Send several."
    )


def _key(head: Head) -> str:
    scheme, _, token = head.headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else parse_qs(head.query).get("key", [""])[0]
    if not key:
        raise CollectError(*NO_KEY)
    return key[:LONGEST_KEY]


def _origin_allowed(door: Door, origin: str) -> bool:
    return origin in door.origins or ANY_ORIGIN in door.origins


def _unpacked(body: bytes, bits: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=bits)
    try:
        plain = unpacker.decompress(body, settings.HUB_COLLECT_MAX_BYTES + 1)
    except zlib.error:
        raise CollectError(422, "not_packed", "The body cannot be unpacked as its Content-Encoding says.") from None
    if len(plain) > settings.HUB_COLLECT_MAX_BYTES:
        raise too_large()
    if not unpacker.eof:
        raise CollectError(422, "not_packed", "The packed body ends too early.")
    return plain


def _items(body: bytes, *, lines: bool) -> list[Any]:
    """Read one object, a list, or one object per line."""
    text = body.strip()
    if not text:
        raise CollectError(422, "empty", "The request has no event.")
    if not lines:
        try:
            posted = orjson.loads(text)
        except orjson.JSONDecodeError:
            lines = True
        else:
            found = posted if isinstance(posted, list) else [posted]
            if not found:
                raise CollectError(422, "empty", "The request has no event.")
            return found
    items = [_line(line) for line in text.splitlines() if line.strip()]
    if all(item is NO_JSON for item in items):
        raise CollectError(422, "not_json", "The body is not JSON: send an object, a list, or one object per line.")
    return [None if item is NO_JSON else item for item in items]


NO_JSON = object()


def _line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return NO_JSON


def _json(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
    return Reply(
        status, orjson.dumps(body), {"Content-Type": "application/json", "Cache-Control": "no-store", **headers}
    )
