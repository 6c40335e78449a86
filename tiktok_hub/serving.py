"""Serve the collector and the pages beside each other.

The collector is asynchronous, because its requests wait to be written down together. Pages are Django's as in
`tiktok_hub.wsgi`, each request in a thread of its own, and only once its body is here: a slow client holds none.
"""

from tempfile import SpooledTemporaryFile
from typing import Any

from a2wsgi import WSGIMiddleware
from django.conf import settings

from orchestrations.streams.asgi import Receive, Scope, Send, collect
from orchestrations.streams.http import DOCUMENT, PREFIX
from tiktok_hub.uploads import FORM_BYTES
from tiktok_hub.wsgi import application as wsgi

IN_MEMORY = 1_000_000
PIECE = 262_144

served: Any = wsgi
pages: Any = WSGIMiddleware(served, workers=settings.HUB_WEB_THREADS)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request."""
    if scope["path"].startswith(PREFIX) and scope["path"] != DOCUMENT:
        await collect(scope, receive, send)
        return
    with SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(settings.FILE_UPLOAD_TEMP_DIR)) as body:
        if await _fetched(receive, body):
            await pages(scope, _replayed(body), send)
        else:
            await _too_large(send)


async def _fetched(receive: Receive, body: Any) -> bool:
    """Write a body to a file; return False where it is larger than any may be or its sender has gone."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or size > settings.HUB_UPLOAD_MAX_BYTES + FORM_BYTES:
            return False
        body.write(message.get("body", b""))
        more = message.get("more_body", False)
    body.seek(0)
    return True


def _replayed(body: Any) -> Receive:
    async def receive() -> dict[str, Any]:
        piece = body.read(PIECE)
        return {"type": "http.request", "body": piece, "more_body": len(piece) == PIECE}

    return receive


async def _too_large(send: Send) -> None:
    text = b"The request is larger than this hub takes."
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text})
