"""Add counts up in this process and hand them to Redis, each exactly once, in a thread of their own."""

import json
import logging
import os
import secrets
import threading
from bisect import bisect_left
from functools import cache, lru_cache

import redis
from django.conf import settings

from tiktok_hub.metrics.families import Counter, Histogram
from tiktok_hub.tenancy.scope import current_tenant

logger = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
AGAIN_SECONDS = 15.0
REDIS_SECONDS = 1.0
# A group of counts has an id: should the answer to it be lost, the same group is handed over again and counted once.
_SCRIPT = """
if redis.call('SET', KEYS[2], 1, 'NX', 'EX', 3600) then
    for i = 1, #ARGV, 2 do redis.call('HINCRBYFLOAT', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
"""


def count(counter: Counter, value: float, *labels: str, tenant: str | None = None) -> None:
    """Add to a counter; `tenant` stands for the opened one where the work is done in another thread."""
    if value:
        _recorder.add({_field(counter.name, labels, tenant): value})


def observe(histogram: Histogram, value: float, *labels: str, tenant: str | None = None) -> None:
    """Put a measurement into its bucket."""
    bucket = bisect_left(histogram.buckets, value)
    _recorder.add(
        {
            _field(f"{histogram.name}:{bucket}", labels, tenant): 1,
            _field(f"{histogram.name}:sum", labels, tenant): value,
        }
    )


def flush() -> bool:
    """Hand over what was counted so far; return False while Redis is away."""
    return _recorder.flush()


def tenant_label() -> str:
    """Return what the opened tenant is called in labels: nothing, unless HUB_METRICS_TENANTS asks for it."""
    tenant = current_tenant() if settings.HUB_METRICS_TENANTS else None
    return tenant.slug if tenant is not None else ""


def counts_key() -> str:
    """Return the Redis key of the counts, a hash: field (see `_field`) → number."""
    return f"{{{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}metrics}}"


@cache
def broker(url: str) -> "redis.Redis":
    """Return a connection pool to the broker that does not wait long."""
    return redis.Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)


def _field(name: str, labels: tuple[str, ...], tenant: str | None) -> str:
    return _written(name, tenant_label() if tenant is None else tenant, *labels)


@lru_cache(10_000)
def _written(*parts: str) -> str:
    return json.dumps(parts, separators=(",", ":"))


class Recorder:
    """The counts of this process that Redis does not have yet; there are as many as label values, however long it is
    away.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin with nothing, as a process does that was just forked: the counts are its parent's."""
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._counts: dict[str, float] = {}
        self._group: tuple[str, dict[str, float]] | None = None
        self._timer: threading.Timer | None = None
        self._told = False

    def add(self, counts: dict[str, float]) -> None:
        """Add counts up, and see that they are handed over soon."""
        with self._lock:
            for field, value in counts.items():
                self._counts[field] = self._counts.get(field, 0) + value
            if self._timer is None:
                self._later(EVERY_SECONDS)

    def flush(self) -> bool:
        """Hand everything over; counts that come meanwhile make the next group."""
        with self._flushing:
            while group := self._next():
                if not self._send(*group):
                    return False
                self._group = None
            return True

    def _next(self) -> tuple[str, dict[str, float]] | None:
        """Return the group that was not taken yet, or make one of what was counted since."""
        if self._group is None:
            with self._lock:
                counts, self._counts = self._counts, {}
            if counts:
                self._group = (secrets.token_hex(8), counts)
        return self._group

    def _send(self, name: str, counts: dict[str, float]) -> bool:
        arguments = [str(each) for pair in counts.items() for each in pair]
        try:
            broker(settings.REDIS_URL).eval(_SCRIPT, 2, counts_key(), f"{counts_key()}:{name}", *arguments)
        except (redis.RedisError, OSError) as error:
            if not self._told:
                logger.warning("metrics wait until the broker is back: %s", type(error).__name__)
            self._told = True
            return False
        self._told = False
        return True

    def _tick(self) -> None:
        done = self.flush()
        with self._lock:
            self._timer = None
            if not done or self._counts:
                self._later(EVERY_SECONDS if done else AGAIN_SECONDS)

    def _later(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._tick)
        self._timer.daemon = True
        self._timer.start()


_recorder = Recorder()
os.register_at_fork(after_in_child=_recorder.reset)
