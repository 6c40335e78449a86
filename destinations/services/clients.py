"""Open a TikTok client for a credential, with the limits that all workers share."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from destinations.models import Credential
from destinations.tiktok.client import TikTokClient
from destinations.tiktok.errors import ConfigurationError, CredentialError
from destinations.tiktok.limits import Limiter, MemoryLimiter, RedisLimiter
from destinations.tiktok.observing import Exchange, Observer
from destinations.tiktok.resolutions import ResolutionKey
from tiktok_hub.crypto import SecretUnreadableError
from tiktok_hub.metrics import count, families, observe, tenant_label

#: Seconds that a connection to TikTok may take; the answer may take TIKTOK_TIMEOUT_SECONDS.
CONNECT_SECONDS = 5.0
#: Seconds after which a broker that did not answer is asked again.
BROKER_AGAIN_SECONDS = 15.0
_BROKER_TIMEOUT = 2.0


class _Limits:
    """The process's one limiter: in Redis where a broker answers, else in memory until one does.

    Once the shared limiter was found it stays: should the broker go away later, requests wait for it instead of
    being sent uncounted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._memory = MemoryLimiter()
        self._shared: RedisLimiter | None = None
        self._url = ""
        self._ask_at = 0.0

    def get(self) -> Limiter:
        """Return the limiter to use now."""
        with self._lock:
            if self._url != settings.REDIS_URL:
                self._url, self._shared, self._ask_at = settings.REDIS_URL, None, 0.0
            if self._shared is None and time.monotonic() >= self._ask_at:
                self._shared = _shared_limiter(self._url)
                self._ask_at = time.monotonic() + BROKER_AGAIN_SECONDS
            return self._shared or self._memory


def _shared_limiter(url: str) -> RedisLimiter | None:
    """Return a limiter in the broker, or None when no broker answers."""
    broker = redis.Redis.from_url(url, socket_timeout=_BROKER_TIMEOUT, socket_connect_timeout=_BROKER_TIMEOUT)
    try:
        broker.ping()
    except (redis.ConnectionError, redis.TimeoutError):
        broker.close()
        return None
    return RedisLimiter(broker, prefix="hub-limits")


_limits = _Limits()


@contextmanager
def client_open(credential: Credential, *, connections: int = 1, share: str = "") -> Iterator[TikTokClient]:
    """Open a client with the credential's token for `connections` threads; `share` names the tenant for fairness.

    Raises CredentialError when there is no token yet, ConfigurationError when it cannot be decrypted. The app's
    own limits are counted for tokens that our app was given; a pasted token may belong to any app.
    """
    with _client_make(credential, connections, share) as client:
        yield client


# Not in the generator above: Django's error reports find no decorator beyond a generator's frame.
@sensitive_variables()
def _client_make(credential: Credential, connections: int, share: str) -> TikTokClient:
    return TikTokClient(
        token_reveal(credential),
        base_url=settings.TIKTOK_API_URL,
        limiter=_limits.get(),
        app_id="" if credential.pasted else settings.TIKTOK_APP_ID,
        level=settings.TIKTOK_API_LEVEL,
        event_rate=settings.TIKTOK_EVENTS_QPS,
        share=share or str(credential.tenant_id),
        longest_pause=max(settings.HUB_RETRY_SECONDS, default=0.0),
        timeout=(CONNECT_SECONDS, settings.TIKTOK_TIMEOUT_SECONDS),
        pool_maxsize=max(connections, 1),
        observer=_observer(tenant_label()),
    )


def _observer(tenant: str) -> Observer:
    """Return what counts a client's requests; threads that send have no tenant opened, so it is named."""

    def observed(seen: Exchange) -> None:
        if not seen.code:
            count(families.REFUSALS, 1, seen.endpoint, tenant=tenant)
            return
        count(families.REQUESTS, 1, seen.endpoint, seen.code, tenant=tenant)
        observe(families.REQUEST_SECONDS, seen.seconds, seen.endpoint, tenant=tenant)
        if seen.waited:
            count(families.WAITS, 1, seen.endpoint, tenant=tenant)
            count(families.WAIT_SECONDS, seen.waited, seen.endpoint, tenant=tenant)
        if seen.throttled:
            count(families.THROTTLES, 1, seen.endpoint, tenant=tenant)

    return observed


@sensitive_variables()
def token_reveal(credential: Credential) -> str:
    """Return the credential's token for the one call that needs it; errors as in `client_open`."""
    column = Credential._meta.get_field("access_token")
    try:
        token = column.to_python(credential.access_token).reveal()
    except SecretUnreadableError as error:
        raise ConfigurationError(str(error), resolution=ResolutionKey.INVALID_CREDENTIALS) from None
    if not token:
        raise CredentialError(
            f"The credential “{credential}” is not authorised yet: it holds no access token.",
            resolution=ResolutionKey.INVALID_CREDENTIALS,
        )
    return str(token)
