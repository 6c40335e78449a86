"""Keep the tokens of links out of the logs: Django logs the path of each request that it refuses."""

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


def hide_links_in_logs() -> None:
    """Add the filter to the loggers that Django writes paths to; calling it again changes nothing."""
    for name in ("django.request", "django.security.csrf", "django.server"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, LinkFilter) for known in logger.filters):
            logger.addFilter(LinkFilter())
