"""Send one HTTP request and read its answer, telling failures before sending from those after it.

Nothing of the request (headers, URL, body) gets into an error: errors are raised outside of the `except` blocks, so
that not even their context holds a requests object.
"""

import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import BinaryIO

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from destinations.tiktok.envelope import Reply, undecided
from destinations.tiktok.errors import ConfigurationError, RetryableError, TikTokError
from destinations.tiktok.redaction import hide_secrets_in_http_logs, safe_id
from destinations.tiktok.resolutions import ResolutionKey

#: The most bytes read of an answer; TikTok's lists stay far below.
LARGEST_ANSWER = 8 * 1024 * 1024
_CHUNK = 64 * 1024
#: An answer may come in as many seconds as this many read timeouts; else a drip of bytes would hold a worker for ever.
_PATIENCE = 4

hide_secrets_in_http_logs()


class TokenAuth(AuthBase):
    """Put the token into the header that TikTok reads.

    Being an auth object, it also keeps ~/.netrc out of the request.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add `Access-Token` (without a token: nothing)."""
        if self._token:
            request.headers["Access-Token"] = self._token
        return request

    def __repr__(self) -> str:
        """Show nothing of the token."""
        return "TokenAuth(***)"


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request; not shown, since query and body may hold secrets."""

    method: str
    url: str = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | BinaryIO | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def session_make(pool_maxsize: int) -> requests.Session:
    """Make a session with pooled connections, without retries and without cookies."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=pool_maxsize, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def exchange(session: requests.Session, call: Call, auth: AuthBase, timeout: tuple[float, float]) -> Reply:
    """Send a request and return what came back, whatever its status; raise when nothing readable did.

    `timeout` is (connect, read) in seconds. Redirects are not followed: the token must not travel to another host.
    """
    started = time.monotonic()
    try:
        with session.request(
            call.method,
            call.url,
            params=call.params,
            data=call.body,
            headers=call.headers,
            auth=auth,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            return _read(response, started, timeout[1])
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as cause:
        failure = failure_of(cause)
    raise failure


def _read(response: requests.Response, started: float, read_timeout: float) -> Reply:
    """Read the body up to the limits of size and time; beyond them what TikTok decided is not known."""
    request_id = safe_id(response.headers.get("X-Tt-Logid", ""))
    chunks, size, failure = [], 0, ""
    try:
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_ANSWER:
                failure = f"an answer of more than {LARGEST_ANSWER} bytes"
                break
            if time.monotonic() - started > read_timeout * _PATIENCE:
                failure = "an answer that did not end in time"
                break
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as cause:
        failure = f"the answer broke off, {type(cause).__name__}"
    if failure:
        response.close()
        raise undecided(failure, status=response.status_code, request_id=request_id)
    return Reply(response.status_code, response.headers, b"".join(chunks), time.monotonic() - started)


def failure_of(cause: Exception) -> TikTokError:
    """Return our error for one of requests' or urllib3's: not sent, misconfigured, or sent with an unknown fate."""
    kinds = {type(link) for link in _chain(cause)}
    name = _name(cause)
    if any(issubclass(kind, ssl.SSLCertVerificationError) for kind in kinds):
        return _unreachable_by_setting("TikTok's certificate is not trusted by this server", name)
    if _BEFORE_SENDING & kinds:
        return RetryableError(f"TikTok cannot be reached ({name}).", resolution=ResolutionKey.NOT_REACHABLE)
    if isinstance(cause, _MISCONFIGURED) or (isinstance(cause, ValueError) and not isinstance(cause, OSError)):
        return _unreachable_by_setting("The address of TikTok's API is not valid", name)
    return RetryableError(
        f"The connection to TikTok was lost after sending ({name}); whether it took the request is not known.",
        uncertain=True,
    )


_BEFORE_SENDING: set[type[BaseException]] = {
    requests.ConnectTimeout,
    requests.exceptions.ProxyError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.ProxyError,
}
_MISCONFIGURED = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidProxyURL,
)


def _unreachable_by_setting(sentence: str, name: str) -> ConfigurationError:
    return ConfigurationError(f"{sentence} ({name}).", resolution=ResolutionKey.NOT_REACHABLE)


def _chain(cause: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it wraps: requests keeps urllib3's in `args`, urllib3 the reason in `reason`."""
    seen: set[int] = set()
    queue: list[object] = [cause]
    while queue:
        link = queue.pop()
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        queue += [*link.args, getattr(link, "reason", None), link.__cause__, link.__context__]


def _name(cause: Exception) -> str:
    """Return the class name of the innermost cause: it says what happened, and cannot hold a secret."""
    return type(list(_chain(cause))[-1]).__name__
