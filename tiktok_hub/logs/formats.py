"""The two forms of a log record. An exception is its class and the way to it: its text may quote a value of a row."""

import json
import logging
import time
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from django.conf import settings

from tiktok_hub.logs.context import log_ids

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """Time, level, logger and message in a line, the way to an exception below; with DEBUG also its text."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatException(self, ei: Raised) -> str:  # noqa: N802 - logging's own name
        """Return the classes of an exception and its causes, each with the way to it."""
        if settings.DEBUG:
            return super().formatException(ei)
        return "\n".join(f"{error['class']}\n  " + "\n  ".join(error["way"]) for error in errors(ei[1]))


class JsonFormatter(logging.Formatter):
    """One JSON object in a line: time (UTC), level, logger, message, process, ids (`log_ids`), errors."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object."""
        said: dict[str, Any] = {
            "time": _moment(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **log_ids(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            said["errors"] = errors(record.exc_info[1])
        return json.dumps(said, ensure_ascii=False)


def program_said(program: str, text: str) -> str:
    """Return a line that a program wrote, as JSON that names the program: what is JSON already, or only text."""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        said = {"time": _moment(time.time()), "level": "INFO", "logger": program, "message": text}
    return json.dumps({**said, "program": program}, ensure_ascii=False)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def errors(error: BaseException | None) -> list[dict[str, Any]]:
    """Return an exception and what led to it: `class`, and `way` (file, line and function of each call)."""
    found: list[dict[str, Any]] = []
    while error is not None and len(found) < 10:  # noqa: PLR2004 - whatever points in a circle ends
        frames = traceback.extract_tb(error.__traceback__)
        way = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        found.append({"class": f"{type(error).__module__}.{type(error).__qualname__}", "way": way})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found
