"""Write keys: made here, shown once, kept as SHA-256. They are long and random, so that a plain digest is safe."""

import secrets
from hashlib import sha256

PREFIX = "hubw_"
SHOWN = 12
"""Characters of a key that pages show: enough to tell keys apart, far from enough to guess the rest."""


def key_new() -> str:
    """Return a new write key."""
    return PREFIX + secrets.token_urlsafe(32)


def key_digest(key: str) -> str:
    """Return what is kept of a key."""
    return sha256(key.encode()).hexdigest()
