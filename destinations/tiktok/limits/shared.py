"""Limit the requests of all workers together, through Redis or Valkey."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis

from destinations.tiktok.errors import RetryableError
from destinations.tiktok.limits.base import WaitingLimiter
from destinations.tiktok.limits.buckets import Bucket
from destinations.tiktok.resolutions import ResolutionKey

_HERE = Path(__file__).parent


class RedisLimiter(WaitingLimiter):
    """A limiter for every process that uses the same Redis; one round trip per `acquire`, whatever the number of
    buckets.

    Time is the server's. Keys are `{prefix}:<bucket>`, with the prefix as hash tag so that a cluster keeps them
    together; they expire after a minute without requests. `clock` replaces both clocks, for tests.
    """

    def __init__(
        self, redis_client: "redis.Redis", prefix: str = "limits", *, clock: Callable[[], float] | None = None
    ) -> None:
        self.clock = clock or time.monotonic
        self._now: Callable[[], float | str] = clock or (lambda: "")
        self._prefix = prefix
        self._acquire = redis_client.register_script((_HERE / "acquire.lua").read_text())
        self._pause = redis_client.register_script((_HERE / "pause.lua").read_text())

    def acquire(self, buckets: Sequence[Bucket], *, share: str = "") -> float:
        """See `Limiter.acquire`; an unreachable Redis is a `RetryableError`."""
        keys = [self._key(bucket.key) for bucket in buckets]
        numbers = [number for bucket in buckets for number in (bucket.pace, bucket.capacity, bucket.lead)]
        with _redis_errors():
            return int(self._acquire(keys, [share, self._now(), *numbers])) / 1_000_000

    def pause(self, key: str, seconds: float) -> None:
        """See `Limiter.pause`; a shorter pause never ends a longer one."""
        with _redis_errors():
            self._pause([self._key(key)], [self._now(), seconds])

    def _key(self, key: str) -> str:
        return f"{{{self._prefix}}}:{key}"


@contextmanager
def _redis_errors() -> Iterator[None]:
    """Translate Redis's errors: nothing was sent to TikTok yet, so the request can simply be tried again."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise RetryableError(
            f"The rate limiter's Redis cannot be reached ({type(error).__name__}).",
            retry_after=5.0,
            resolution=ResolutionKey.NOT_REACHABLE,
        ) from None
