"""Log in by a tenant's single sign-on: choose the tenant, go to its provider, come back."""

import logging

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from tiktok_hub.limits import Limit, limited
from tiktok_hub.people.forms import SignOnForm
from tiktok_hub.people.models import SingleSignOn
from tiktok_hub.people.oidc import ProviderError, provider_depart, provider_return
from tiktok_hub.people.pages import page
from tiktok_hub.people.sessions import session_prove
from tiktok_hub.people.sign_on import SignOnError, sign_on_of, sign_on_person, tenant_named
from tiktok_hub.people.views.invitations import BACKEND
from tiktok_hub.shell import root_url
from tiktok_hub.tenancy.models import Tenant, User

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@limited(lambda: Limit("sso", settings.HUB_LINK_REQUESTS_PER_MINUTE, 60))
def choose(request: HttpRequest) -> HttpResponse:
    """Ask for the tenant, by short name or by the e-mail address of a domain that is its."""
    form = SignOnForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        sign_on = sign_on_of(tenant_named(form.cleaned_data["tenant"]))
        if sign_on is not None:
            return _depart(request, sign_on, "")
        form.add_error(
            "tenant", "There is no single sign-on for that. Log in with your password, or ask whoever invited you."
        )
    return page(request, "people/sso/choose.html", title="Single sign-on", form=form)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@limited(lambda: Limit("sso", settings.HUB_LINK_REQUESTS_PER_MINUTE, 60))
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Say where one goes; on POST go to the tenant's provider."""
    sign_on = _sign_on(slug)
    wanted = request.GET.get("next", "")
    if request.method == "POST":
        return _depart(request, sign_on, wanted)
    after = f"?{urlencode({'next': wanted})}" if wanted else ""
    return page(request, "people/sso/start.html", title="Single sign-on", tenant=sign_on.tenant, after=after)


@require_http_methods(["GET", "HEAD"])
@never_cache
@sensitive_variables()
@limited(lambda: Limit("sso", settings.HUB_LINK_REQUESTS_PER_MINUTE, 60))
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    """Take somebody back from the provider."""
    sign_on = _sign_on(slug)
    try:
        claims, wanted = provider_return(request, sign_on)
        user = sign_on_person(sign_on=sign_on, claims=claims)
    except (ProviderError, SignOnError) as error:
        return _problem(request, sign_on, error)
    _session(request, user, sign_on.tenant)
    return redirect(_inside(request, sign_on.tenant, wanted))


def _sign_on(slug: str) -> SingleSignOn:
    sign_on = sign_on_of(Tenant.objects.filter(slug=slug).first())
    if sign_on is None:
        raise Http404
    return sign_on


def _depart(request: HttpRequest, sign_on: SingleSignOn, wanted: str) -> HttpResponse:
    try:
        return provider_depart(request, sign_on, _inside(request, sign_on.tenant, wanted))
    except ProviderError as error:
        return _problem(request, sign_on, error)


def _session(request: HttpRequest, user: User, tenant: Tenant) -> None:
    """Add the tenant's word to the person's present session, or open one that is good for this tenant alone."""
    if request.user.is_authenticated and request.user.pk == user.pk:
        session_prove(request, tenant, confine=False)
        return
    if request.user.is_authenticated:
        logout(request)
    user.confined_to = frozenset({tenant.pk})
    login(request, user, backend=BACKEND)
    session_prove(request, tenant, confine=True)


def _inside(request: HttpRequest, tenant: Tenant, wanted: str) -> str:
    """Return where to go afterwards: a page of the hub, the tenant's own where none is asked for."""
    fine = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if fine and wanted.startswith("/") else root_url(f"{tenant.slug}/")


def _problem(request: HttpRequest, sign_on: SingleSignOn, error: Exception) -> HttpResponse:
    cause = type(error.__cause__).__name__ if error.__cause__ else "no other error"
    logger.warning("single sign-on of tenant %s failed: %s (%s)", sign_on.tenant_id, error, cause)
    again = reverse("sso_start", args=[sign_on.tenant.slug])
    context = {"title": "Not logged in", "error": error, "tenant": sign_on.tenant, "again": again}
    return page(request, "people/sso/problem.html", status=403, **context)
