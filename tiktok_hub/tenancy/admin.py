"""Admin pages for members (in a tenant), tenants and people (on the platform)."""

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from tiktok_hub.admin import TenantModelAdmin
from tiktok_hub.shell import platform_site, tenant_site
from tiktok_hub.tenancy.administration import (
    AdministrationError,
    membership_remove_check,
)
from tiktok_hub.tenancy.backends import membership_of
from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.forms import MembershipForm, option_fieldsets
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import current_tenant, hub_scope, tenant_scope


@admin.register(Membership, site=tenant_site)
class MembershipAdmin(TenantModelAdmin):
    """Who belongs to the tenant, and as what; somebody new is invited."""

    form = MembershipForm
    readonly_fields = ("user", "email")
    list_display = ("user", "email", "policy", "option_names")
    list_select_related = ("user",)
    list_filter = ("policy",)
    search_fields = ("user__email", "user__name")

    @admin.display(description="E-mail", ordering="user__email")
    def email(self, membership: Membership) -> str:
        """Return the person's address."""
        return membership.user.email

    @admin.display(description="Options")
    def option_names(self, membership: Membership) -> str:
        """Return the options in words."""
        return ", ".join(str(option.label) for option in Option if option in membership.options) or "–"

    def get_fieldsets(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        """Put the options into two groups."""
        return [(None, {"fields": ["user", "email", "policy"]}), *option_fieldsets()]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form who changes what."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.giver = giver_of(request)
        return form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponseBase:
        """Lead to the invitation: nobody becomes a member without saying so."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect(reverse("admin:people_invitation_add"))

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """Keep the last administrator, oneself, and those who may do more."""
        allowed = bool(super().has_delete_permission(request, obj))
        if obj is None or not allowed:
            return allowed
        try:
            with transaction.atomic():
                membership_remove_check(giver=giver_of(request), stored=obj)
        except AdministrationError:
            return False
        return True

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """End a membership, having looked again while nobody else can change who administers."""
        with transaction.atomic():
            try:
                membership_remove_check(giver=giver_of(request), stored=obj)
            except AdministrationError as error:
                raise PermissionDenied(str(error)) from None
            obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """End several memberships, leaving out what the rules keep."""
        for membership in queryset:
            with transaction.atomic():
                try:
                    membership_remove_check(giver=giver_of(request), stored=membership)
                except AdministrationError as error:
                    messages.error(request, str(error))
                else:
                    membership.delete()


def giver_of(request: HttpRequest) -> Membership | None:
    """Return the membership of whoever administers users in this request."""
    return membership_of(request.user, current_tenant())


class PlatformAdmin(ModelAdmin):  # type: ignore[misc]
    """Pages on the platform: what hangs on a tenant or a person lies in tenants that nobody has opened."""

    @hub_scope()
    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name everything that would go too."""
        return super().get_deleted_objects(objs, request)

    @hub_scope()
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete several at once."""
        super().delete_queryset(request, queryset)


@admin.register(Tenant, site=platform_site)
class TenantAdmin(PlatformAdmin):
    """Tenants, created by a platform superuser, who becomes the first administrator."""

    fields = ("name", "slug", "time_zone", "default_country")
    list_display = ("name", "slug", "time_zone", "created_at")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        """Make the creator an administrator of the new tenant."""
        super().save_model(request, obj, form, change)
        if not change:
            with tenant_scope(obj):
                Membership.objects.create(tenant=obj, user=cast("User", request.user), policy=Policy.ADMINISTRATOR)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The site lets superusers in only."""
        return True
