"""Keep the people of production the people of its sandboxes, with policy and options.

Who is taken from production, or loses a right there, has it in no sandbox any more. A sandbox may have members of its
own besides.
"""

from typing import Any

from django.db.models.signals import post_delete, post_save

from tiktok_hub.tenancy.choices import Option
from tiktok_hub.tenancy.models import Membership, Tenant
from tiktok_hub.tenancy.scope import tenant_scope

FIELDS = ("policy", *(option.value for option in Option))


def members_copy(production: Tenant, sandbox: Tenant) -> None:
    """Make everybody of production a member of the sandbox, as what they are there."""
    with tenant_scope(production):
        members = list(Membership.objects.select_related("user"))
    for member in members:
        _follow(member, sandbox)


def watch() -> None:
    """Let sandboxes follow what happens to production's members, and whether these need a second factor."""
    post_save.connect(_saved, sender=Membership, dispatch_uid="sandboxes-membership-saved")
    post_delete.connect(_deleted, sender=Membership, dispatch_uid="sandboxes-membership-deleted")
    post_save.connect(_tenant_saved, sender=Tenant, dispatch_uid="sandboxes-tenant-saved")


def _saved(instance: Membership, raw: bool = False, **kwargs: Any) -> None:
    for sandbox in [] if raw else Tenant.objects.filter(sandbox_of=instance.tenant_id):
        _follow(instance, sandbox)


def _deleted(instance: Membership, **kwargs: Any) -> None:
    for sandbox in Tenant.objects.filter(sandbox_of=instance.tenant_id):
        with tenant_scope(sandbox):
            for twin in Membership.objects.filter(user=instance.user_id):
                twin.delete()


def _tenant_saved(instance: Tenant, raw: bool = False, **kwargs: Any) -> None:
    for sandbox in [] if raw else instance.sandboxes.exclude(require_mfa=instance.require_mfa):
        sandbox.require_mfa = instance.require_mfa
        with tenant_scope(sandbox):
            sandbox.save(update_fields=["require_mfa"])


def _follow(member: Membership, sandbox: Tenant) -> None:
    with tenant_scope(sandbox):
        twin = Membership.objects.filter(user=member.user_id).first() or Membership(tenant=sandbox, user=member.user)
        for name in FIELDS:
            setattr(twin, name, getattr(member, name))
        twin.save()
