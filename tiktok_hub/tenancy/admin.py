"""Admin pages for members (in a tenant), tenants and people (on the platform)."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from tiktok_hub.admin import TenantModelAdmin
from tiktok_hub.shell import platform_site, tenant_site
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.forms import MembershipForm, UserForm, membership_is_last_administrator
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope


@admin.register(Membership, site=tenant_site)
class MembershipAdmin(TenantModelAdmin):
    """Who belongs to the tenant, and as what."""

    form = MembershipForm
    fields = ("email", "policy", "restrict_pii")
    list_display = ("user", "email", "policy", "restrict_pii")
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")

    @admin.display(description="E-mail", ordering="user__email")
    def email(self, membership: Membership) -> str:
        """Return the person's address."""
        return membership.user.email

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """Keep the last administrator."""
        if obj is not None and membership_is_last_administrator(obj):
            return False
        return bool(super().has_delete_permission(request, obj))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """Remove several members, never the last administrator."""
        for membership in queryset:
            if membership_is_last_administrator(membership):
                messages.error(request, f"{membership.user} is the last Datagrid Administrator and stays.")
            else:
                membership.delete()


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


@admin.register(User, site=platform_site)
class UserAdmin(PlatformAdmin):
    """People, whatever tenants they belong to."""

    form = UserForm
    fields = ("email", "name", "password", "is_active", "is_superuser")
    list_display = ("email", "name", "is_active", "is_superuser", "last_login")
    search_fields = ("email", "name")
