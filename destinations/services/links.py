"""Links for people without an account: signed, single-use, with an end; of two kinds that share all of this.

An *authorization link* leads its holder through TikTok's consent (`services/authorization.py`). A *one-time secret
link* lets them hand over a token (`services/handover.py`). What stands in the address is random and signed for its
kind; only a digest of it is kept. Everything that happens to a link is in the audit log, never what it held.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.core import signing
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from destinations.choices import LinkKind, LinkStatus
from destinations.models import Credential, CredentialLink
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.models import User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

PATHS = {LinkKind.AUTHORIZATION: "authorize", LinkKind.SECRET: "authorize/secret"}
_signers = {kind: signing.Signer(sep=".", salt=f"destinations.{kind}-link") for kind in LinkKind}

CREATED = {LinkKind.AUTHORIZATION: Action.LINK_CREATED, LinkKind.SECRET: Action.SECRET_LINK_CREATED}
OPENED = {LinkKind.AUTHORIZATION: Action.LINK_OPENED, LinkKind.SECRET: Action.SECRET_LINK_OPENED}
REFUSED = {LinkKind.AUTHORIZATION: Action.AUTHORISATION_FAILED, LinkKind.SECRET: Action.SECRET_LINK_REFUSED}
WITHDRAWN = {LinkKind.AUTHORIZATION: Action.LINK_WITHDRAWN, LinkKind.SECRET: Action.SECRET_LINK_WITHDRAWN}


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
_CLOSED = {LinkStatus.USED: LinkProblem.USED, LinkStatus.WITHDRAWN: LinkProblem.WITHDRAWN}


class AuthorizationError(Exception):
    """An authorization or handing over that cannot go on, with a sentence for the person in front of it."""

    def __init__(self, problem: LinkProblem, *, detail: str = "") -> None:
        self.problem = problem
        self.sentence = " ".join(filter(None, (_SENTENCES[problem], detail)))
        super().__init__(self.sentence)


@sensitive_variables()
def link_create(
    *,
    credential: Credential,
    by: User,
    kind: LinkKind = LinkKind.AUTHORIZATION,
    days: float | None = None,
    site_url: str = "",
) -> tuple[CredentialLink, str]:
    """Make a single-use link that lives `days` (default HUB_AUTHORIZATION_DAYS); return it and its address.

    The address is known now and never again. `site_url` is where this installation is reached, HUB_PUBLIC_URL by
    default. Raises AuthorizationError for an authorization when the operator has not set the TikTok app.
    """
    if kind == LinkKind.AUTHORIZATION:
        configured_check()
    token = secrets.token_urlsafe(32)
    link = CredentialLink.objects.create(
        tenant=credential.tenant,
        credential=credential,
        kind=kind,
        token_hash=digest(token),
        created_by=by,
        expires_at=timezone.now() + timedelta(days=settings.HUB_AUTHORIZATION_DAYS if days is None else days),
    )
    audit_record(CREATED[kind], link, tenant=credential.tenant)
    site = (site_url or settings.HUB_PUBLIC_URL).rstrip("/")
    return link, f"{site}/{PATHS[kind]}/{_signers[kind].sign(token)}/"


@sensitive_variables()
def link_open(token: str, kind: LinkKind = LinkKind.AUTHORIZATION) -> CredentialLink:
    """Return the usable link behind the last part of its address, noting that it was opened; else AuthorizationError.

    The caller is a stranger in no tenant; what comes back is used inside the link's own.
    """
    link = _link_find(token, kind)
    with tenant_scope(link.tenant):
        link_usable_check(link)
        if link.opened_at is None:
            link.opened_at = timezone.now()
            link.save(update_fields=["opened_at"])
            audit_record(OPENED[kind], link)
    return link


def link_usable_check(link: CredentialLink) -> None:
    """Raise AuthorizationError where a link can no longer be used, and note the attempt."""
    if link.is_open:
        return
    problem = _CLOSED.get(LinkStatus(link.status), LinkProblem.EXPIRED)
    link_refusal_note(link, f"The link was opened after it was {problem}.")
    raise AuthorizationError(problem)


def link_refusal_note(link: CredentialLink, reason: str) -> None:
    """Put into the audit log why a link was not used; the reason holds nothing of what was typed."""
    change = {"field": "reason", "old": None, "new": reason}
    audit_record(REFUSED[LinkKind(link.kind)], link, changes=[change], tenant=link.tenant)


def link_problem_note(link: CredentialLink, problem: str) -> None:
    """Keep what went wrong, for the page of the credential and for the audit log; the link stays open."""
    link.problem = problem
    link.save(update_fields=["problem"])
    link_refusal_note(link, problem)


def link_burn(link: CredentialLink) -> bool:
    """Use an open link up; False where somebody else just did, or it was withdrawn or ended. Its scope must be open."""
    now = timezone.now()
    mine = CredentialLink.objects.filter(pk=link.pk, status=LinkStatus.OPEN, expires_at__gt=now)
    burnt = bool(mine.update(status=LinkStatus.USED, used_at=now, problem=""))
    link.refresh_from_db(fields=["status", "used_at", "problem"])
    return burnt


def link_withdraw(*, link: CredentialLink) -> None:
    """Make an open link useless."""
    open_ones = CredentialLink.objects.filter(pk=link.pk, status=LinkStatus.OPEN)
    if open_ones.update(status=LinkStatus.WITHDRAWN, state_hash=""):
        audit_record(WITHDRAWN[LinkKind(link.kind)], link)
    link.refresh_from_db()


def links_expire() -> int:
    """Mark the opened tenant's overdue links as expired; return how many there were."""
    overdue = CredentialLink.objects.filter(status=LinkStatus.OPEN, expires_at__lte=timezone.now())
    return int(overdue.update(status=LinkStatus.EXPIRED, state_hash=""))


def configured_check() -> None:
    """Raise AuthorizationError unless the operator set the TikTok app."""
    if not (settings.TIKTOK_APP_ID and settings.TIKTOK_APP_SECRET):
        raise AuthorizationError(LinkProblem.NOT_CONFIGURED)


def digest(text: str) -> str:
    """Return what is kept of a link's token or of a state: it cannot be turned back, the text is random."""
    return hashlib.sha256(text.encode()).hexdigest()


def links_all() -> QuerySet[CredentialLink]:
    """Return links with what their pages need; the caller opens a scope."""
    links: QuerySet[CredentialLink] = CredentialLink.objects.select_related(
        "tenant", "credential__tenant", "created_by"
    )
    return links


@sensitive_variables()
def _link_find(token: str, kind: LinkKind) -> CredentialLink:
    try:
        kept = digest(_signers[kind].unsign(token))
    except signing.BadSignature:
        raise AuthorizationError(LinkProblem.UNKNOWN) from None
    with hub_scope():
        link = links_all().filter(token_hash=kept, kind=kind).first()
    # The database compares byte by byte; what it found is compared once more, in a time that tells nothing.
    if link is None or not hmac.compare_digest(link.token_hash, kept):
        raise AuthorizationError(LinkProblem.UNKNOWN)
    return link
