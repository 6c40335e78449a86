"""Sign what goes to a webhook as Standard Webhooks does (standardwebhooks.com, version 1.0), so that receivers find
libraries for it.

`webhook-signature` is `v1,` and the Base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`, with the secret's bytes as
key; after a rotation two of them, divided by a blank.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

MARK = "whsec_"
_KEY_BYTES = 32


def secret_make() -> str:
    """Return a new secret: `whsec_` and the Base64 of random bytes."""
    return MARK + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def secret_fits(secret: str) -> bool:
    """Say whether a text is a secret of 24 to 64 bytes, as the standard wants it."""
    try:
        key = base64.b64decode(secret.removeprefix(MARK), validate=True)
    except ValueError:
        return False
    return secret.startswith(MARK) and 24 <= len(key) <= 64  # noqa: PLR2004 - the standard's own limits


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature; `timestamp` is in epoch seconds."""
    key = base64.b64decode(secret.removeprefix(MARK))
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed.digest()).decode()


def headers(keys: Iterable[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that say which message it is, when it was sent and that it is ours."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, message_id, timestamp, body) for key in keys),
    }
