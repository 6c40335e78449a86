"""Call TikTok's Business API v1.3: one connection pool, one token, one way to read answers.

The token appears in the request header and nowhere else: not in `repr`, errors, logs or tracebacks.
"""

import math
import re
import time
from collections.abc import Mapping, Sequence
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import orjson
import requests
import urllib3

from destinations.tiktok.envelope import Answer, answer_from
from destinations.tiktok.errors import CredentialError, RetryableError, TikTokError
from destinations.tiktok.limits import ENDPOINT_QPS, Bucket, Limiter, endpoint_bucket
from destinations.tiktok.observing import Exchange, Observer, code_of, unobserved
from destinations.tiktok.transport import Call, TokenAuth, exchange, session_make

__all__ = ["Answer", "TikTokClient"]

#: Seconds that TikTok may take to answer an upload: it reads the file first (assumed).
UPLOAD_SECONDS = 120.0
#: Bytes of a body up to which it goes out in one piece.
ONE_PIECE = 65_536
#: Seconds for which everybody is held back when TikTok throttles without saying how long: its clocks count seconds.
PAUSE = 1.0


class TikTokClient:
    """Send requests with one access token; use as a context manager, from as many threads as the pool has connections.

    `timeout` is (connect, read) in seconds. `share` names the tenant for the limiter's fairness, `event_rate` is how
    many requests a second may go to /event/track/, `patience` is how many seconds a request may wait for its turn,
    `longest_pause` how many seconds a throttling answer holds others back at most. POST requests are never repeated
    here: retries are the caller's, with what the database knows; a GET is repeated once when no connection could be
    made. `observer` is told how each request went, in the thread that sent it.
    """

    def __init__(
        self,
        access_token: str,
        *,
        base_url: str,
        limiter: Limiter | None = None,
        app_id: str = "",
        level: str = "basic",
        share: str = "",
        event_rate: float = ENDPOINT_QPS["event/track"],
        timeout: tuple[float, float] = (5, 30),
        patience: float = 30,
        longest_pause: float = math.inf,
        pool_maxsize: int = 32,
        session: requests.Session | None = None,
        observer: Observer = unobserved,
    ) -> None:
        if not re.fullmatch(r"[\x21-\x7e]*", access_token):
            raise CredentialError("The access token holds characters that no TikTok token has; paste it again.")
        self.app_id = app_id
        self._secrets = (access_token,)
        self._auth = TokenAuth(access_token)
        self._base_url = base_url.rstrip("/") + "/"
        self._limiter = limiter
        self.event_rate = event_rate
        self.level = level
        self._share = share
        self._timeout = timeout
        self._patience = patience
        self._longest_pause = longest_pause
        self._observer = observer
        self._owns_session = session is None
        self._session = session or session_make(pool_maxsize)

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the connections."""
        self.close()

    def __repr__(self) -> str:
        """Show where the client calls, nothing of the token."""
        return f"TikTokClient({self._base_url!r}, app_id={self.app_id!r})"

    def close(self) -> None:
        """Close the pooled connections; a session given by the caller stays open."""
        if self._owns_session:
            self._session.close()

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        buckets: Sequence[Bucket] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> Answer:
        """Read from an endpoint (`pixel/list/`); lists among `params` become JSON text, None is left out."""
        call = Call("GET", self._url(path), params=_query(params or {}))
        try:
            return self._send(path, call, buckets, secrets)
        except RetryableError as error:
            if error.uncertain or error.throttled or error.status is not None:
                raise
        return self._send(path, call, buckets, secrets)

    def post(
        self,
        path: str,
        payload: Mapping[str, Any] | bytes,
        *,
        buckets: Sequence[Bucket] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> Answer:
        """Send JSON to an endpoint (`event/track/`); bytes go out as they are. `secrets` are hidden in errors."""
        body = payload if isinstance(payload, bytes) else orjson.dumps(dict(payload))
        # A body that goes out whole has to be through within the time for connecting; in pieces each of them has it.
        pieces = BytesIO(body) if len(body) > ONE_PIECE else body
        call = Call("POST", self._url(path), body=pieces, headers={"Content-Type": "application/json"})
        return self._send(path, call, buckets, secrets)

    def upload(
        self,
        path: str,
        fields: Mapping[str, str],
        file: bytes,
        *,
        filename: str,
        buckets: Sequence[Bucket] | None = None,
    ) -> Answer:
        """Send a file (in the part `file`) and text fields as multipart/form-data, RFC 7578.

        The body goes out in pieces: `timeout` holds for each of them, not for the whole file.
        """
        parts: list[tuple[str, str | tuple[str, bytes, str]]] = [
            *fields.items(),
            ("file", (filename, file, "text/csv")),
        ]
        body, content_type = urllib3.encode_multipart_formdata(parts)
        call = Call("POST", self._url(path), body=BytesIO(body), headers={"Content-Type": content_type})
        patient = (self._timeout[0], max(self._timeout[1], UPLOAD_SECONDS))
        return self._send(path, call, buckets, (), timeout=patient)

    def _send(
        self,
        path: str,
        call: Call,
        buckets: Sequence[Bucket] | None,
        secrets: tuple[str, ...],
        *,
        timeout: tuple[float, float] | None = None,
    ) -> Answer:
        drawn = self._buckets(path) if buckets is None else tuple(buckets)
        endpoint, waited = path.strip("/"), self._turn(path, drawn)
        begun = time.monotonic()
        try:
            reply = exchange(self._session, call, self._auth, timeout or self._timeout)
            answer = answer_from(reply, self._secrets + secrets)
        except TikTokError as error:
            self._slow_down(error, drawn)
            throttled = isinstance(error, RetryableError) and error.throttled
            self._observer(Exchange(endpoint, code_of(error), waited, time.monotonic() - begun, throttled))
            raise
        self._observer(Exchange(endpoint, str(answer.code), waited, time.monotonic() - begun))
        return answer

    def _turn(self, path: str, drawn: tuple[Bucket, ...]) -> float:
        """Wait until the limits let the request out; return for how many seconds."""
        if self._limiter is None or not drawn:
            return 0.0
        try:
            return self._limiter.wait(drawn, share=self._share, deadline=time.monotonic() + self._patience)
        except RetryableError as error:
            self._observer(Exchange(path.strip("/"), "", 0.0, 0.0, error.throttled))
            raise

    def _buckets(self, path: str) -> tuple[Bucket, ...]:
        return (endpoint_bucket(self.app_id, path, self.level),) if self.app_id else ()

    def _slow_down(self, error: TikTokError, drawn: tuple[Bucket, ...]) -> None:
        """Hold everybody back from the limit that TikTok says is exceeded."""
        if self._limiter is None or not drawn or not (isinstance(error, RetryableError) and error.throttled):
            return
        exceeded = [bucket for bucket in drawn if bucket.scope == error.scope] or drawn[:1]
        seconds = min(PAUSE if error.retry_after is None else error.retry_after, self._longest_pause)
        for bucket in exceeded:
            self._limiter.pause(bucket.key, seconds)

    def _url(self, path: str) -> str:
        """Return the address of an endpoint; every one ends in a slash, without it TikTok answers 404."""
        return f"{self._base_url}{path.strip('/')}/"


def _query(params: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as TikTok reads them: arrays and objects as JSON text, booleans in lower case."""
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in params.items()
        if value is not None
    }
