"""Take events: POST /event/track/ (TikTok doc 1771101303285761, Events API 2.0).

All or nothing: one bad item refuses the request, and the message names the field but not the item, as TikTok's does.
A missing scope is answered with 40001, whose documented meaning covers it (40130 is only a constant in the SDK).
"""

from typing import Any

import orjson

from destinations.emulator.api import Endpoint, Job
from destinations.emulator.body import json_object
from destinations.emulator.checks import FieldError, MissingError, check_text
from destinations.emulator.errors import (
    NOT_ALLOW_LISTED,
    NOT_EXIST,
    PARAMETER,
    PARTNER_NAME,
    PERMISSION,
    ApiError,
)
from destinations.emulator.items import DAY, FUTURE_SECONDS, ITEMS, NESTED, items_check
from destinations.emulator.model import CONVERSION_SCOPE, EventSet, Pixel
from destinations.emulator.state import State
from destinations.emulator.store import Record

PATH = "/event/track/"
MOST_ITEMS = 1_000
TOP_LEVEL = ("event_source", "event_source_id", "data")
OPTIONAL = ("partner_name", "test_event_code")
PARTNERS = frozenset({"Segment", "RudderStack", "GoogleTagManagerServer"})
"""Partner names seen in production; that any other is refused with 40063 is assumed."""


def track(job: Job) -> dict[str, Any]:
    """Check a request and hold its events."""
    if job.state.null:
        job.call.items = job.call.body.count(b'"event_time"')
        return {}
    body = json_object(job.call)
    try:
        kind, source_id, items = _top_level(body)
    except FieldError as error:
        raise _refusal(error, indexed=False) from None
    job.call.items, job.call.event_source_id = len(items), source_id
    _source_check(job, kind, source_id)
    now = job.state.now()
    options = job.state.options
    try:
        items_check(kind, items, now - options.max_age_days * DAY - options.age_grace_seconds, now + FUTURE_SECONDS)
    except FieldError as error:
        raise _refusal(error, indexed=options.index_in_message) from None
    _hold(job.state, job.call.request_id, body, items, now)
    return {}


ENDPOINTS = [Endpoint("POST", PATH, track, frozenset({CONVERSION_SCOPE}), locked=False)]


def _top_level(body: dict[str, Any]) -> tuple[str, str, list[Any]]:
    for name in TOP_LEVEL:
        if name not in body:
            raise MissingError("missing.", path=(name,))
    for name in body:
        if name not in TOP_LEVEL and name not in OPTIONAL:
            raise FieldError("unknown field.", path=(name,))
        if name != "data":
            try:
                check_text(body[name])
            except FieldError as error:
                raise error.under(name) from None
    if body["event_source"] not in ITEMS:
        raise FieldError("not a valid choice.", path=("event_source",))
    if body.get("partner_name", "Segment") not in PARTNERS:
        raise FieldError("not a valid partner name.", PARTNER_NAME, ("partner_name",))
    items = body["data"]
    if type(items) is not list:
        raise FieldError("not a valid list.", path=("data",))
    if not 1 <= len(items) <= MOST_ITEMS:
        raise FieldError(f"length must be between 1 and {MOST_ITEMS}.", path=("data",))
    return body["event_source"], body["event_source_id"], items


def _source_check(job: Job, kind: str, source_id: str) -> None:
    """Check that the source is of the right kind, exists, and belongs to an ad account the token may write to."""
    if kind == "app":
        raise ApiError(NOT_ALLOW_LISTED, "App events are open to allow-listed developers only.")
    if not _right_kind(kind, source_id):
        raise ApiError(PARAMETER, "Invalid value for event_source_id: not a valid string.")
    with job.state.lock:
        source = job.state.registry.source(kind, source_id)
        if isinstance(source, EventSet) and source.deleted:
            raise ApiError(NOT_EXIST, f"The {kind} event set {source_id} does not exist.")
        if source is None or not job.state.registry.may_write(job.token, source):
            raise _no_permission(kind, source_id)
        _count(job, source, source_id)


def _count(job: Job, source: Pixel | EventSet, source_id: str) -> None:
    now = job.state.now()
    job.state.limits.check_source(source_id, PATH, now)
    job.state.limits.check_advertiser(source.advertiser_id, PATH, now)


def _right_kind(kind: str, source_id: str) -> bool:
    """Tell whether an id looks like one of its kind: pixel codes hold a letter, set ids are digits only."""
    return (source_id.isascii() and source_id.isalnum()) and (source_id.isdigit() == (kind != "web"))


def _no_permission(kind: str, source_id: str) -> ApiError:
    what = "pixel code" if kind == "web" else f"{kind} event set"
    return ApiError(
        PERMISSION,
        f"No permission to operate {what}: {source_id}. You must be an admin or operator of this advertiser account.",
    )


def _refusal(error: FieldError, *, indexed: bool) -> ApiError:
    """Word a FieldError as TikTok does: with the field's path, and with the indices only when asked for."""
    path = list(error.path)
    missing = isinstance(error, MissingError)
    if missing and path[-1] in NESTED:
        path[-1:] = NESTED[str(path[-1])].split(".")
    if indexed:
        place = ".".join(["Batch", *map(str, path)])
        return ApiError(error.code, f"{place}: {error.problem[0].upper()}{error.problem[1:]}")
    field = ".".join(part for part in path if isinstance(part, str))
    if missing:
        return ApiError(error.code, f"Missing required field(s): {field}.")
    return ApiError(error.code, f"Invalid value for {field or 'data'}: {error.problem}")


def _hold(state: State, request_id: str, body: dict[str, Any], items: list[Any], now: float) -> None:
    records = [Record(now, request_id, orjson.dumps(item)) for item in items]
    with state.lock:
        source = state.events.source(body["event_source_id"], body["event_source"])
        if "test_event_code" in body:
            state.events.hold_test(source, records)
        else:
            state.events.hold(source, items, records, now)
