"""Store what an authorization at TikTok granted."""

from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential
from destinations.services.clients import client_open
from destinations.services.credentials import CredentialCheck, ids_used, look_with, record, user_name
from destinations.tiktok.calls import Grant
from destinations.tiktok.errors import TikTokError


def grant_store(*, credential: Credential, grant: Grant) -> str:
    """Put a fresh grant into a credential, whose destinations go on with it; return what is wrong, or "".

    A grant with which nothing can be sent (an Analyst's) never replaces a working one.
    """
    fresh = Credential(tenant=credential.tenant, name=credential.name, access_token=grant.access_token)
    name, found = _look(fresh, ids_used(credential))
    if found.problem and found.alive is not None and credential.is_usable:
        return found.problem
    credential.access_token, credential.pasted = fresh.access_token, False
    credential.scopes = list(grant.scopes)
    credential.advertisers = found.advertisers or [{"id": row, "name": ""} for row in grant.advertiser_ids]
    credential.authorised_by, credential.authorised_at = name, timezone.now()
    credential.status, credential.problem = CredentialStatus.PENDING, ""
    record(credential, found)
    if credential.status == CredentialStatus.PENDING:
        credential.status = CredentialStatus.AUTHORISED
    credential.save()
    return found.problem if credential.status != CredentialStatus.AUTHORISED else ""


def _look(fresh: Credential, used: list[str]) -> tuple[str, CredentialCheck]:
    """Read what the new token reaches; a failure to read does not undo the grant, the daily check reads again."""
    try:
        with client_open(fresh) as client:
            return user_name(client), look_with(client, used)
    except TikTokError as error:
        return "", CredentialCheck(None, error.sentence, error=error)
