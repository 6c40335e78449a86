"""What a tenant asks of its members before anything else of it exists for them."""

from typing import cast

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from tiktok_hub.people.factors import has_factor
from tiktok_hub.people.sessions import proved
from tiktok_hub.shell import root_url
from tiktok_hub.tenancy.models import Membership, User


def door_answer(request: HttpRequest, membership: Membership) -> HttpResponse | None:
    """Return where somebody is led who lacks something; None where they may go in.

    Whom the tenant's single sign-on vouched for is not asked: its identity provider did that.
    """
    tenant = membership.tenant
    if tenant.pk in proved(request):
        return None
    if tenant.require_mfa and not has_factor(cast("User", request.user)):
        return _lead(request, f"account/?{urlencode({'for': tenant.slug})}")
    return None


def _lead(request: HttpRequest, path: str) -> HttpResponse:
    """Send the browser elsewhere, also where only a fragment was asked for."""
    address = root_url(path)
    htmx = bool(getattr(request, "htmx", False))
    return HttpResponseClientRedirect(address) if htmx else HttpResponseRedirect(address)
