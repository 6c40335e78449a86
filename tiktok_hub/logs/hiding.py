"""Keep out of the logs what does not belong there: tokens of links, what exceptions of tasks say.

Django logs the path of each request that it refuses, gunicorn's access log every path; Celery writes the text of an
exception into its message.
"""

import logging
import re

_LINK = re.compile(r"(/(?:authorize/secret|authorize|invitation|login/new)/)[^\s?\"']+")


class LinkFilter(logging.Filter):
    """Replace in a log record what follows the address of links."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, without the token."""
        text = record.getMessage()
        if _LINK.search(text):
            record.msg, record.args = _LINK.sub(r"\1***", text), ()
        return True


class TaskErrorFilter(logging.Filter):
    """Replace in what Celery says of a failed task the text of the exception, which may quote a row, by its class."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, without the text."""
        if isinstance(record.args, dict) and "exc" in record.args and record.exc_info:
            kind = record.exc_info[0]
            record.args = {**record.args, "exc": kind.__name__ if kind else "", "traceback": ""}
        return True


def hide_links_in_logs() -> None:
    """Add the filter to the loggers that Django writes paths to; calling it again changes nothing."""
    for name in ("django.request", "django.security.csrf", "django.server", "gunicorn.access"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, LinkFilter) for known in logger.filters):
            logger.addFilter(LinkFilter())
