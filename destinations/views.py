"""The pages of links: an authorization before and after TikTok, the handing over of a token, and what can go wrong.

Whoever opens them may have no account here, and sees the brand's name and what is granted, nothing else. Nothing of
these pages is cached, indexed, or told to other sites.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from destinations.choices import LinkKind
from destinations.models import CredentialLink
from destinations.scopes import GRANTED, PURPOSES, TOKEN_STEPS
from destinations.services import (
    AuthorizationError,
    LinkProblem,
    link_authorize,
    link_complete,
    link_hand_over,
    link_open,
    link_returned,
)
from destinations.services.authorization import STATE_SECONDS
from tiktok_hub.acting import Via, acting_as, client_ip
from tiktok_hub.limits import Limit, limit_hit, limited, too_many
from tiktok_hub.shell import root_url
from tiktok_hub.tenancy.backends import membership_of
from tiktok_hub.tenancy.models import User
from tiktok_hub.tenancy.policies import membership_allows
from tiktok_hub.tenancy.scope import tenant_scope

COOKIE = "__Secure-hub_authorization" if settings.SESSION_COOKIE_SECURE else "hub_authorization"
_COOKIE_PATH = "oauth/tiktok/"

_TITLES: dict[LinkProblem, tuple[int, str]] = {
    LinkProblem.UNKNOWN: (404, "Link not found"),
    LinkProblem.EXPIRED: (410, "Link expired"),
    LinkProblem.USED: (410, "Link already used"),
    LinkProblem.WITHDRAWN: (410, "Link withdrawn"),
    LinkProblem.STATE: (400, "Not possible"),
    LinkProblem.BROWSER: (400, "Another browser"),
    LinkProblem.CANCELLED: (200, "Not authorised"),
    LinkProblem.REFUSED: (400, "Not authorised"),
    LinkProblem.NOT_CONFIGURED: (503, "Not possible yet"),
}

#: Tokens that may be tried with one link: the hub shall not tell strangers which of many tokens are good.
TOKEN_TRIES = Limit("token-tries", times=10, seconds=3600)

View = TypeVar("View", bound=Callable[..., HttpResponse])


def link_pages() -> Limit:
    """Return how often one connection may open pages of links."""
    return Limit("link-pages", times=settings.HUB_LINK_REQUESTS_PER_MINUTE, seconds=60)


def private(view: View) -> View:
    """Keep a page out of caches, search engines and other sites' logs; show AuthorizationErrors as pages.

    Whoever opens it acts by a link, and no faster than people do.
    """
    guarded = limited(link_pages)(view)

    @wraps(view)
    def wrapped(request: HttpRequest, **captured: Any) -> HttpResponse:
        user = request.user if isinstance(request.user, User) else None
        try:
            with acting_as(user, Via.LINK, client_ip(request)):
                response = guarded(request, **captured)
        except AuthorizationError as error:
            response = _problem(request, error)
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return cast(View, never_cache(wrapped))


# Without a CSRF token: browsers send no usable Origin from a no-referrer page, and what authorises this request is the
# secret in its address, not a cookie.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@private
def authorize(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is about to be granted; on POST go to TikTok."""
    if request.method == "POST":
        departure = link_authorize(token=token, redirect_uri=callback_url(request))
        response = HttpResponseRedirect(departure.url)
        response.set_cookie(
            COOKIE, departure.cookie, max_age=STATE_SECONDS, path=root_url(_COOKIE_PATH),
            secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax",
        )  # fmt: skip
        return response
    link = link_open(token)
    kind = link.credential.type
    context = {"link": link, "brand": link.tenant.name, "purpose": PURPOSES[kind], "granted": GRANTED[kind]}
    return render(request, "destinations/authorize/start.html", context)


# Without a CSRF token for the same reasons.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("token")
@sensitive_variables()
@private
def hand_over(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for an access token, and on POST store it; what was typed is never shown again."""
    link = link_open(token, LinkKind.SECRET)
    error = ""
    if request.method == "POST":
        if seconds := limit_hit(TOKEN_TRIES, link.token_hash):
            return too_many(request, seconds)
        try:
            link = link_hand_over(token=token, secret=request.POST.get("token", ""))
        except ValidationError as refused:
            error = refused.messages[0]
        else:
            return render(request, "destinations/authorize/stored.html", _outcome(request, link))
    kind = link.credential.type
    context = {"link": link, "brand": link.tenant.name, "purpose": PURPOSES[kind], "steps": TOKEN_STEPS[kind]}
    status = 422 if error else 200
    return render(request, "destinations/authorize/secret.html", {**context, "error": error}, status=status)


@require_http_methods(["GET", "HEAD"])
@sensitive_variables()
@private
def callback(request: HttpRequest) -> HttpResponse:
    """Take somebody back from TikTok with `state` and `auth_code` (also called `code`)."""
    auth_code = request.GET.get("auth_code") or request.GET.get("code") or ""
    arrival = link_returned(state=request.GET.get("state", ""), cookie=request.COOKIES.get(COOKIE, ""))
    with tenant_scope(arrival.link.tenant):
        try:
            link = link_complete(link=arrival.link, auth_code=auth_code)
        except AuthorizationError as error:
            return _problem(request, error, again=reverse("authorize", args=[arrival.token]), link=arrival.link)
    response = render(request, "destinations/authorize/done.html", _outcome(request, link))
    response.delete_cookie(COOKIE, path=root_url(_COOKIE_PATH), samesite="Lax")
    return response


def callback_url(request: HttpRequest) -> str:
    """Return the full address to which TikTok sends people back."""
    return f"{site_url(request)}{reverse('oauth-callback')}"


def site_url(request: HttpRequest) -> str:
    """Return where this installation is reached, without a path: what the operator says, else the request's host."""
    return settings.HUB_PUBLIC_URL or f"{request.scheme}://{request.get_host()}"


def _problem(
    request: HttpRequest, error: AuthorizationError, *, again: str = "", link: CredentialLink | None = None
) -> HttpResponse:
    status, title = _TITLES[error.problem]
    context = {"title": title, "sentence": error.sentence, "again": again, **(_back(request, link) if link else {})}
    return render(request, "destinations/authorize/problem.html", context, status=status)


def _outcome(request: HttpRequest, link: CredentialLink) -> dict[str, Any]:
    return {"link": link, "brand": link.tenant.name, "credential": link.credential, **_back(request, link)}


def _back(request: HttpRequest, link: CredentialLink) -> dict[str, Any]:
    """Return the way back to the credential for somebody who administers it here; nothing for strangers."""
    membership = membership_of(request.user, link.tenant)
    if not membership_allows(membership, "destinations.view_credential"):
        return {}
    path = f"{link.tenant.slug}/destinations/credential/{link.credential_id}/change/"
    return {"back": root_url(path)}
