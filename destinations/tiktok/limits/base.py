"""Say what a rate limiter does, and wait on one."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from destinations.tiktok.errors import RetryableError
from destinations.tiktok.limits.buckets import Bucket
from destinations.tiktok.resolutions import ResolutionKey


class Limiter(Protocol):
    """Hand out permission to send, never more than each bucket's rate.

    Fair between shares (a share is a tenant): while several want the same bucket, each gets the same part of it, give
    or take the bucket's `lead`; what one leaves unused goes to the others.
    """

    def acquire(self, buckets: Sequence[Bucket], *, share: str = "") -> float:
        """Take one token of every bucket, or none; return 0.0 = go, else the seconds after which to ask again."""
        ...

    def pause(self, key: str, seconds: float) -> None:
        """Let nobody through the bucket with this key for so many seconds: TikTok asked for it."""
        ...

    def wait(
        self,
        buckets: Sequence[Bucket],
        *,
        share: str,
        deadline: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> float:
        """Return when it is our turn, with the seconds slept.

        Raise a throttled `RetryableError` if `deadline` (monotonic) would pass.
        """
        ...


class WaitingLimiter:
    """Wait by asking again when told to; what both limiters have in common."""

    clock: Callable[[], float]

    def acquire(self, buckets: Sequence[Bucket], *, share: str = "") -> float:
        """See `Limiter.acquire`."""
        raise NotImplementedError

    def wait(
        self,
        buckets: Sequence[Bucket],
        *,
        share: str,
        deadline: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> float:
        """See `Limiter.wait`."""
        slept = 0.0
        while seconds := self.acquire(buckets, share=share):
            if self.clock() + seconds > deadline:
                raise RetryableError(
                    "The request would have to wait too long to stay below TikTok's rate limit.",
                    retry_after=seconds,
                    throttled=True,
                    resolution=ResolutionKey.THROTTLED,
                )
            sleep(seconds)
            slept += seconds
        return slept
