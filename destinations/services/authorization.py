"""Lead a TikTok account holder through the authorization of a credential.

The way: an admin makes a link → somebody opens it → they go to TikTok with a fresh `state` → TikTok sends them back
with `state` and `auth_code` → the code is exchanged at once. Of link and state only digests are kept. A state belongs
to one link and to one browser (a signed cookie), is used once, and lives as long as TikTok's code (one hour).
"""

import hmac
import secrets
from dataclasses import dataclass, field

from django.conf import settings
from django.core import signing
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from destinations.choices import LinkStatus
from destinations.models import CredentialLink
from destinations.services.grants import grant_store
from destinations.services.links import (
    AuthorizationError,
    LinkProblem,
    configured_check,
    digest,
    link_open,
    link_problem_note,
    link_refusal_note,
    link_usable_check,
    links_all,
)
from destinations.tiktok.calls import authorization_url, token_exchange
from destinations.tiktok.errors import TikTokError
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

#: Seconds for which a state can come back: TikTok's auth_code lives one hour (document 1738373141733378).
STATE_SECONDS = 3600
_cookies = signing.TimestampSigner(sep=".", salt="destinations.authorization-state")


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes next, and the cookie that it must bring back."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody came back from TikTok: the link they started from, and its token, to start again if need be."""

    link: CredentialLink
    token: str = field(repr=False)


@sensitive_variables()
def link_authorize(*, token: str, redirect_uri: str) -> Departure:
    """Begin a round trip to TikTok from a link: a fresh state, which ends any earlier one of this link."""
    configured_check()
    link = link_open(token)
    state = secrets.token_urlsafe(32)
    with tenant_scope(link.tenant):
        link.state_hash = digest(state)
        link.save(update_fields=["state_hash"])
    url = authorization_url(settings.TIKTOK_AUTH_URL, settings.TIKTOK_APP_ID, state, redirect_uri)
    return Departure(url, _cookies.sign_object({"state": link.state_hash, "link": token}))


@sensitive_variables()
def link_returned(*, state: str, cookie: str) -> Arrival:
    """Return the link to which a state belongs, if this browser started it; each state works once.

    The state is taken off the link here, so that of two identical returns only one goes on.
    """
    link = _link_by_state(state)
    if link is None:
        raise AuthorizationError(LinkProblem.STATE)
    kept = _cookie_read(cookie)
    with tenant_scope(link.tenant):
        link_usable_check(link)
        if not hmac.compare_digest(kept.get("state", ""), link.state_hash):
            link_refusal_note(link, "The answer from TikTok came to another browser.")
            raise AuthorizationError(LinkProblem.BROWSER)
        mine = CredentialLink.objects.filter(pk=link.pk, state_hash=link.state_hash, status=LinkStatus.OPEN)
        if not mine.update(state_hash=""):
            raise AuthorizationError(LinkProblem.STATE)
    return Arrival(link, kept["link"])


@sensitive_variables()
def link_complete(*, link: CredentialLink, auth_code: str) -> CredentialLink:
    """Exchange the code that came with a returned state, store what was granted, and use the link up.

    Without a code the person cancelled. After an AuthorizationError the link can be tried again while it lives.
    """
    if not auth_code:
        link_problem_note(link, "The consent was cancelled at TikTok.")
        raise AuthorizationError(LinkProblem.CANCELLED)
    try:
        grant = token_exchange(settings.TIKTOK_API_URL, settings.TIKTOK_APP_ID, settings.TIKTOK_APP_SECRET, auth_code)
        problem = grant_store(credential=link.credential, grant=grant)
    except TikTokError as error:
        problem = error.sentence
    if problem:
        link_problem_note(link, problem)
        raise AuthorizationError(LinkProblem.REFUSED, detail=problem)
    link.status, link.used_at, link.problem = LinkStatus.USED, timezone.now(), ""
    # The spent state stays known, so that a reload of the last page is told that all is done.
    link.save(update_fields=["status", "used_at", "problem", "state_hash"])
    audit_record(Action.AUTHORISED, link.credential)
    return link


def _link_by_state(state: str) -> CredentialLink | None:
    if not state:
        return None
    with hub_scope():
        return links_all().filter(state_hash=digest(state)).first()


def _cookie_read(cookie: str) -> dict[str, str]:
    """Return what the browser was given when it left for TikTok; nothing when that is forged or too old."""
    try:
        kept: dict[str, str] = _cookies.unsign_object(cookie, max_age=STATE_SECONDS)
    except signing.BadSignature:
        return {}
    return kept
