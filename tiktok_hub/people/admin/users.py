"""People on the platform: whatever tenants they belong to."""

from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from tiktok_hub.people.factors import KINDS, factors_reset
from tiktok_hub.shell import platform_site
from tiktok_hub.tenancy.admin import PlatformAdmin
from tiktok_hub.tenancy.administration import AdministrationError, user_leaving_check
from tiktok_hub.tenancy.forms import UserForm
from tiktok_hub.tenancy.models import User
from tiktok_hub.tenancy.scope import hub_scope


@admin.register(User, site=platform_site)
class UserAdmin(PlatformAdmin):
    """People, whatever tenants they belong to."""

    form = UserForm
    fields = ("email", "name", "password", "is_active", "is_superuser")
    list_display = ("email", "name", "is_active", "is_superuser", "protected", "last_login")
    search_fields = ("email", "name")
    actions = ("factors_reset",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Say with each whether they have a second factor."""
        factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=KINDS)
        found: QuerySet[User] = super().get_queryset(request)
        return found.annotate(protected=Exists(factors))

    @admin.display(description="Second factor", boolean=True, ordering="protected")
    def protected(self, user: User) -> bool:
        """Say whether somebody has a second factor."""
        return bool(getattr(user, "protected", False))

    @admin.action(description="Reset second factors", permissions=["change"])
    def factors_reset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Take the second factors from people who lost them; it stands in the logs of their tenants."""
        for user in queryset:
            count = factors_reset(user=user)
            told = f"{user} has no second factor any more." if count else f"{user} had no second factor."
            messages.success(request, told)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep whoever is the last administrator of a tenant."""
        allowed = bool(super().has_delete_permission(request, obj))
        return allowed and (obj is None or _may_leave(obj))

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Delete somebody, having looked again while nobody else can change who administers."""
        with transaction.atomic(), hub_scope():
            try:
                user_leaving_check(obj)
            except AdministrationError as error:
                raise PermissionDenied(str(error)) from None
            obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Delete several people, leaving out the last administrators of tenants."""
        for user in queryset:
            with transaction.atomic(), hub_scope():
                try:
                    user_leaving_check(user)
                except AdministrationError as error:
                    messages.error(request, str(error))
                else:
                    user.delete()


def _may_leave(user: User) -> bool:
    try:
        with transaction.atomic():
            user_leaving_check(user)
    except AdministrationError:
        return False
    return True
