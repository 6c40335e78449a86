"""Keep credentials: set a token, check it at TikTok, park it when TikTok no longer accepts it."""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from destinations.choices import CredentialStatus
from destinations.models import Credential
from destinations.services.clients import client_open
from destinations.specs.audiences import advertisers
from destinations.tiktok.calls import advertiser_role, advertisers_list
from destinations.tiktok.client import TikTokClient
from destinations.tiktok.errors import ConfigurationError, CredentialError, TikTokError
from destinations.tiktok.resolutions import ResolutionKey
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.crypto import LazySecret, Secret
from tiktok_hub.tenancy.models import User

#: Roles on an ad account with which events and audiences can be sent; an Analyst may only read.
WRITING_ROLES = frozenset({"ADMIN", "OPERATOR"})
#: Ad accounts whose role is looked up in one check: each costs at least two requests.
MOST_ROLES = 5
TOKEN_LONGEST = 512  # TikTok's have 40 characters; longer ones fit in no header, so that nobody could say they are none
#: Return code for an App ID and secret that do not fit: the operator's settings, nothing about the token.
_APP_MISMATCH = 40101
#: Code of the ValidationError about a token that TikTok refuses.
REFUSED = "refused"
#: States in which runs wait, so that a check which could not be completed changes nothing.
STOPPED = frozenset({CredentialStatus.EXPIRED, CredentialStatus.FAILED})

ANALYST_PROBLEM = (
    "The TikTok user who authorised this credential is only an Analyst on {accounts}. "
    "Sending needs the role Ad Account Operator or Admin: change the role at TikTok, or reauthorise as another user."
)
UNREADABLE = (
    "TikTok does not let this token read the account. That is normal for a token from Events Manager: "
    "whether it is accepted shows with the first delivery."
)


@dataclass(frozen=True, slots=True)
class CredentialCheck:
    """What a check found: `alive` is None where TikTok did not say; `problem` is empty when nothing is wrong."""

    alive: bool | None
    problem: str = ""
    note: str = ""
    advertisers: list[dict[str, Any]] = field(default_factory=list)
    error: TikTokError | None = None


def credential_expire(*, credential: Credential, problem: str) -> None:
    """Park a credential that TikTok refuses: its runs wait until it is authorised anew or a check finds it alive.

    Nothing happens when the token was replaced meanwhile: the refusal was about the old one.
    """
    changed = _unchanged(credential).update(status=CredentialStatus.EXPIRED, problem=problem, checked_at=timezone.now())
    if changed:
        credential.status, credential.problem = CredentialStatus.EXPIRED, problem


@sensitive_variables()
def credential_token_set(*, credential: Credential, token: str, by: User | str) -> CredentialCheck:
    """Take a pasted token in place of what the credential held; destinations keep working, also parked ones.

    A token that TikTok refuses is not kept: ValidationError says why, and the credential stays as it was.
    """
    found = token_look(credential=credential, token=token)
    token_put(credential=credential, token=token, found=found, by=by)
    credential.save()
    audit_record(Action.TOKEN_STORED, credential, tenant=credential.tenant)
    return found


@sensitive_variables()
def token_look(*, credential: Credential, token: str) -> CredentialCheck:
    """Ask TikTok about a pasted token before it is kept; ValidationError when it is none or is refused."""
    token = token.strip()
    if not token or len(token) > TOKEN_LONGEST or not token.isascii() or not token.isprintable() or " " in token:
        raise ValidationError("That is no TikTok access token: it is one word of letters and digits, without blanks.")
    probe = Credential(tenant_id=credential.tenant_id, access_token=token, pasted=True)
    found = _look(probe, ids_used(credential))
    if found.alive is False:
        raise ValidationError(f"The token was not stored. {found.problem}", code=REFUSED)
    return found


@sensitive_variables()
def token_put(*, credential: Credential, token: str, found: CredentialCheck, by: User | str) -> None:
    """Put a pasted token and what a look at it found into a credential's fields; saving is the caller's."""
    credential.access_token = Secret(token.strip())
    credential.pasted, credential.scopes = True, []
    credential.authorised_by, credential.authorised_at = f"{by} (pasted token)"[:200], timezone.now()
    credential.status, credential.advertisers = CredentialStatus.PENDING, []
    record(credential, found)
    if credential.status == CredentialStatus.PENDING:
        credential.status = CredentialStatus.AUTHORISED


def credential_check(*, credential: Credential) -> CredentialCheck:
    """Ask TikTok whether the token is alive, what it reaches and with which role, and keep the answer.

    A pasted token that may not read anything stays as it is. So does everything when TikTok cannot be reached.
    """
    found = _look(credential, ids_used(credential))
    record(credential, found)
    fields = ("status", "problem", "advertisers", "checked_at")
    _unchanged(credential).update(**{name: getattr(credential, name) for name in fields})
    return found


