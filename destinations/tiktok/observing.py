"""Let somebody see how requests go, without the client knowing who: times, endpoints and codes, no content."""

from collections.abc import Callable
from dataclasses import dataclass

from destinations.tiktok.errors import RetryableError, TikTokError


@dataclass(frozen=True, slots=True)
class Exchange:
    """How one request to TikTok went.

    `code` is TikTok's return code, or what happened instead: `unreachable` (not sent), `lost` (sent, no answer read),
    `http_503` (an answer without a code), `misconfigured`; blank for a request that its limiter did not let out.
    `waited` is how long it waited for its turn, `seconds` how long it then took.
    """

    endpoint: str
    code: str
    waited: float
    seconds: float
    throttled: bool = False


Observer = Callable[[Exchange], None]


def unobserved(_exchange: Exchange) -> None:
    """Look away."""


def code_of(error: TikTokError) -> str:
    """Return what an error counts as."""
    if error.code is not None:
        return str(error.code)
    if error.status is not None:
        return f"http_{error.status}"
    if isinstance(error, RetryableError):
        return "lost" if error.uncertain else "unreachable"
    return "misconfigured"
