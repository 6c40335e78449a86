"""Decide whom a tenant's identity provider means, and what they are in that tenant.

A provider is run by one tenant's people and may claim anything. So:

* It means somebody we know only where it was linked to them before, or its tenant may speak for the address: they are
  a member of that tenant, or a platform superuser gave the address's domain to it. Never a platform superuser.
* It makes accounts for the tenant's own domains only, from verified addresses.
* What it opens is a session that is good for its tenant alone (tiktok_hub.people.sessions).
* It makes, changes and ends memberships of its tenant only, by the tenant's table of groups; the last administrator
  stays one.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction

from tiktok_hub.acting import Via, acting, acting_as
from tiktok_hub.people.models import EmailDomain, GroupRule, Identity, SingleSignOn
from tiktok_hub.people.oidc import Claims, claim_groups
from tiktok_hub.tenancy.administration import AdministrationError, last_administrator_check
from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope


class SignOnProblem(StrEnum):
    """Why single sign-on does not let somebody in."""

    UNVERIFIED = "Your identity provider does not vouch for your e-mail address."
    STRANGER = "The tenant has no place for your address. Ask its administrator to invite you."
    REFUSED = "This account does not log in by single sign-on."
    NO_GROUP = "None of your groups may enter this tenant. Ask its administrator, or whoever runs your provider."


class SignOnError(Exception):
    """Somebody whom single sign-on does not let in; the text is a sentence for them."""

    def __init__(self, problem: SignOnProblem) -> None:
        self.problem = problem
        super().__init__(problem.value)


@dataclass(frozen=True, slots=True)
class _Found:
    """Whom the provider means. `identity` is None where it never meant them before."""

    user: User
    identity: Identity | None


def sign_on_of(tenant: Tenant | None) -> SingleSignOn | None:
    """Return a tenant's single sign-on where it is switched on."""
    if tenant is None:
        return None
    with tenant_scope(tenant):
        found: SingleSignOn | None = SingleSignOn.objects.select_related("tenant").filter(enabled=True).first()
    return found


def tenant_named(text: str) -> Tenant | None:
    """Return the tenant with this short name, or to which the domain of this e-mail address was given."""
    text = text.strip().lower()
    if "@" not in text:
        return Tenant.objects.filter(slug=text).first()
    given = EmailDomain.objects.select_related("tenant").filter(domain=text.rpartition("@")[2]).first()
    return given.tenant if given else None


def sign_on_person(*, sign_on: SingleSignOn, claims: Claims) -> User:
    """Return whom the provider's claims mean, with a membership as their groups say; raise SignOnError."""
    with transaction.atomic(), tenant_scope(sign_on.tenant), acting_as(None, Via.SYSTEM, acting().ip):
        groups = claim_groups(claims, sign_on.groups_claim)
        rule = next((rule for rule in sign_on.rules.all() if rule.group in groups), None)
        found = _find(sign_on, claims, rule)
        refused = _refused(found.user)
        if not refused and rule is not None:
            _enter(sign_on, claims, found, rule)
        elif rule is None and found.identity is not None:
            _leave(found.identity)
    if refused:
        raise SignOnError(SignOnProblem.REFUSED)
    if rule is None:
        raise SignOnError(SignOnProblem.NO_GROUP)
    return found.user


def _find(sign_on: SingleSignOn, claims: Claims, rule: GroupRule | None) -> _Found:
    known = Identity.objects.select_related("user").filter(issuer=sign_on.server_url, subject=str(claims["sub"]))
    identity = known.first()
    if identity is not None:
        return _Found(identity.user, identity)
    email = str(claims.get("email") or "").lower()
    if claims.get("email_verified") is not True or "@" not in email:
        raise SignOnError(SignOnProblem.UNVERIFIED)
    ours = EmailDomain.objects.filter(tenant=sign_on.tenant, domain=email.rpartition("@")[2]).exists()
    user = User.objects.filter(email=email).first()
    if user is not None and (ours or Membership.objects.filter(user=user).exists()):
        return _Found(user, None)
    if user is not None or not ours:
        raise SignOnError(SignOnProblem.STRANGER)
    if rule is None:
        raise SignOnError(SignOnProblem.NO_GROUP)
    name = str(claims.get("name") or "")[:120]
    return _Found(User.objects.create_user(email, name=name), None)


def _refused(user: User) -> bool:
    return user.is_superuser or not user.is_active


def _enter(sign_on: SingleSignOn, claims: Claims, found: _Found, rule: GroupRule) -> None:
    """Link the person, and make their membership what the rule says."""
    identity = found.identity or Identity.objects.create(
        tenant=sign_on.tenant, user=found.user, issuer=sign_on.server_url, subject=str(claims["sub"])
    )
    wanted = {option.value: option.value in rule.options for option in Option}
    stored = Membership.objects.select_related("user", "tenant").filter(user=found.user).first()
    if stored is None:
        Membership.objects.create(tenant=sign_on.tenant, user=found.user, policy=rule.policy, **wanted)
        identity.made_membership = True
        identity.save(update_fields=["made_membership"])
    elif (stored.policy, stored.options) != (rule.policy, frozenset(map(Option, rule.options))) and _may_change(
        stored, rule.policy
    ):
        stored.policy = rule.policy
        for name, value in wanted.items():
            setattr(stored, name, value)
        stored.save()


def _may_change(stored: Membership, policy: str) -> bool:
    return policy == Policy.ADMINISTRATOR or _is_spare(stored)


def _leave(identity: Identity) -> None:
    """End the membership of somebody whose groups may not enter any more, where single sign-on made it."""
    stored = Membership.objects.select_related("user", "tenant").filter(user=identity.user).first()
    if stored is not None and identity.made_membership and _is_spare(stored):
        stored.delete()


def _is_spare(stored: Membership) -> bool:
    try:
        last_administrator_check(stored)
    except AdministrationError:
        return False
    return True


def identities_forget(sign_on: SingleSignOn) -> None:
    """Forget whom the provider meant, when it is another one now."""
    with hub_scope():
        Identity.objects.filter(tenant=sign_on.tenant).exclude(issuer=sign_on.server_url).delete()
