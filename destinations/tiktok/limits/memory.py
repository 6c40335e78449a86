"""Limit the requests of one process, without a server.

How a bucket decides (the Redis limiter's `acquire.lua` does the same, line by line):

- *Tokens*: a token bucket; see `Bucket` for why no second ever holds more than `rate`.
- *Service*: how many tokens each share has had, on a common scale on which an idle share does not save up. A share
  that is further than `lead` ahead of one that waits for this bucket has to wait as well (start-time fair queueing).
- *Slots*: everybody who is turned away is told another moment to come back, one token apart, so that no crowd asks at
  once and no token stays unclaimed. Slots reach one second ahead and then begin anew.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from destinations.tiktok.limits.base import WaitingLimiter
from destinations.tiktok.limits.buckets import Bucket

#: How long (seconds) a share that was told to come back is waited for beyond its slot.
GRACE = 0.05
#: How far ahead (seconds) slots are handed out.
HORIZON = 1.0
#: After how long (seconds) without a request a share is forgotten.
IDLE = 2.0
#: The shortest wait (seconds) that is worth sleeping for.
SHORTEST = 0.0005


@dataclass(slots=True)
class _Share:
    served: float = 0.0
    wanted_until: float = 0.0
    slot: float = 0.0
    seen: float = 0.0


@dataclass(slots=True)
class _State:
    tokens: float
    at: float
    paused_until: float = 0.0
    served: float = 0.0
    shares: dict[str, _Share] = field(default_factory=dict)


@dataclass(slots=True)
class _Verdict:
    """What one bucket says to one share: for how long to stay away, at least."""

    bucket: Bucket
    state: _State
    share: _Share
    seconds: float


class MemoryLimiter(WaitingLimiter):
    """A limiter for the threads of one process; `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._states: dict[str, _State] = {}
        self._paused: dict[str, float] = {}
        self._lock = threading.Lock()

    def acquire(self, buckets: Sequence[Bucket], *, share: str = "") -> float:
        """See `Limiter.acquire`."""
        with self._lock:
            now = self.clock()
            verdicts = [self._ask(bucket, share, now) for bucket in buckets]
            worst = max(verdicts, key=lambda verdict: verdict.seconds, default=None)
            if worst is None or worst.seconds <= 0:
                _take(verdicts, now)
                return 0.0
            return _defer(verdicts, worst, now)

    def pause(self, key: str, seconds: float) -> None:
        """See `Limiter.pause`; a shorter pause never ends a longer one."""
        with self._lock:
            now = self.clock()
            self._paused = {name: until for name, until in self._paused.items() if until > now}
            self._paused[key] = max(self._paused.get(key, 0.0), now + seconds)

    def _ask(self, bucket: Bucket, name: str, now: float) -> _Verdict:
        state = self._refilled(bucket, now)
        share = _share_of(state, name, now, bucket.lead)
        waiting = [other for other in state.shares.values() if other is not share and other.wanted_until > now]
        paused = self._paused.get(bucket.key, 0.0) - now
        if paused > 0:
            seconds = paused
        elif state.tokens < 1:
            seconds = (1 - state.tokens) / bucket.pace
        elif any(share.served > other.served + bucket.lead for other in waiting):
            seconds = 1 / bucket.pace
        else:
            seconds = 0.0
        return _Verdict(bucket, state, share, seconds)

    def _refilled(self, bucket: Bucket, now: float) -> _State:
        state = self._states.get(bucket.key)
        if state is None:
            self._forget(now)
            state = self._states[bucket.key] = _State(tokens=bucket.capacity, at=now)
        state.tokens = min(bucket.capacity, state.tokens + max(0.0, now - state.at) * bucket.pace)
        state.at = now
        return state

    def _forget(self, now: float) -> None:
        """Drop buckets unused for a minute; they are full by then."""
        self._states = {key: state for key, state in self._states.items() if now - state.at < 60}


def _share_of(state: _State, name: str, now: float, lead: float) -> _Share:
    share = state.shares.get(name)
    if share is None:
        state.shares = {key: other for key, other in state.shares.items() if now - other.seen < IDLE}
        share = state.shares[name] = _Share(served=state.served)
    share.seen = now
    share.served = max(share.served, state.served - lead - 1)
    return share


def _take(verdicts: list[_Verdict], now: float) -> None:
    for verdict in verdicts:
        if verdict.share.wanted_until <= now + GRACE:
            verdict.share.wanted_until = 0.0
        verdict.state.tokens -= 1
        verdict.share.served += 1
        verdict.state.served = max(verdict.state.served, verdict.share.served)


def _defer(verdicts: list[_Verdict], worst: _Verdict, now: float) -> float:
    """Hand out the next slot of the bucket that holds us back; only there do the others have to wait for us."""
    for verdict in verdicts:
        if verdict is not worst:
            verdict.share.wanted_until = 0.0
    earliest = now + worst.seconds
    slot = max(earliest, worst.share.slot)
    if slot > earliest + HORIZON:
        slot = earliest
    worst.share.slot = slot + 1 / worst.bucket.pace
    worst.share.wanted_until = max(worst.share.wanted_until, slot + GRACE)
    return max(slot - now, SHORTEST)
