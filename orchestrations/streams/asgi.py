"""The collector as an ASGI application: thousands of requests may wait together for what is written down at once."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

from django.conf import settings

from orchestrations.streams.collecting import ANSWER_SECONDS, collector
from orchestrations.streams.directory import Door
from orchestrations.streams.http import (
    PREFIX,
    Admission,
    Head,
    Reply,
    answer_reply,
    body_read,
    error_reply,
    head_admit,
    head_answer,
    too_large,
)
from orchestrations.streams.refusals import CollectError, not_written

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LONG_BODY = 50_000
"""Bytes from which a body is read beside the loop, so that others need not wait for it."""

_beside = ThreadPoolExecutor(2, thread_name_prefix="collector-read")


async def collect(scope: Scope, receive: Receive, send: Send) -> None:
    """Take the events of a request."""
    head = _head(scope)
    reply = await _answered(head, receive)
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers.append((b"Content-Length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _answered(head: Head, receive: Receive) -> Reply:
    known, door = collector.directory.remembered(head.public_id)
    if not known:
        try:
            door = await asyncio.get_running_loop().run_in_executor(_beside, collector.directory.find, head.public_id)
        except CollectError as error:
            return error_reply(error, None, head)
    return head_answer(door, head) or await _reply(door, head, receive)


async def _reply(door: Door | None, head: Head, receive: Receive) -> Reply:
    try:
        admission = head_admit(door, head)
        post = await _read(admission, await _body(receive))
        answer = await asyncio.wait_for(asyncio.wrap_future(collector.submit(post)), ANSWER_SECONDS)
        return answer_reply(admission, answer)
    except TimeoutError:
        return error_reply(not_written(), door, head)
    except CollectError as error:
        return error_reply(error, door, head)


async def _read(admission: Admission, body: bytes) -> Any:
    if len(body) < LONG_BODY and not admission.head.headers.get("content-encoding"):
        return body_read(admission, body)
    return await asyncio.get_running_loop().run_in_executor(_beside, body_read, admission, body)


async def _body(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise CollectError(422, "not_read", "The body could not be read.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > settings.HUB_COLLECT_MAX_BYTES:
            raise too_large()
        if not message.get("more_body"):
            return b"".join(parts)


def _head(scope: Scope) -> Head:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    return Head(scope["method"], scope["path"][len(PREFIX) :], query, headers, _ip(scope, headers))


def _ip(scope: Scope, headers: dict[str, str]) -> str | None:
    """Return the client's address by the same rule as pages do (see `acting.client_ip`)."""
    forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip() if settings.HUB_BEHIND_PROXY else ""
    found = forwarded or (scope["client"][0] if scope.get("client") else "")
    try:
        return str(ip_address(found))
    except ValueError:
        return None
