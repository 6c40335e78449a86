"""Invitations: the list, the form, sending again, withdrawing. Who may change members may do this."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern

from tiktok_hub.admin import PageAdmin, shown
from tiktok_hub.people.choices import InvitationStatus
from tiktok_hub.people.forms import InvitationForm
from tiktok_hub.people.invitations import (
    InvitationError,
    Sent,
    invitation_create,
    invitation_resend,
    invitation_withdraw,
)
from tiktok_hub.people.models import Invitation
from tiktok_hub.people.pages import site_address
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.admin import giver_of
from tiktok_hub.tenancy.administration import AdministrationError
from tiktok_hub.tenancy.forms import option_fieldsets, options_chosen
from tiktok_hub.tenancy.models import Membership

COLOURS = {"open": "info", "accepted": "success", "withdrawn": "default", "expired": "warning"}
CHANGE = "tenancy.change_membership"


@admin.register(Invitation, site=tenant_site)
class InvitationAdmin(PageAdmin):
    """Who is asked to join the tenant."""

    form = InvitationForm
    list_display = ("email", "policy", "option_words", "state", "invited_by", "expires_at")
    list_select_related = ("invited_by",)
    search_fields = ("email",)
    actions = ("withdraw_selected",)
    change_form_outer_before_template = "people/invitation/buttons.html"

    @shown("Status", label=COLOURS)
    def state(self, invitation: Invitation) -> tuple[str, str]:
        """Return what became of it."""
        return invitation.status.value, str(invitation.status.label)

    @shown("Status")
    def status_words(self, invitation: Invitation) -> str:
        """Return what became of it, in words."""
        return str(invitation.status.label)

    @shown("Options")
    def option_words(self, invitation: Invitation) -> str:
        """Return the options in words."""
        return invitation.option_names or "–"

    def get_fieldsets(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        """Ask who is invited as what; show what became of it afterwards."""
        if obj is None:
            return [(None, {"fields": ["email", "policy"]}), *option_fieldsets()]
        told = ["email", "policy", "option_words", "status_words", "invited_by", "created_at", "expires_at", "mailed"]
        return [(None, {"fields": told})]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form who invites."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.giver = giver_of(request)
        return form

    def has_view_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        """Let those see invitations who see members."""
        return request.user.has_perm("tenancy.view_membership")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show them where members are shown."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let those invite who add members."""
        return request.user.has_perm("tenancy.add_membership")

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        """Change none: withdraw one and make another. Without an object, say who may send again and withdraw."""
        return obj is None and request.user.has_perm(CHANGE)

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        """Keep them: who was invited is part of the story."""
        return False

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponseBase:
        """Have no such page."""
        raise Http404

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """Let those withdraw who change members."""
        return request.user.has_perm(CHANGE)

    def save_model(self, request: HttpRequest, obj: Invitation, form: InvitationForm, change: bool) -> None:
        """Make the invitation and send it; the way it went is told by `response_add`."""
        sent = invitation_create(
            giver=cast("Membership", giver_of(request)), email=obj.email, policy=obj.policy,
            options=options_chosen(form.cleaned_data), site_url=site_address(request),
        )  # fmt: skip
        obj.pk, obj.tenant_id = sent.invitation.pk, sent.invitation.tenant_id
        request.invitation_sent = sent  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Invitation, post_url_continue: str | None = None) -> Any:
        """Show the link where it must be handed over."""
        return self.told(request, request.invitation_sent)  # type: ignore[attr-defined]

    def told(self, request: HttpRequest, sent: Sent) -> HttpResponseBase:
        """Say that the link is on its way, or show it this once."""
        if not sent.link:
            messages.success(request, f"The link is on its way to {sent.invitation.email}.")
            return redirect(self.url("changelist"))
        response = self.page(
            request, "people/invitation/link.html", title="Invitation", invitation=sent.invitation, address=sent.link
        )
        response["Cache-Control"] = "no-store, private"
        return response

    def page_urls(self) -> list[URLPattern]:
        """Return the buttons."""
        return [
            self.object_page("resend/", self.resend, permission=CHANGE, method="POST"),
            self.object_page("withdraw/", self.withdraw, permission=CHANGE, method="POST"),
        ]

    def resend(self, request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
        """Make a new link; the old one stops working."""
        try:
            sent = invitation_resend(
                giver=cast("Membership", giver_of(request)), invitation=invitation, site_url=site_address(request)
            )
        except AdministrationError as error:
            messages.error(request, str(error))
        except InvitationError as error:
            messages.error(request, error.sentence)
        else:
            return self.told(request, sent)
        return redirect(self.url("change", invitation))

    def withdraw(self, request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
        """Make the link useless."""
        self._withdraw(request, invitation)
        return redirect(self.url("changelist"))

    @admin.action(description="Withdraw the selected invitations", permissions=["withdraw"])
    def withdraw_selected(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        """Make several links useless."""
        for invitation in queryset:
            self._withdraw(request, invitation)

    def _withdraw(self, request: HttpRequest, invitation: Invitation) -> None:
        if invitation_withdraw(invitation=invitation):
            messages.success(request, f"The invitation for {invitation.email} is withdrawn: its link no longer works.")
        else:
            became = str(InvitationStatus(invitation.status).label).lower()
            messages.info(request, f"The invitation for {invitation.email} was {became} already.")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Add what the buttons need."""
        new = object_id is None
        extra = {"may_change": request.user.has_perm(CHANGE), "show_save": new, "show_save_and_continue": False}
        extra |= {"show_save_and_add_another": False}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **extra})