def _unchanged(credential: Credential) -> QuerySet[Credential]:
    """Return the row, unless its token was replaced since it was read."""
    row: QuerySet[Credential] = Credential.objects.filter(pk=credential.pk)
    read = credential.access_token
    return row.filter(access_token=read) if isinstance(read, LazySecret) else row


def ids_used(credential: Credential) -> list[str]:
    """Return the ad accounts that the credential's destinations send to."""
    if credential.pk is None:
        return []
    used = credential.destinations.values_list("settings", flat=True)
    return sorted({value for settings in used for value in advertisers(settings)})


def record(credential: Credential, found: CredentialCheck) -> None:
    """Put what a check found into the credential's fields; saving is the caller's."""
    if found.alive is None and found.error is not None:
        credential.problem = credential.problem if credential.status in STOPPED else found.problem
        return
    credential.checked_at, credential.problem = timezone.now(), found.problem
    if found.alive is False:
        credential.status = CredentialStatus.EXPIRED if credential.access_token else CredentialStatus.PENDING
        return
    credential.advertisers = found.advertisers or credential.advertisers
    if found.problem:
        credential.status = CredentialStatus.FAILED
    elif found.alive or credential.status == CredentialStatus.PENDING:
        credential.status = CredentialStatus.AUTHORISED


def _look(credential: Credential, used: list[str]) -> CredentialCheck:
    """Ask TikTok; never raises a TikTokError."""
    try:
        with client_open(credential) as client:
            return look_with(client, used)
    except TikTokError as error:
        if token_refused(error):
            return CredentialCheck(False, error.sentence, error=error)
        return CredentialCheck(None, f"The last check could not be completed. {error.sentence}", error=error)


def look_with(client: TikTokClient, used: list[str]) -> CredentialCheck:
    """Read what the token reaches through an open client; raises TikTokError except where it may not read."""
    try:
        advertisers = advertisers_read(client)
    except (ConfigurationError, CredentialError) as error:
        if token_refused(error):
            raise
        return CredentialCheck(None, note=UNREADABLE)
    roles = roles_read(client, [row["id"] for row in advertisers], used)
    rows = [{**row, "role": roles[row["id"]]} if row["id"] in roles else row for row in advertisers]
    return CredentialCheck(True, _role_problem(rows, used), advertisers=rows)


def advertisers_read(client: TikTokClient) -> list[dict[str, Any]]:
    """Return the ad accounts that the token reaches, as `{"id", "name"}`; the documented proof that it is alive.

    Only our own app may ask. For another app's token the user is asked for instead, which shows at least whether the
    token is alive; ConfigurationError then says that the accounts cannot be read.
    """
    if settings.TIKTOK_APP_ID and settings.TIKTOK_APP_SECRET:
        try:
            rows = advertisers_list(client, settings.TIKTOK_APP_ID, settings.TIKTOK_APP_SECRET)
            return [{"id": row.id, "name": row.name} for row in rows]
        except (ConfigurationError, CredentialError) as error:
            if error.resolution.key != ResolutionKey.APP_NOT_ACCEPTED and error.code != _APP_MISMATCH:
                raise
    client.get("user/info/")
    raise ConfigurationError(
        "The token belongs to another developer app, so its ad accounts cannot be listed.",
        resolution=ResolutionKey.APP_NOT_ACCEPTED,
    )


def user_name(client: TikTokClient) -> str:
    """Return the name of the TikTok user behind the token, empty where it cannot be read."""
    try:
        data = client.get("user/info/").data
    except TikTokError:
        return ""
    return str(data.get("display_name") or "")[:120]


def roles_read(client: TikTokClient, ids: list[str], used: list[str]) -> dict[str, str]:
    """Return the user's role on ad accounts where a Business Center tells it; those in use come first."""
    ordered = sorted(ids, key=lambda advertiser_id: advertiser_id not in used)
    roles = {advertiser_id: advertiser_role(client, advertiser_id) for advertiser_id in ordered[:MOST_ROLES]}
    return {advertiser_id: role for advertiser_id, role in roles.items() if role}


def _role_problem(rows: list[dict[str, Any]], used: list[str]) -> str:
    """Say that the role does not suffice: on any account in use, or on all whose role is known."""
    known = [row for row in rows if row.get("role")]
    weak = [row for row in known if row["role"] not in WRITING_ROLES]
    hit = [row for row in weak if row["id"] in used]
    if not hit and not (weak and len(weak) == len(known) == len(rows)):
        return ""
    return ANALYST_PROBLEM.format(accounts=", ".join(row["name"] or row["id"] for row in hit or weak))


def token_refused(error: TikTokError) -> bool:
    """Say whether TikTok refuses the token itself, not just this one call."""
    invalid = error.resolution.key == ResolutionKey.INVALID_CREDENTIALS
    return isinstance(error, CredentialError) and invalid and error.code != _APP_MISMATCH
