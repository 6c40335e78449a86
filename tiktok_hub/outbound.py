"""Reach addresses that people enter (sign-in providers, webhooks, sources) without reaching into our own network.

`url_check` tells a form what is wrong with an address. `session` sends requests: it looks at the addresses to which a
name resolves at the moment of connecting, and connects to the very one it looked at, so that a name which resolves
differently the second time gains nothing; host name, SNI and certificate stay those of the name. Every redirect is
looked at like a new address. Time and size of an answer are limited.

What is refused follows OWASP's SSRF Prevention Cheat Sheet and IANA's special-purpose address registries.
"""

import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import requests
from django.conf import settings
from django.core.exceptions import ValidationError
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError
from urllib3.util import Url, parse_url

#: Host, port → addresses (text), in the order in which to try them. Raises OSError where there are none.
Resolver = Callable[[str, int], list[str]]
Address = IPv4Address | IPv6Address

LONGEST_URL = 2000
LARGEST_ANSWER = 4 * 1024 * 1024  # bytes, unpacked
CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS = 5.0, 10.0, 20.0
REDIRECTS = 3
_CHUNK = 64 * 1024

# Besides what Python calls not global: protocol assignments and 6to4 relays; in IPv6 everything that leads to other
# addresses (Teredo, 6to4), documentation, and all that was never handed out (with it NAT64 and IPv4-mapped ones).
_NEVER_V4 = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4")))
_NEVER_V6 = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_HANDED_OUT_V6 = ip_network("2000::/3")
# What on-premises installations may open with HUB_ALLOW_PRIVATE_URLS. Never link-local: clouds keep their keys there.
_PRIVATE = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8"))
) + tuple(map(ip_network, ("fc00::/7", "::1/128")))


_underway: ContextVar[bool] = ContextVar("outbound", default=False)


def _unheard(record: logging.LogRecord) -> bool:
    """Keep quiet about a request: the path of a webhook is a secret."""
    return not _underway.get()


logging.getLogger("urllib3.connectionpool").addFilter(_unheard)


class OutboundError(requests.RequestException):
    """An address that is not reached, with a sentence for the person who entered it."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


class _RefusedError(Exception):
    """The name resolves to an address that is not reached; no OSError, which urllib3 would take for a bad line."""


def url_check(url: str, *, resolve: Resolver | None = None) -> str:
    """Return an address as requests would write it, if it may be reached; ValidationError says why not."""
    try:
        target, text = _target(url)
        _addresses(target, resolve or addresses_of)
    except OutboundError as error:
        raise ValidationError(error.sentence, code="outbound") from None
    return text


def session(*, resolve: Resolver | None = None) -> requests.Session:
    """Return a session for addresses that people entered; it raises OutboundError for those that are refused.

    Proxies, netrc and cookies are not used. REQUESTS_CA_BUNDLE is, for certificates of one's own authority.
    """
    made = requests.Session()
    made.trust_env = False
    made.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    made.max_redirects = REDIRECTS
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.headers.update({"User-Agent": "tiktok_hub", "Accept-Encoding": "identity", "Connection": "close"})
    made.adapters.clear()
    adapter = GuardedAdapter(resolve or addresses_of)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def addresses_of(host: str, port: int) -> list[str]:
    """Ask the system for a name's addresses."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def address_refused(text: str, *, plain: bool = False) -> bool:
    """Say whether an IP address is not reached; without TLS (`plain`) everything but this machine is refused."""
    address = ip_address(text)
    if plain:
        return not (settings.HUB_ALLOW_PRIVATE_URLS and address.is_loopback)
    if settings.HUB_ALLOW_PRIVATE_URLS and any(address in network for network in _PRIVATE):
        return False
    return not _public(address)


def _public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _NEVER_V4)
    handed_out = address in _HANDED_OUT_V6 and not any(address in network for network in _NEVER_V6)
    return handed_out and address.scope_id is None


def _target(url: str) -> tuple[Url, str]:
    """Take an address apart as the connection will, and return it with its text; OutboundError where it is odd."""
    if not url or len(url) > LONGEST_URL:
        raise OutboundError(f"Enter a web address of up to {LONGEST_URL} characters.")
    if re.search(r"[\s\\\x00-\x1f\x7f]", url):
        raise OutboundError("A web address holds no blanks, backslashes or control characters.")
    try:
        typed = parse_url(url)
        text = str(requests.Request("GET", url).prepare().url)
        target = parse_url(text)
    except (requests.RequestException, LocationParseError, UnicodeError):
        raise OutboundError("That is no web address. An example: https://login.example.com/") from None
    for each in (typed, target):
        _parts_check(each)
    return target, text


def _parts_check(target: Url) -> None:
    """Raise OutboundError for schemes, credentials, ports and ways of writing a host that are refused."""
    if target.scheme != "https" and not (target.scheme == "http" and settings.HUB_ALLOW_PRIVATE_URLS):
        raise OutboundError("The address must begin with https://")
    if target.auth is not None:
        raise OutboundError("The address holds a user name or password. Leave them out.")
    port = _port(target)
    if port not in {80, 443} and not (1024 <= port <= 65535):  # noqa: PLR2004
        raise OutboundError(f"Port {port} is not for the web. Use 443, or one from 1024 on.")
    host = (target.host or "").strip("[]").rstrip(".")
    last = host.rpartition(".")[2]
    if not host or (re.fullmatch(r"\d+|0x[0-9a-f]*", last) and not _is_address(host)):
        raise OutboundError("The host is a number in an unusual way of writing. Use its name.")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _port(target: Url) -> int:
    return target.port if target.port is not None else {"http": 80}.get(target.scheme or "", 443)


