"""The public page of an invitation: join with one's account, or make one."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from tiktok_hub.limits import Limit, limited
from tiktok_hub.people.forms import RegistrationForm
from tiktok_hub.people.invitations import (
    InvitationError,
    InvitationProblem,
    invitation_account,
    invitation_join,
    invitation_open,
    invitation_register,
)
from tiktok_hub.people.models import Invitation
from tiktok_hub.people.pages import page
from tiktok_hub.shell import root_url
from tiktok_hub.tenancy.models import User

BACKEND = "tiktok_hub.tenancy.backends.PolicyBackend"
_STATUS = {InvitationProblem.UNKNOWN: 404, InvitationProblem.OTHER_PERSON: 403, InvitationProblem.HAS_ACCOUNT: 409}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters()
@limited(lambda: Limit("invitation", settings.HUB_LINK_REQUESTS_PER_MINUTE, 60))
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation to whoever holds its link, and let them take it."""
    try:
        response = _answer(request, invitation_open(token))
    except InvitationError as error:
        status = _STATUS.get(error.problem, 410)
        response = page(request, "people/invitation/problem.html", status=status, title="Invitation", error=error)
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _answer(request: HttpRequest, found: Invitation) -> HttpResponse:
    person = request.user if isinstance(request.user, User) else None
    if person is not None:
        return _join(request, found, person)
    if invitation_account(found) is not None:
        after = urlencode({"next": request.get_full_path()})
        return _page(request, "known", found, log_in=f"{reverse('login')}?{after}")
    return _register(request, found)


def _join(request: HttpRequest, found: Invitation, person: User) -> HttpResponse:
    if person.email != found.email or person.confined_to is not None:
        return _page(request, "other", found, status=403, person=person)
    if request.method != "POST":
        return _page(request, "join", found)
    invitation_join(invitation=found, user=person)
    messages.success(request, f"Welcome to {found.tenant}.")
    return redirect(root_url(f"{found.tenant.slug}/"))


def _register(request: HttpRequest, found: Invitation) -> HttpResponse:
    form = RegistrationForm(request.POST or None, email=found.email)
    if request.method != "POST" or not form.is_valid():
        return _page(request, "register", found, form=form)
    user = invitation_register(invitation=found, name=form.cleaned_data["name"], password=form.cleaned_data["password"])
    login(request, user, backend=BACKEND)
    return redirect(root_url(f"{found.tenant.slug}/"))


def _page(request: HttpRequest, template: str, found: Invitation, status: int = 200, **context: Any) -> HttpResponse:
    title = f"Join {found.tenant}"
    return page(request, f"people/invitation/{template}.html", status=status, title=title, invitation=found, **context)
