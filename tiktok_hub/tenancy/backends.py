"""Turn policies into Django permissions, so that the admin's own checks work in the opened tenant."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.policies import membership_permissions
from tiktok_hub.tenancy.scope import current_tenant, tenant_scope

AnyUser = AbstractBaseUser | AnonymousUser


def membership_of(user: AnyUser, tenant: Tenant | None) -> Membership | None:
    """Return the user's membership of the tenant; a platform superuser counts as its administrator (not saved).

    A session that single sign-on opened belongs nowhere but to the tenant whose identity provider vouched for it.
    """
    if tenant is None or not isinstance(user, User) or not user.is_active:
        return None
    if not user.reaches(tenant):
        return None
    known: dict[int, Membership | None] = user.__dict__.setdefault("_memberships", {})
    if tenant.pk not in known:
        with tenant_scope(tenant):
            known[tenant.pk] = Membership.objects.select_related("user").filter(user=user).first()
        if known[tenant.pk] is None and user.is_superuser:
            known[tenant.pk] = Membership(tenant=tenant, user=user, policy=Policy.ADMINISTRATOR)
    return known[tenant.pk]


class PolicyBackend(ModelBackend):
    """Log in by e-mail and password; permissions come from the policy in the opened tenant and nowhere else."""

    def get_all_permissions(self, user_obj: AnyUser, obj: Any = None) -> set[str]:
        """Return what the user may do in the opened tenant; nothing outside of one."""
        return set(membership_permissions(membership_of(user_obj, current_tenant())))

    def has_perm(self, user_obj: AnyUser, perm: str, obj: Any = None) -> bool:
        """Say whether the user may do `perm` in the opened tenant."""
        return perm in self.get_all_permissions(user_obj, obj)

    def has_module_perms(self, user_obj: AnyUser, app_label: str) -> bool:
        """Say whether the user may do anything in an app."""
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions(user_obj))
