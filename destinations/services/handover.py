"""Take a token from a TikTok account holder who has no account here, by a one-time secret link."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from destinations.choices import LinkKind
from destinations.models import Credential, CredentialLink
from destinations.services.credentials import REFUSED, CredentialCheck, token_look, token_put
from destinations.services.links import AuthorizationError, LinkProblem, link_burn, link_open, link_problem_note
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.scope import tenant_scope

NOT_ACCEPTED = "TikTok does not accept this token. Copy it again in full, or generate a new one."
LATER = "TikTok could not be asked about the token just now, so it was not stored. Try again in a few minutes."


@sensitive_variables()
def link_hand_over(*, token: str, secret: str) -> CredentialLink:
    """Store a token that came with a link and use the link up, exactly once however many press at the same moment.

    `token` is the last part of the link's address, `secret` the access token. ValidationError says what is wrong with
    the access token, the link can then be used again; AuthorizationError when the link itself is of no use.
    """
    link = link_open(token, LinkKind.SECRET)
    with tenant_scope(link.tenant):
        try:
            found = _looked(link.credential, secret)
        except ValidationError as error:
            link_problem_note(link, error.messages[0])
            raise
        with transaction.atomic():
            if not link_burn(link):
                raise AuthorizationError(LinkProblem.USED)
            credential = Credential.objects.select_for_update().get(pk=link.credential_id)
            token_put(credential=credential, token=secret, found=found, by=f"By a link from {link.created_by}")
            credential.save()
            audit_record(Action.SECRET_LINK_USED, link)
            audit_record(Action.TOKEN_STORED, credential)
        link.credential = credential
    return link


@sensitive_variables()
def _looked(credential: Credential, secret: str) -> CredentialCheck:
    """Ask TikTok about a token, in words for its holder; ValidationError where it is refused or nobody answers."""
    try:
        found = token_look(credential=credential, token=secret)
    except ValidationError as error:
        raise (ValidationError(NOT_ACCEPTED) if error.code == REFUSED else error) from None
    if found.alive is None and found.error is not None:
        raise ValidationError(LATER)
    return found
