"""Let one worker at a time look for or create an audience, over all tenants: TikTok's names are not unique.

A claim is a row in the database with a token and a time: whoever dies with it keeps others waiting for a few minutes.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from orchestrations.models import Audience, Claim


def claim_key(audience: Audience) -> str:
    """Return what all workers claim for an audience: its ad account and its name."""
    return hashlib.sha256(f"{audience.advertiser_id}\n{audience.name}".encode()).hexdigest()


def claim_take(audience: Audience) -> str:
    """Take the claim and return its token, or "" while somebody else has it."""
    key, token, now = claim_key(audience), secrets.token_hex(16), timezone.now()
    Claim.objects.get_or_create(key=key)
    # Longer than every request that is made under it can take.
    until = now + timedelta(seconds=60 + 4 * settings.TIKTOK_TIMEOUT_SECONDS)
    free = Q(token="") | Q(until__isnull=True) | Q(until__lte=now)
    taken = Claim.objects.filter(free, key=key).update(token=token, until=until)
    return token if taken else ""


def claim_drop(token: str) -> None:
    """Give a claim back; one that was lost meanwhile is left to whoever has it."""
    Claim.objects.filter(token=token).exclude(token="").update(token="", until=None)


@contextmanager
def claimed(audience: Audience) -> Iterator[bool]:
    """Hold the claim of an audience for the block; yield False where somebody else has it."""
    token = claim_take(audience)
    try:
        yield bool(token)
    finally:
        claim_drop(token)
