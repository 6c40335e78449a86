"""The least that a collector could do, for comparison: parse JSON, append it to a file, answer 202; a WSGI application.

Nothing is checked, hashed, committed or sent.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

import orjson

written = open(os.environ["BARE_FILE"], "ab")  # noqa: SIM115 - for as long as the process lives


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Take one event."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    orjson.loads(body)
    written.write(body + b"\n")
    written.flush()
    answer = b'{"accepted":1}'
    start_response("202 Accepted", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
