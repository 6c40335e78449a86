"""Two doors: one says what a session is good for, the other stands before each tenant."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from tiktok_hub.acting import Via, acting
from tiktok_hub.people.doors import door_answer
from tiktok_hub.people.pages import page
from tiktok_hub.people.sessions import session_read
from tiktok_hub.tenancy.models import User

Next = Callable[[HttpRequest], HttpResponseBase]

# Pages of an account that are open to a session of single sign-on.
_HARMLESS = frozenset({"account_login", "account_logout", "mfa_authenticate"})


class SessionMiddleware:
    """Read what the session is good for, and keep sessions of single sign-on away from the person's account.

    An identity provider vouches for somebody at its tenant. If its sessions could set a password or a second factor,
    it could take the account over, and with it the person's other tenants.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        session_read(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: Any, kwargs: Any) -> HttpResponse | None:
        """Refuse what only a session of the person's own may do."""
        name = str((request.resolver_match and request.resolver_match.url_name) or "")
        confined = isinstance(request.user, User) and request.user.confined_to is not None
        if confined and name.startswith(("mfa_", "account_")) and name not in _HARMLESS:
            return page(request, "people/confined.html", status=403, title="Log in with your password")
        return None


class DoorMiddleware:
    """Ask at a tenant's door for what the tenant asks of its members: a second factor, or its single sign-on.

    Programs with a key of their own are let through: a member who was inside made the key.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        membership = getattr(request, "membership", None)
        if membership is None or acting().via != Via.WEB:
            return self.get_response(request)
        return door_answer(request, membership) or self.get_response(request)
