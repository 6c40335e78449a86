"""Lead a TikTok account holder through the authorization of a credential.

The way: an admin makes a link → somebody opens it → they go to TikTok with a fresh `state` → TikTok sends them back
with `state` and `auth_code` → the code is exchanged at once. Of link and state only digests are kept. A state belongs
to one link and to one browser (a signed cookie), is used once, and lives as long as TikTok's code (one hour).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.core import signing
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from destinations.choices import LinkStatus
from destinations.models import AuthorizationLink, Credential
from destinations.services.grants import grant_store
from destinations.tiktok.calls import authorization_url, token_exchange
from destinations.tiktok.errors import TikTokError
from tiktok_hub.tenancy.models import User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

#: Seconds for which a state can come back: TikTok's auth_code lives one hour (document 1738373141733378).
STATE_SECONDS = 3600
_signer = signing.Signer(sep=".", salt="destinations.authorization-link")
_cookies = signing.TimestampSigner(sep=".", salt="destinations.authorization-state")


class LinkProblem(StrEnum):
    """Why a link or a return from TikTok leads nowhere."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    USED = "used"
    WITHDRAWN = "withdrawn"
    STATE = "state"
    BROWSER = "browser"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    NOT_CONFIGURED = "not_configured"


_SENTENCES: dict[LinkProblem, str] = {
    LinkProblem.UNKNOWN: "This link does not exist. Check that it was copied in full, or ask for a new one.",
    LinkProblem.EXPIRED: "This link has expired. Ask the person who sent it for a new one.",
    LinkProblem.USED: "This link was used already, and each link works once. Nothing more has to be done.",
    LinkProblem.WITHDRAWN: "This link was withdrawn. Ask the person who sent it for a new one.",
    LinkProblem.STATE: "This answer from TikTok is not expected: it was used already, or is too old. "
    "Open the link you were given and start again.",
    LinkProblem.BROWSER: "This answer from TikTok belongs to another browser. "
    "Open the link you were given in this browser and start again.",
    LinkProblem.CANCELLED: "TikTok was not authorised: the consent was cancelled. Nothing was granted.",
    LinkProblem.REFUSED: "TikTok did not complete the authorization.",
    LinkProblem.NOT_CONFIGURED: "TikTok cannot be connected yet: the operator of this installation has to set "
    "TIKTOK_APP_ID and TIKTOK_APP_SECRET.",
}


class AuthorizationError(Exception):
    """An authorization that cannot go on, with a sentence for the person in front of it."""

    def __init__(self, problem: LinkProblem, *, detail: str = "") -> None:
        self.problem = problem
        self.sentence = " ".join(filter(None, (_SENTENCES[problem], detail)))
        super().__init__(self.sentence)


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes next, and the cookie that it must bring back."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody came back from TikTok: the link they started from, and its token, to start again if need be."""

    link: AuthorizationLink
    token: str = field(repr=False)


@sensitive_variables()
def link_create(
    *, credential: Credential, by: User, days: float | None = None, site_url: str = ""
) -> tuple[AuthorizationLink, str]:
    """Make a single-use link that lives `days` (default HUB_AUTHORIZATION_DAYS); return it and its address.

    The address is known now and never again. `site_url` is where this installation is reached, HUB_PUBLIC_URL by
    default. Raises AuthorizationError when the operator has not set the TikTok app.
    """
    configured_check()
    token = secrets.token_urlsafe(32)
    link = AuthorizationLink.objects.create(
        tenant=credential.tenant,
        credential=credential,
        token_hash=digest(token),
        created_by=by,
        expires_at=timezone.now() + timedelta(days=settings.HUB_AUTHORIZATION_DAYS if days is None else days),
    )
    return link, f"{(site_url or settings.HUB_PUBLIC_URL).rstrip('/')}/authorize/{_signer.sign(token)}/"


