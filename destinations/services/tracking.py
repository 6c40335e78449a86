"""Link an offline event set to new campaigns automatically, where a destination asks for it.

Without the link the advertiser has to attach the set to ads by hand, or nothing is attributed.
"""

from collections.abc import Mapping
from typing import Any

from destinations.choices import StepStatus
from destinations.models import Credential
from destinations.services.checking import Step
from destinations.services.clients import client_open
from destinations.tiktok.calls import offline_set_track, offline_sets_list
from destinations.tiktok.errors import TikTokError

NAME = "auto_tracking"


def auto_tracking_apply(*, credential: Credential, settings: Mapping[str, Any]) -> Step | None:
    """Switch auto tracking on at TikTok for the event set in `settings`; return what came of it.

    None where nothing is asked for: the setting is off, no event set is named yet, or TikTok has it on already. A
    token that may not change event sets is no error of the destination: the step is skipped and says what to do.
    """
    event_set = str(settings.get("event_source_id") or "")
    if not settings.get("auto_tracking") or settings.get("event_source") != "offline" or not event_set:
        return None
    advertiser = str(settings["advertiser_id"])
    try:
        with client_open(credential) as client:
            if any(known.id == event_set and known.auto_tracking for known in offline_sets_list(client, advertiser)):
                return None
            offline_set_track(client, advertiser, event_set, auto_tracking=True)
    except TikTokError as error:
        return Step(
            NAME,
            StepStatus.SKIPPED,
            f"Auto tracking could not be switched on: {error.sentence}",
            ("Switch it on in TikTok Events Manager, or authorise with the permission to manage offline events.",),
        )
    return Step(NAME, StepStatus.PASSED, "The event set is linked to new campaigns automatically.")
