"""Carry one HTTP exchange between the socket and the endpoints."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qs

import orjson

from destinations.emulator.errors import PARAMETER, ApiError

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@dataclass
class Call:
    """A received request. `headers` has lower-case names; `items` and `event_source_id` are filled for the log."""

    method: str
    path: str
    query_string: str
    headers: dict[str, str]
    body: bytes
    request_id: str = ""
    items: int = 0
    event_source_id: str = ""
    fault: int | None = None

    @property
    def token(self) -> str:
        """Give the access token sent with the request, or an empty string."""
        return self.headers.get("access-token", "")

    @cached_property
    def query(self) -> dict[str, str]:
        """Give the query parameters; of a repeated one the last."""
        return {name: values[-1] for name, values in parse_qs(self.query_string).items()}

    @cached_property
    def form(self) -> dict[str, list[str]]:
        """Give the fields of a posted HTML form."""
        return parse_qs(self.body.decode("utf-8", "replace"))

    def flag(self, name: str) -> bool:
        """Tell whether a query parameter is switched on (`1`, `true`, `yes`)."""
        return self.query.get(name, "").lower() in {"1", "true", "yes"}

    def number(self, name: str, default: int) -> int:
        """Read a whole number ≥ 0 from the query; anything else is a parameter error."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit()):
            raise ApiError(PARAMETER, f"Invalid value for {name}: not a valid integer.")
        return int(text)

    def json_parameter(self, name: str) -> Any:  # noqa: ANN401 - any JSON
        """Read an array or object that stands as JSON text in the query; None when absent."""
        text = self.query.get(name)
        if text is None:
            return None
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ApiError(PARAMETER, f"Invalid value for {name}: not a valid JSON.") from error


@dataclass
class Answer:
    """What goes back. `fate` says how the connection ends: kept, reset (RST) or closed without an answer.

    `pieces`, when given, are written one by one in place of `body`, which need not fit into memory then.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = TEXT
    headers: dict[str, str] = field(default_factory=dict)
    fate: Literal["send", "reset", "close"] = "send"
    code: int | None = None
    pieces: Iterable[bytes] | None = None


def text_answer(status: int, text: str) -> Answer:
    """Answer with plain text, as TikTok's front does for wrong paths and methods."""
    return Answer(status, text.encode(), TEXT)


def html_answer(markup: str, status: int = 200) -> Answer:
    """Answer with an HTML page."""
    return Answer(status, markup.encode(), HTML)


def json_answer(value: object, status: int = 200) -> Answer:
    """Answer with JSON outside TikTok's envelope (the emulator's own endpoints)."""
    return Answer(status, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), JSON)


def envelope(code: int, message: str, request_id: str, data: object) -> Answer:
    """Answer with TikTok's envelope: always HTTP 200, `data` an object."""
    body = orjson.dumps({"code": code, "message": message, "request_id": request_id, "data": data})
    return Answer(200, body, JSON, {"X-TT-LOGID": request_id}, code=code)
