"""Limit how often somebody may try: pages whose address holds a secret, and what is typed into them.

Counted in Redis, for all web processes together, in windows of fixed length. Where Redis does not answer, each process
counts by itself: nobody is locked out because the broker is down, nobody guesses without limit either, and the log
says so.
"""

import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, TypeVar, cast

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tiktok_hub.acting import client_ip

logger = logging.getLogger(__name__)
View = TypeVar("View", bound=Callable[..., HttpResponse])

REDIS_SECONDS = 0.5
MOST_REMEMBERED = 10_000
# Count one, and begin a window with the first. Returns the count and the milliseconds until the window ends.
_SCRIPT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `times` in a window of `seconds`, for each of whom is asked about."""

    name: str
    times: int
    seconds: float


def limit_hit(limit: Limit, who: str) -> float:
    """Count one try of somebody; return 0.0 = go on, else the seconds after which to try again."""
    # A digest: addresses of people do not lie around in the broker.
    key = f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}limit:{limit.name}:{_digest(who)}"
    try:
        count, left = _client(settings.REDIS_URL)(keys=[key], args=[int(limit.seconds * 1000)])
        seconds = max(left, 0) / 1000
    except (redis.RedisError, OSError) as error:
        count, seconds = _here.count(key, limit.seconds)
        if _here.count("told", 60.0)[0] == 1:
            logger.warning("rate limits are counted by each process alone: %s", type(error).__name__)
    return max(seconds, 0.001) if count > limit.times else 0.0


def limited(limit: Callable[[], Limit]) -> Callable[[View], View]:
    """Answer 429 to an IP address that asks for a view more often than `limit()` allows."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            seconds = limit_hit(limit(), network_of(client_ip(request) or ""))
            return too_many(request, seconds) if seconds else view(request, *args, **kwargs)

        return cast(View, wrapped)

    return decorate


def too_many(request: HttpRequest, seconds: float) -> HttpResponse:
    """Return the page that asks for patience."""
    response = render(request, "hub/too_many.html", {"minutes": math.ceil(seconds / 60)}, status=429)
    response["Retry-After"] = str(math.ceil(seconds))
    return response


def network_of(address: str) -> str:
    """Return whom an address stands for: itself, or the /64 that one IPv6 connection owns."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


class _Here:
    """Windows of this process alone."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def count(self, key: str, seconds: float) -> tuple[int, float]:
        """Count one; return the count, and the seconds until the window ends."""
        with self._lock:
            now = time.monotonic()
            count, end = self._windows.get(key, (0, now + seconds))
            if end <= now:
                count, end = 0, now + seconds
            if len(self._windows) >= MOST_REMEMBERED:
                self._windows = {name: window for name, window in self._windows.items() if window[1] > now}
            self._windows[key] = (count + 1, end)
            return count + 1, end - now


_here = _Here()


@cache
def _client(url: str) -> Callable[..., Any]:
    connection = redis.Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    script: Callable[..., Any] = connection.register_script(_SCRIPT)
    return script


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
