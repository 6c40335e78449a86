"""Make foreign text fit to be stored, shown and logged: no secrets, no personal data, one line, bounded.

TikTok repeats values of the request in its messages, so a message may hold an e-mail, a phone, a hash or a token.
"""

import logging
import re
from collections.abc import Iterable

HIDDEN = "***"

_PERSONAL = re.compile(
    r"[^\s@\"'<>]+@[^\s@\"'<>]+\.[^\s@\"'<>]+"  # e-mail
    r"|\+\d[\d ().-]{5,18}\d"  # phone with country code
    r"|(?<![0-9A-Za-z])[0-9a-fA-F]{32,}(?![0-9A-Za-z])"  # MD5, SHA-256, long-lived tokens
)
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]+")
_QUERY_SECRET = re.compile(r"((?:secret|access_token|auth_code)=)[^&\s\"')]+", re.IGNORECASE)


def safe_text(text: object, secrets: Iterable[str] = (), limit: int = 500) -> str:
    """Return text on one line of at most `limit` characters, with secrets and personal data replaced by ***."""
    if text is None:
        return ""
    line = str(text)[: limit * 8]
    for secret in filter(None, secrets):
        line = line.replace(secret, HIDDEN)
    line = _BLANK.sub(" ", _PERSONAL.sub(HIDDEN, line)).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def safe_id(text: object) -> str:
    """Return a request id as TikTok sent it, less everything an id cannot hold (at most 128 characters)."""
    return re.sub(r"[^\w.:-]", "", str(text or ""))[:128]


class _QuerySecretFilter(logging.Filter):
    """Hide secrets in URLs: TikTok wants the app secret in the query of /oauth2/advertiser/get/, urllib3 logs URLs."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if _QUERY_SECRET.search(text):
            record.msg, record.args = _QUERY_SECRET.sub(r"\1" + HIDDEN, text), ()
        return True


def hide_secrets_in_http_logs() -> None:
    """Make urllib3's own loggers hide secrets in URLs; calling it again changes nothing."""
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        logger = logging.getLogger(name)
        if not any(isinstance(existing, _QuerySecretFilter) for existing in logger.filters):
            logger.addFilter(_QuerySecretFilter())
