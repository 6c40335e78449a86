"""Make, find and revoke keys of the API."""

import hashlib
import secrets
from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from tiktok_hub.api.models import ApiKey
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.backends import membership_of
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.policies import membership_allows
from tiktok_hub.tenancy.scope import hub_scope

# Begins every key, so that scanners of repositories and logs know one when they see it.
MARK = "hub_"
_START = 10
_USED_EVERY = timedelta(minutes=1)


@sensitive_variables()
def key_create(*, membership: Membership, name: str, days: int | None) -> tuple[ApiKey, str]:
    """Make a key that acts in the member's name for `days` (None: until it is revoked); return it with its text.

    The text is known now and never again. Raise PermissionDenied for those who may not make keys.
    """
    if not membership_allows(membership, "api.add_apikey"):
        raise PermissionDenied("You may not make API keys here.")
    text = MARK + secrets.token_urlsafe(32)
    until = timezone.now() + timedelta(days=days) if days is not None else None
    with transaction.atomic():
        key = ApiKey.objects.create(
            tenant=membership.tenant, name=name, user=membership.user, start=text[:_START], digest=_digest(text),
            expires_at=until,
        )  # fmt: skip
        told = {"field": "expires_at", "old": None, "new": until.isoformat() if until else "never"}
        audit_record(Action.KEY_CREATED, key, changes=[told])
    return key, text


def key_revoke(*, key: ApiKey) -> bool:
    """Make a key useless at once; False where it was revoked already."""
    with transaction.atomic():
        revoked = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
        if revoked:
            audit_record(Action.KEY_REVOKED, key)
    return bool(revoked)


@sensitive_variables()
def key_open(text: str) -> Membership | None:
    """Return the membership for which a key acts; None for a key that opens nothing (any more)."""
    if not text.startswith(MARK):
        return None
    with hub_scope():
        key = ApiKey.objects.select_related("tenant", "user").filter(digest=_digest(text)).first()
        if key is None or not key.is_live:
            return None
        now = timezone.now()
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _USED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    membership = membership_of(key.user, key.tenant)
    return membership if membership is not None and membership.pk else None


def _digest(text: str) -> str:
    """Return what is kept of a key: it is random, so a plain digest cannot be turned back."""
    return hashlib.sha256(text.encode()).hexdigest()
