"""Who is at work at this moment: carried beside the code, so that the audit log knows without being told everywhere.

Middleware says it for a request, commands and tasks say it for themselves with `acting_as`; where nobody said
anything the hub itself is at work.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.conf import settings
from django.db.models import TextChoices
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tiktok_hub.tenancy.models import User


class Via(TextChoices):
    """The door through which somebody came."""

    WEB = "web", "Browser"
    API = "api", "API"
    LINK = "link", "Link"
    COMMAND = "command", "Command"
    SCHEDULE = "schedule", "Schedule"
    SYSTEM = "system", "Hub"


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts (nobody: a stranger or the hub itself), through which door, from which address."""

    via: Via = Via.SYSTEM
    user: User | None = None
    ip: str | None = None


_present: ContextVar[Acting] = ContextVar("acting")


def acting() -> Acting:
    """Return who is at work."""
    return _present.get(Acting())


@contextmanager
def acting_as(user: User | None, via: Via, ip: str | None = None) -> Iterator[None]:
    """Say who is at work until the block ends."""
    token = _present.set(Acting(via, user, ip))
    try:
        yield
    finally:
        _present.reset(token)


def client_ip(request: HttpRequest) -> str | None:
    """Return the address that a request came from.

    Behind a reverse proxy (HUB_BEHIND_PROXY) it is the last entry of X-Forwarded-For, the one that the proxy itself
    wrote; whatever stands before it may be invented by the client.
    """
    if settings.HUB_BEHIND_PROXY:
        forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
        if forwarded:
            return forwarded
    return str(request.META.get("REMOTE_ADDR") or "") or None


class ActingMiddleware:
    """Say for the time of a request that its person is at work."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user if isinstance(request.user, User) and request.user.is_authenticated else None
        with acting_as(user, Via.WEB, client_ip(request)):
            return self.get_response(request)
