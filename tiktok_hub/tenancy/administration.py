"""Who may give what to whom, and who cannot go: the rules of user administration, in one place.

Three rules: a tenant keeps a Datagrid Administrator who is active; nobody changes their own membership; somebody with
*Allow user administration* who is no administrator gives nobody more than they may do themselves, and touches nobody
who may do more. Forms, deletions, invitations, single sign-on, configuration files and the platform ask here.
"""

from collections.abc import Iterable

from django.db.models import QuerySet

from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.policies import is_admin, membership_permissions, permissions
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope


class AdministrationError(Exception):
    """Something that user administration may not do, with a sentence for the person who tried."""


LAST = "{} is the last Datagrid Administrator of {} and stays one. Make somebody else one first."
OWN = "Nobody changes their own membership. Ask another administrator."
MORE = "This is more than you may do yourself. A Datagrid Administrator can give it."
ABOVE = "{} may do more than you. A Datagrid Administrator can change that."


def administrators_lock(tenant: Tenant) -> None:
    """Let one transaction at a time change who administers a tenant; call it inside of one, before looking."""
    Tenant.objects.select_for_update().get(pk=tenant.pk)


def membership_is_last_administrator(membership: Membership) -> bool:
    """Say whether nobody else who is active administers the membership's tenant."""
    found = administrators()
    stored = found.filter(pk=membership.pk).exists()
    return stored and not found.exclude(pk=membership.pk).exists()


def last_administrator_check(membership: Membership) -> None:
    """Raise AdministrationError where a tenant would be left without an administrator.

    It takes the tenant's lock until the transaction ends, so that two administrators cannot remove each other.
    """
    administrators_lock(membership.tenant)
    if membership_is_last_administrator(membership):
        raise AdministrationError(LAST.format(membership.user, membership.tenant))


def may_give(giver: Membership | None, policy: str, options: Iterable[Option | str]) -> bool:
    """Say whether `giver` may make somebody `policy` with `options`."""
    held = membership_permissions(giver)
    if giver is None or "tenancy.change_membership" not in held:
        return False
    if giver.policy == Policy.ADMINISTRATOR:
        return True
    wanted = Membership(policy=policy)
    chosen = frozenset(Option(option) for option in options)
    return permissions(policy, chosen) <= held and (is_admin(giver) or not is_admin(wanted))


def giving_check(giver: Membership | None, policy: str, options: Iterable[Option | str]) -> None:
    """Raise AdministrationError unless `giver` may make somebody `policy` with `options`."""
    if not may_give(giver, policy, options):
        raise AdministrationError(MORE)


def touching_check(giver: Membership | None, target: Membership) -> None:
    """Raise AdministrationError where `target` is the giver's own membership, or may do more than they."""
    if giver is not None and target.user_id == giver.user_id:
        raise AdministrationError(OWN)
    if not may_give(giver, target.policy, target.options):
        raise AdministrationError(ABOVE.format(target.user))


def membership_change_check(
    *, giver: Membership | None, stored: Membership, policy: str, options: Iterable[Option | str]
) -> None:
    """Raise AdministrationError unless `giver` may turn the stored membership into `policy` with `options`."""
    chosen = frozenset(Option(option) for option in options)
    if (policy, chosen) == (stored.policy, stored.options):
        return
    if policy != Policy.ADMINISTRATOR:
        last_administrator_check(stored)
    touching_check(giver, stored)
    giving_check(giver, policy, chosen)


def membership_remove_check(*, giver: Membership | None, stored: Membership) -> None:
    """Raise AdministrationError unless `giver` may end the stored membership."""
    last_administrator_check(stored)
    touching_check(giver, stored)


def user_leaving_check(user: User) -> None:
    """Raise AdministrationError where a tenant would lose its last administrator with this person."""
    with hub_scope():
        held = list(
            Membership.objects.filter(user=user, policy=Policy.ADMINISTRATOR)
            .select_related("tenant")
            .order_by("tenant")
        )
    for membership in held:
        with tenant_scope(membership.tenant):
            last_administrator_check(membership)


def administrators() -> QuerySet[Membership]:
    """Return the memberships in the opened tenant of those who administer it and can log in."""
    found: QuerySet[Membership] = Membership.objects.filter(policy=Policy.ADMINISTRATOR, user__is_active=True)
    return found


def administrator_first() -> Membership | None:
    """Return in whose name things are done in the opened tenant where nobody is named; who sees personal data first."""
    return administrators().select_related("user", "tenant").order_by("restrict_pii", "pk").first()
