"""Invite people into a tenant, and let them in.

The way: somebody who administers users invites an address as something → a link goes there by e-mail, or is shown once
to be handed over where the hub cannot send mail → whoever opens it joins: with the account of that address, logged in,
or, where there is none, by setting a name and a password. A link works once, while it lives and while the person who
made it may still give what it offers. Nobody has an account before they accept.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.mail import mail_send
from tiktok_hub.people.choices import InvitationStatus
from tiktok_hub.people.models import Invitation
from tiktok_hub.tenancy.administration import giving_check, may_give
from tiktok_hub.tenancy.backends import membership_of
from tiktok_hub.tenancy.choices import Option
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope


class InvitationProblem(StrEnum):
    """Why an invitation leads nowhere."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"
    OTHER_PERSON = "other_person"
    HAS_ACCOUNT = "has_account"


_SENTENCES = {
    InvitationProblem.UNKNOWN: "This link does not exist. Check that it was copied in full, or ask for a new one.",
    InvitationProblem.EXPIRED: "This invitation has expired. Ask the person who sent it for a new one.",
    InvitationProblem.ACCEPTED: "This invitation was used already, and each works once. If it was you, log in.",
    InvitationProblem.WITHDRAWN: "This invitation is no longer valid. Ask the tenant's administrator for a new one.",
    InvitationProblem.OTHER_PERSON: "This invitation is for somebody else than the person who is logged in here.",
    InvitationProblem.HAS_ACCOUNT: "There is an account for this address already. Log in with it first.",
}


class InvitationError(Exception):
    """An invitation that cannot be used, with a sentence for the person in front of it."""

    def __init__(self, problem: InvitationProblem) -> None:
        self.problem = problem
        self.sentence = _SENTENCES[problem]
        super().__init__(self.sentence)


@dataclass(frozen=True, slots=True)
class Sent:
    """An invitation on its way. `link` is set where it has to be handed over by hand; it is never known again."""

    invitation: Invitation
    link: str = field(default="", repr=False)


@sensitive_variables()
def invitation_create(
    *, giver: Membership, email: str, policy: str, options: Iterable[Option | str], site_url: str
) -> Sent:
    """Invite an address into the giver's tenant, and send the link; an older invitation that has expired goes.

    Raises AdministrationError where the giver may not give that much. `site_url` is where this installation is reached.
    """
    chosen = sorted(str(Option(option)) for option in options)
    giving_check(giver, policy, chosen)
    email = email.lower()
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        Invitation.objects.filter(
            email=email, accepted_at=None, withdrawn_at=None, expires_at__lte=timezone.now()
        ).update(withdrawn_at=timezone.now())
        invitation = Invitation.objects.create(
            tenant=giver.tenant, email=email, policy=policy, options=chosen, invited_by=giver.user,
            token_hash=token_digest(token), expires_at=_expiry(),
        )  # fmt: skip
        audit_record(Action.INVITED, invitation, changes=[_offer(invitation)])
    return _send(invitation, token, site_url)


@sensitive_variables()
def invitation_resend(*, giver: Membership, invitation: Invitation, site_url: str) -> Sent:
    """Make a new link for an invitation that was not accepted; the old one stops working."""
    giving_check(giver, invitation.policy, invitation.options)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        changed = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, withdrawn_at=None).update(
            token_hash=token_digest(token), expires_at=_expiry(), invited_by=giver.user, mailed=False
        )
        if not changed:
            raise InvitationError(InvitationProblem.ACCEPTED)
        invitation.refresh_from_db()
        audit_record(Action.INVITED, invitation, changes=[_offer(invitation)])
    return _send(invitation, token, site_url)


def invitation_withdraw(*, invitation: Invitation) -> bool:
    """Make an open invitation useless; say whether it was open."""
    with transaction.atomic():
        changed = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, withdrawn_at=None).update(
            withdrawn_at=timezone.now()
        )
        invitation.refresh_from_db()
        if changed:
            audit_record(Action.INVITATION_WITHDRAWN, invitation)
    return bool(changed)


@sensitive_variables()
def invitation_open(token: str) -> Invitation:
    """Return the usable invitation behind the last part of its address; else raise InvitationError."""
    digest = token_digest(token)
    with hub_scope():
        found = Invitation.objects.select_related("tenant", "invited_by").filter(token_hash=digest).first()
    if found is None or not hmac.compare_digest(found.token_hash, digest):
        raise InvitationError(InvitationProblem.UNKNOWN)
    if not found.is_open:
        raise InvitationError(_CLOSED[found.status])
    with tenant_scope(found.tenant):
        giver = membership_of(found.invited_by, found.tenant) if found.invited_by else None
        if not may_give(giver, found.policy, found.options):
            raise InvitationError(InvitationProblem.WITHDRAWN)
    return found