def _addresses(target: Url, resolve: Resolver) -> list[str]:
    host = (target.host or "").strip("[]")
    try:
        return _allowed(host, _port(target), resolve, plain=target.scheme == "http")
    except (OSError, UnicodeError):
        raise OutboundError(f"The host “{host}” was not found. Check how the address is written.") from None
    except _RefusedError as error:
        raise OutboundError(str(error)) from None


def _allowed(host: str, port: int, resolve: Resolver, *, plain: bool) -> list[str]:
    """Return where a name may be reached: all of its addresses or, when one of them is refused, none."""
    found = resolve(host, port)
    if not found:
        raise OSError
    if any(address_refused(each, plain=plain) for each in found):
        raise _RefusedError(
            f"Without encryption only this machine is reached, and “{host}” is another one. Use https://"
            if plain and settings.HUB_ALLOW_PRIVATE_URLS
            else f"The host “{host}” is inside a private network or reserved, and is not reached from here. "
            "The operator of this installation can allow private addresses with HUB_ALLOW_PRIVATE_URLS."
        )
    return found


class _Guarded(HTTPConnection):
    """Connect to an address that was looked at, and end after WHOLE_SECONDS whatever the other side does."""

    resolve: Resolver
    plain = True
    _timer: threading.Timer | None = None
    _watched: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        host = self._dns_host.strip("[]")
        try:
            addresses = _allowed(host, self.port, self.resolve, plain=self.plain)
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, f"{host} was not found") from error
        return self._watch(self._first(addresses))

    def _first(self, addresses: list[str]) -> socket.socket:
        """Connect to the first address that answers."""
        failure: OSError | None = None
        for address in addresses:
            try:
                return socket.create_connection((address, self.port), CONNECT_SECONDS)
            except OSError as error:
                failure = error
        raise NewConnectionError(self, f"Nothing answers at {self.host}") from failure

    def _watch(self, connected: socket.socket) -> socket.socket:
        """End the connection in time, also where an answer, its head or a handshake drips."""
        connected.settimeout(READ_SECONDS)
        self._watched = connected.dup()
        self._timer = threading.Timer(WHOLE_SECONDS, self._cut, [self._watched])
        self._timer.daemon = True
        self._timer.start()
        return connected

    @staticmethod
    def _cut(watched: socket.socket) -> None:
        # It may have ended by itself in this very moment.
        with suppress(OSError):
            watched.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watched is not None:
            self._watched.close()
        super().close()


class _GuardedTLS(_Guarded, HTTPSConnection):
    """The same with TLS, to every address that is not refused."""

    plain = False


class GuardedAdapter(HTTPAdapter):
    """Check each address before and while connecting, and read no more of an answer than is allowed."""

    def __init__(self, resolve: Resolver) -> None:
        self._resolve = resolve
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Make pools whose connections are guarded."""
        super().init_poolmanager(connections, maxsize, block, **options)
        own: Any = {"resolve": staticmethod(self._resolve)}
        plain = type("Plain", (HTTPConnectionPool,), {"ConnectionCls": type("PlainConnection", (_Guarded,), own)})
        tls = type("Tls", (HTTPSConnectionPool,), {"ConnectionCls": type("TlsConnection", (_GuardedTLS,), own)})
        self.poolmanager.pool_classes_by_scheme = {"http": plain, "https": tls}

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request (requests sends each redirect through here as well) and read its answer within limits."""
        _target(str(request.url))
        started = time.monotonic()
        limits = (CONNECT_SECONDS, READ_SECONDS)
        quiet = _underway.set(True)
        try:
            response = super().send(request, stream=True, timeout=limits, verify=verify, cert=cert)
        except _RefusedError as error:
            raise OutboundError(str(error)) from None
        finally:
            _underway.reset(quiet)
        with response.raw:
            response._content = self._body(response, started)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def _body(self, response: requests.Response, started: float) -> bytes:
        """Return the body; a connection that was cut in time looks as if the answer had ended, so time is asked too."""
        chunks: list[bytes] = []
        size, broken = 0, False
        try:
            while size <= LARGEST_ANSWER and (chunk := response.raw.read(_CHUNK, decode_content=True)):
                chunks.append(chunk)
                size += len(chunk)
        except (HTTPError, OSError, ValueError):
            broken = True
        if size > LARGEST_ANSWER:
            raise OutboundError(f"The answer is larger than {LARGEST_ANSWER // 1024**2} MB.")
        if time.monotonic() - started >= WHOLE_SECONDS:
            raise OutboundError(f"The answer did not end within {WHOLE_SECONDS:.0f} seconds.")
        if broken:
            raise OutboundError("The answer broke off.")
        return b"".join(chunks)
