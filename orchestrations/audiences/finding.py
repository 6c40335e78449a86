"""Find audiences at TikTok by their id, else by their name; create what is not there.

Creating and looking go together under a claim. A lost answer to *create* is followed by another look: the audience
is taken over if it is there. So neither parallel runs nor lost answers make two.
"""

from dataclasses import dataclass

from destinations.tiktok.audience_calls import (
    AUDIENCE_TYPE,
    RemoteAudience,
    audience_create,
    audiences_get,
    audiences_list,
)
from destinations.tiktok.client import TikTokClient
from destinations.tiktok.errors import ConfigurationError, RejectedError, RetryableError
from orchestrations.audiences.claims import claimed
from orchestrations.audiences.upkeep import audience_doubt
from orchestrations.models import Audience, RunAudience


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of an audience: its id ("" where there is none), and how many audiences the ad account has.

    `failed` says that TikTok could not carry out the last change by files, which it tells only afterwards.
    """

    audience_id: str
    used: int
    failed: bool = False


def audience_find(client: TikTokClient, audience: Audience) -> Found:
    """Look for an audience; raise TikTokError where TikTok does not let us look.

    The id that we know counts; where it is gone, the oldest of our own audiences with that name and type.
    """
    listed = [row for row in audiences_list(client, audience.advertiser_id) if row.is_creator]
    failed = {row.id: bool(row.error_message) for row in listed}
    if audience.audience_id and (audience.audience_id in failed or _still_there(client, audience)):
        return Found(audience.audience_id, len(listed), failed.get(audience.audience_id, False))
    named = [row.id for row in listed if _fits(row, audience)]
    # Ids of TikTok grow with time.
    return Found(min(named, key=lambda text: (len(text), text), default=""), len(listed))


def audience_survey(client: TikTokClient, target: RunAudience) -> None:
    """Look for the audience of a run before anything is prepared, and note what was found.

    A change that TikTok took and could not carry out later makes all that it was told doubtful: it is told again.
    `target.anew` is set where TikTok was told something, but no longer has the audience that was told;
    `target.used_audiences` counts one that is still to be created.
    """
    audience = target.audience
    found = audience_find(client, audience)
    target.anew = bool(audience.state_path) and found.audience_id != audience.state_of
    target.used_audiences = found.used + (not found.audience_id)
    target.save(update_fields=["anew", "used_audiences"])
    adopt(audience, found.audience_id)
    if found.failed and not target.anew:
        audience_doubt(audience=audience)
        audience.refresh_from_db()


def audience_ensure(client: TikTokClient, audience: Audience) -> str:
    """Return the id of a streaming audience; it is created where TikTok has none of that name.

    Raise RetryableError while another worker looks for it, and whatever TikTok says.
    """
    if audience.audience_id:
        return audience.audience_id
    with claimed(audience) as mine:
        if not mine:
            raise claim_busy()
        found = audience_find(client, audience).audience_id
        adopt(audience, found or audience_create(client, audience.advertiser_id, audience.name))
    return audience.audience_id


def claim_busy() -> RetryableError:
    """Return the error of a look that has to wait for somebody else's."""
    return RetryableError("Another run is just looking for this audience or creating it.", throttled=True)


def adopt(audience: Audience, audience_id: str) -> None:
    """Keep what TikTok calls an audience; "" where it has none."""
    if audience.audience_id != audience_id:
        audience.audience_id = audience_id
        audience.save(update_fields=["audience_id"])


def _still_there(client: TikTokClient, audience: Audience) -> bool:
    """Ask for the one audience: a list may lag behind. What may not be asked is taken for gone, as the list says."""
    try:
        return bool(audiences_get(client, audience.advertiser_id, [audience.audience_id]))
    except (ConfigurationError, RejectedError):
        return False


def _fits(row: RemoteAudience, audience: Audience) -> bool:
    return row.name == audience.name and row.type == AUDIENCE_TYPE[audience.transport]
