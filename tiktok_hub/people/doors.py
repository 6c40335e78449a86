"""What a tenant asks of its members before anything else of it exists for them."""

from typing import cast

from allauth.mfa.models import Authenticator
from django.contrib.auth import logout
from django.db.models import Exists
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from tiktok_hub.people.factors import KINDS
from tiktok_hub.people.models import SingleSignOn
from tiktok_hub.people.sessions import proved
from tiktok_hub.shell import root_url
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import hub_scope


def door_answer(request: HttpRequest, membership: Membership) -> HttpResponse | None:
    """Return where somebody is led who lacks something; None where they may go in. One query.

    Whom the tenant's single sign-on vouched for is asked nothing more, while it is switched on: asking for a second
    factor is its provider's part. A platform superuser has no part in single sign-on. A sandbox has the single sign-on
    of the tenant it was made from.
    """
    tenant, user = membership.tenant, cast("User", request.user)
    home = tenant.sandbox_of or tenant
    asked = _asked(home, user)
    if asked["sign_on"] and home.pk in proved(request):
        return None
    if user.confined_to is not None:
        logout(request)
        return _lead(request, "login/")
    if asked["sign_on_only"] and not user.is_superuser:
        return _lead(request, f"sso/{home.slug}/?{urlencode({'next': request.get_full_path()})}")
    if tenant.require_mfa and not asked["factor"]:
        return _lead(request, f"account/?{urlencode({'for': tenant.slug})}")
    return None


def _asked(tenant: Tenant, user: User) -> dict[str, bool]:
    """Return what the tenant has switched on, and whether the person has a second factor."""
    with hub_scope():
        sign_on = SingleSignOn.objects.filter(tenant=tenant, enabled=True)
        found = (
            Tenant.objects.filter(pk=tenant.pk)
            .annotate(
                sign_on=Exists(sign_on),
                sign_on_only=Exists(sign_on.filter(passwords_allowed=False)),
                factor=Exists(Authenticator.objects.filter(user=user, type__in=KINDS)),
            )
            .values("sign_on", "sign_on_only", "factor")
            .get()
        )
    return {"sign_on": found["sign_on"], "sign_on_only": found["sign_on_only"], "factor": found["factor"]}


def _lead(request: HttpRequest, path: str) -> HttpResponse:
    """Send the browser elsewhere, also where only a fragment was asked for."""
    address = root_url(path)
    htmx = bool(getattr(request, "htmx", False))
    return HttpResponseClientRedirect(address) if htmx else HttpResponseRedirect(address)
