"""What an audience's status means to people, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone

from destinations.tiktok.audience_calls import FEWEST_MEMBERS
from destinations.tiktok.resolutions import ResolutionKey, resolution_get
from orchestrations.admin.base import member
from orchestrations.choices import AudienceStatus
from orchestrations.models import Audience
from tiktok_hub.tenancy.policies import is_admin

#: How long TikTok may take until sizes show a change (TikTok's help pages, vendors: 24 to 48 hours).
SETTLED = timedelta(hours=48)
#: Statuses that somebody should look at.
TROUBLED = (
    AudienceStatus.TOO_SMALL,
    AudienceStatus.EXPIRING,
    AudienceStatus.EXPIRED,
    AudienceStatus.FAILED,
    AudienceStatus.DELETED,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an audience stands: a title, a sentence, and steps where something can be done.

    `tone` is good, warn, bad or idle. `raw` holds TikTok's own words, for administrators only.
    """

    tone: str
    title: str
    cause: str
    steps: tuple[str, ...] = ()
    raw: str = ""


def standing(audience: Audience, request: HttpRequest | None = None) -> Standing:
    """Return what to say about an audience's status."""
    found = WORDS[AudienceStatus(audience.status)](audience)
    if request is not None and audience.status == AudienceStatus.FAILED and is_admin(member(request)):
        return replace(found, raw=audience.problem)
    return found


def settling(audience: Audience, now: datetime | None = None) -> bool:
    """Say whether the last change may not show at TikTok yet."""
    return audience.state_at is not None and audience.state_at + SETTLED > (now or timezone.now())


def _new(audience: Audience) -> Standing:
    cause = "The first run looks for an audience of this name in the ad account, and creates it where there is none."
    return Standing("idle", "Not created yet", cause)


def _calculating(audience: Audience) -> Standing:
    cause = "TikTok compares the people with its users, up to 48 hours after a change. Nothing has to be done."
    return Standing("idle", "TikTok is counting", cause)


def _ready(audience: Audience) -> Standing:
    return Standing("good", "Ready to be used", "It has the 1,000 matched members that an ad group needs.")


def _too_small(audience: Audience) -> Standing:
    size = audience.size or 0
    cause = (
        f"TikTok has matched {size:,} members; an ad group can use an audience from {FEWEST_MEMBERS:,} on. "
        f"{FEWEST_MEMBERS - size:,} are missing."
    )
    wait = "Wait: the last change is less than 48 hours old, and the size may still grow."
    more = "Send more people: as a rule of thumb, 10,000 e-mail addresses or 5,000 phone numbers give 1,000 matches."
    steps = (
        more,
        "Send more ids per person, a phone number beside the e-mail address: not every id belongs to a TikTok user.",
        "Look at the rows that the last run rejected: perhaps they lack no more than a country.",
    )
    return Standing("warn", "Too small to be used", cause, (wait, *steps) if settling(audience) else steps)


def _expiring(audience: Audience) -> Standing:
    when = f"on {audience.expires_at:%-d %B %Y}" if audience.expires_at else "soon"
    steps = (
        "Use it in an ad group, in TikTok Ads Manager.",
        "If nobody needs it any more, disable the orchestrations that keep it.",
    )
    cause = f"It expires {when}: TikTok drops audiences that were not used for 12 months."
    return Standing("warn", "About to expire", cause, steps)


def _expired(audience: Audience) -> Standing:
    steps = (
        "Delete it in TikTok Ads Manager, under Tools > Audiences.",
        "Start a run: it creates the audience again and fills it, as its orchestration says.",
    )
    cause = "It was not used for 12 months. No ad group can use it, and TikTok takes no changes for it."
    return Standing("bad", "Expired", cause, steps)


def _not_editable(audience: Audience) -> Standing:
    found = resolution_get(ResolutionKey.AUDIENCE_NOT_READY)
    return Standing("warn", found.title, found.cause, found.steps)


def _failed(audience: Audience) -> Standing:
    cause = (
        "TikTok took the last change and could not carry it out afterwards. Who is in the audience is not sure, so the "
        "next run tells TikTok everything again."
    )
    more = (
        "The usual cause: after the change, fewer than 1,000 matched members would be left. Send more people, or keep "
        "an audience by streaming, which knows no such floor."
    )
    steps = (more, "Then start a run of the orchestration that keeps it.")
    return Standing("bad", "The last change failed at TikTok", cause, steps)


def _deleted(audience: Audience) -> Standing:
    cause = "TikTok no longer shows this audience: somebody deleted it, or the credential does not reach it any more."
    again = "To have it again, start a run: as its orchestration says, it creates and fills it, or waits for somebody."
    steps = (again, "If it was deleted for good, disable the orchestrations that keep it.")
    return Standing("bad", "Deleted at TikTok", cause, steps)


WORDS: dict[AudienceStatus, Callable[[Audience], Standing]] = {
    AudienceStatus.NEW: _new,
    AudienceStatus.CALCULATING: _calculating,
    AudienceStatus.READY: _ready,
    AudienceStatus.TOO_SMALL: _too_small,
    AudienceStatus.EXPIRING: _expiring,
    AudienceStatus.EXPIRED: _expired,
    AudienceStatus.NOT_EDITABLE: _not_editable,
    AudienceStatus.FAILED: _failed,
    AudienceStatus.DELETED: _deleted,
}