@sensitive_variables()
def link_open(token: str) -> AuthorizationLink:
    """Return the usable link behind the last part of its address, noting that it was opened; else AuthorizationError.

    The caller is a stranger in no tenant; what comes back is used inside the link's own.
    """
    link = _link_find(token)
    _usable_check(link)
    with tenant_scope(link.tenant):
        if link.opened_at is None:
            link.opened_at = timezone.now()
            link.save(update_fields=["opened_at"])
    return link


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
    _usable_check(link)
    kept = _cookie_read(cookie)
    if not hmac.compare_digest(kept.get("state", ""), link.state_hash):
        raise AuthorizationError(LinkProblem.BROWSER)
    with tenant_scope(link.tenant):
        mine = AuthorizationLink.objects.filter(pk=link.pk, state_hash=link.state_hash, status=LinkStatus.OPEN)
        if not mine.update(state_hash=""):
            raise AuthorizationError(LinkProblem.STATE)
    return Arrival(link, kept["link"])


@sensitive_variables()
def link_complete(*, link: AuthorizationLink, auth_code: str) -> AuthorizationLink:
    """Exchange the code that came with a returned state, store what was granted, and use the link up.

    Without a code the person cancelled. After an AuthorizationError the link can be tried again while it lives.
    """
    if not auth_code:
        _note(link, "The consent was cancelled at TikTok.")
        raise AuthorizationError(LinkProblem.CANCELLED)
    try:
        grant = token_exchange(settings.TIKTOK_API_URL, settings.TIKTOK_APP_ID, settings.TIKTOK_APP_SECRET, auth_code)
        problem = grant_store(credential=link.credential, grant=grant)
    except TikTokError as error:
        problem = error.sentence
    if problem:
        _note(link, problem)
        raise AuthorizationError(LinkProblem.REFUSED, detail=problem)
    link.status, link.used_at, link.problem = LinkStatus.USED, timezone.now(), ""
    # The spent state stays known, so that a reload of the last page is told that all is done.
    link.save(update_fields=["status", "used_at", "problem", "state_hash"])
    return link


def link_withdraw(*, link: AuthorizationLink) -> None:
    """Make an open link useless."""
    AuthorizationLink.objects.filter(pk=link.pk, status=LinkStatus.OPEN).update(
        status=LinkStatus.WITHDRAWN, state_hash=""
    )
    link.refresh_from_db()


def links_expire() -> int:
    """Mark the opened tenant's overdue links as expired; return how many there were."""
    overdue = AuthorizationLink.objects.filter(status=LinkStatus.OPEN, expires_at__lte=timezone.now())
    return int(overdue.update(status=LinkStatus.EXPIRED, state_hash=""))


def configured_check() -> None:
    """Raise AuthorizationError unless the operator set the TikTok app."""
    if not (settings.TIKTOK_APP_ID and settings.TIKTOK_APP_SECRET):
        raise AuthorizationError(LinkProblem.NOT_CONFIGURED)


def digest(text: str) -> str:
    """Return what is kept of a link's token or of a state: it cannot be turned back, the text is random."""
    return hashlib.sha256(text.encode()).hexdigest()


@sensitive_variables()
def _link_find(token: str) -> AuthorizationLink:
    try:
        plain = _signer.unsign(token)
    except signing.BadSignature:
        raise AuthorizationError(LinkProblem.UNKNOWN) from None
    with hub_scope():
        link = _links().filter(token_hash=digest(plain)).first()
    if link is None:
        raise AuthorizationError(LinkProblem.UNKNOWN)
    return link


def _link_by_state(state: str) -> AuthorizationLink | None:
    if not state:
        return None
    with hub_scope():
        return _links().filter(state_hash=digest(state)).first()


def _links() -> QuerySet[AuthorizationLink]:
    links: QuerySet[AuthorizationLink] = AuthorizationLink.objects.select_related("tenant", "credential__tenant")
    return links


def _cookie_read(cookie: str) -> dict[str, str]:
    """Return what the browser was given when it left for TikTok; nothing when that is forged or too old."""
    try:
        kept: dict[str, str] = _cookies.unsign_object(cookie, max_age=STATE_SECONDS)
    except signing.BadSignature:
        return {}
    return kept


def _usable_check(link: AuthorizationLink) -> None:
    closed = {LinkStatus.USED: LinkProblem.USED, LinkStatus.WITHDRAWN: LinkProblem.WITHDRAWN}
    if link.is_open:
        return
    raise AuthorizationError(closed.get(LinkStatus(link.status), LinkProblem.EXPIRED))


def _note(link: AuthorizationLink, problem: str) -> None:
    link.problem = problem
    link.save(update_fields=["problem"])