def invitation_account(invitation: Invitation) -> User | None:
    """Return the account that the invited person has and must log in with; None where they set a password instead.

    An account in which nobody ever was (no password, no log-in, no tenant) is as good as none: whoever holds the link
    may take it. Any other must be logged in to, else an administrator could take over a stranger's account by inviting
    it and opening the link themselves.
    """
    user = User.objects.filter(email=invitation.email).first()
    if user is None:
        return None
    with hub_scope():
        belongs = Membership.objects.filter(user=user).exists()
    untouched = not (user.has_usable_password() or user.last_login or belongs or user.is_superuser)
    return None if untouched and user.is_active else user


def invitation_join(*, invitation: Invitation, user: User) -> Membership:
    """Let somebody who is logged in take an invitation for their address."""
    if user.email != invitation.email or user.confined_to is not None:
        raise InvitationError(InvitationProblem.OTHER_PERSON)
    with transaction.atomic():
        return _accept(invitation, user)


@sensitive_variables()
def invitation_register(*, invitation: Invitation, name: str, password: str) -> User:
    """Make the account of an invited person who has none, and let it in."""
    with transaction.atomic():
        _take(invitation)
        if invitation_account(invitation) is not None:
            raise InvitationError(InvitationProblem.HAS_ACCOUNT)
        user = User.objects.filter(email=invitation.email).first() or User(email=invitation.email)
        user.name = name
        user.set_password(password)
        try:
            user.save()
        except IntegrityError:
            raise InvitationError(InvitationProblem.HAS_ACCOUNT) from None
        _member(invitation, user)
    return user


def token_digest(token: str) -> str:
    """Return what is kept of a link's token: it cannot be turned back, the text is random."""
    return hashlib.sha256(token.encode()).hexdigest()


_CLOSED = {
    InvitationStatus.ACCEPTED: InvitationProblem.ACCEPTED,
    InvitationStatus.WITHDRAWN: InvitationProblem.WITHDRAWN,
    InvitationStatus.EXPIRED: InvitationProblem.EXPIRED,
}


def _accept(invitation: Invitation, user: User) -> Membership:
    _take(invitation)
    return _member(invitation, user)


def _take(invitation: Invitation) -> None:
    """Use the link up; of two who come at once only one goes on."""
    with tenant_scope(invitation.tenant):
        mine = Invitation.objects.filter(
            pk=invitation.pk, token_hash=invitation.token_hash, accepted_at=None, withdrawn_at=None,
            expires_at__gt=timezone.now(),
        )  # fmt: skip
        if not mine.update(accepted_at=timezone.now()):
            raise InvitationError(InvitationProblem.ACCEPTED)


def _member(invitation: Invitation, user: User) -> Membership:
    """Make the membership that was offered; somebody who is a member already stays what they are."""
    with tenant_scope(invitation.tenant):
        offered = {"policy": invitation.policy, **dict.fromkeys(invitation.options, True)}
        membership, _ = Membership.objects.get_or_create(tenant=invitation.tenant, user=user, defaults=offered)
        audit_record(Action.INVITATION_ACCEPTED, invitation, user=user, changes=[_offer(invitation)])
    return membership


def _send(invitation: Invitation, token: str, site_url: str) -> Sent:
    """Hand the link to the mail server after the invitation is stored; where that fails it is handed over by hand."""
    link = f"{site_url.rstrip('/')}/invitation/{token}/"
    text = _MAIL.format(
        who=invitation.invited_by or "Somebody", tenant=invitation.tenant, link=link,
        policy=invitation.get_policy_display(), until=invitation.expires_at,
    )  # fmt: skip
    if not mail_send(to=invitation.email, subject=f"Invitation to {invitation.tenant}", text=text):
        return Sent(invitation, link)
    Invitation.objects.filter(pk=invitation.pk).update(mailed=True)
    invitation.mailed = True
    return Sent(invitation)


_MAIL = """{who} invites you to work in {tenant} on tiktok_hub, as {policy}.

Open this link to join. It works once, until {until:%d %B %Y, %H:%M} UTC:

{link}

If you do not know what this is about, ignore this message: without the link nothing happens.
"""


def _expiry() -> datetime:
    return timezone.now() + timedelta(days=settings.HUB_INVITATION_DAYS)


def _offer(invitation: Invitation) -> dict[str, str | None]:
    offer = ", ".join(filter(None, (invitation.get_policy_display(), invitation.option_names)))
    return {"field": "policy", "old": None, "new": offer}


def open_invitation_exists(tenant: Tenant, email: str) -> bool:
    """Say whether an address has an invitation into the opened tenant that can still be used."""
    return bool(
        Invitation.objects.filter(
            tenant=tenant, email=email.lower(), accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now()
        ).exists()
    )
