"""A person's own page: their tenants, password and second factors."""

from typing import Any, cast

from allauth.mfa.models import Authenticator
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache

from tiktok_hub.audit.choices import Action
from tiktok_hub.people.factors import has_factor
from tiktok_hub.people.forms import OwnPasswordForm
from tiktok_hub.people.journal import person_record
from tiktok_hub.people.pages import page
from tiktok_hub.people.views.login import Themed
from tiktok_hub.shell import tenants_of
from tiktok_hub.tenancy.models import Membership, User
from tiktok_hub.tenancy.scope import hub_scope


@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Show a person where they belong, and what protects their account."""
    user = cast("User", request.user)
    with hub_scope():
        rows = Membership.objects.filter(user=user, tenant__in=tenants_of(user)).select_related("tenant")
        memberships = list(rows.order_by("tenant__name"))
    wanted = next((row.tenant for row in memberships if row.tenant.slug == request.GET.get("for")), None)
    kinds = Authenticator.Type
    factors = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    return page(
        request, "people/account.html", title="Your account", person=user, memberships=memberships,
        confined=user.confined_to is not None, wanted=wanted, protected=has_factor(user),
        totp=next((factor for factor in factors if factor.type == kinds.TOTP), None),
        keys=[factor for factor in factors if factor.type == kinds.WEBAUTHN],
        codes=next((factor for factor in factors if factor.type == kinds.RECOVERY_CODES), None),
    )  # fmt: skip


class PasswordView(Themed, auth_views.PasswordChangeView):
    """Change one's own password; sessions elsewhere end."""

    template_name = "people/password.html"
    form_class = OwnPasswordForm
    success_url = reverse_lazy("account")
    title = "Change password"

    def form_valid(self, form: Any) -> HttpResponse:
        """Store the password and note that it was changed."""
        with transaction.atomic():
            response = super().form_valid(form)
            person_record(Action.PASSWORD_CHANGED, cast("User", self.request.user))
        return response
