"""Save and clone destinations, and offer what TikTok knows for their settings."""

from collections.abc import Mapping

from django.utils import timezone

from destinations.models import Credential, Destination
from destinations.services.checking import DestinationCheckError, Step, destination_check, failed
from destinations.services.clients import client_open
from destinations.services.sources import EventSource, audience_names_read, sources_read
from destinations.services.tracking import auto_tracking_apply
from destinations.specs.base import Stage
from destinations.tiktok.audience_calls import AUDIENCE_TYPE
from destinations.tiktok.errors import TikTokError


def destination_save(*, destination: Destination, values: Mapping[str, object]) -> list[Step]:
    """Check settings and connection, then save; return the steps. Errors are those of `destination_validate`."""
    steps = destination_validate(destination=destination, values=values)
    destination.save()
    return steps


def destination_validate(*, destination: Destination, values: Mapping[str, object]) -> list[Step]:
    """Put settings into a destination, and test its connection; saving is the caller's.

    Raises SettingsError for settings that do not fit, DestinationCheckError when a step of the connection test fails.
    The event set's name is filled from TikTok where the token can list sets, and auto tracking is switched on there
    where it is asked for.
    """
    destination.settings = destination.spec.settings_clean(values, stage=Stage.DESTINATION)
    steps = destination_check(destination=destination)
    if failed(steps):
        raise DestinationCheckError(steps)
    source_name_fill(destination)
    # Auto tracking changes what the ad account does with its own events: that is production's to say.
    is_sandbox = destination.tenant_id is not None and destination.tenant.sandbox_of_id is not None
    tracking = (
        None if is_sandbox
        else auto_tracking_apply(credential=destination.credential, settings=destination.settings)
    )  # fmt: skip
    steps = [*steps, tracking] if tracking else steps
    destination.checks, destination.checked_at = [step.as_record() for step in steps], timezone.now()
    return steps


def source_name_fill(destination: Destination) -> None:
    """Put TikTok's name of the event source into the settings where it can be read."""
    wanted = destination.settings.get("event_source_id")
    if not wanted or "event_set_name" not in {setting.name for setting in destination.spec.settings}:
        return
    for source in event_sources_list(
        credential=destination.credential,
        advertiser_id=str(destination.settings.get("advertiser_id") or ""),
        kind=str(destination.settings.get("event_source") or ""),
    ):
        if source.id == wanted:
            destination.settings["event_set_name"] = source.name


def event_sources_list(*, credential: Credential, advertiser_id: str, kind: str) -> list[EventSource]:
    """Return the event sets or pixels to choose from; empty where the token may not list them."""
    if not advertiser_id or not kind:
        return []
    try:
        with client_open(credential) as client:
            return sources_read(client, advertiser_id, kind)
    except TikTokError:
        return []


def audience_names_list(*, credential: Credential, advertiser_id: str, transport: str) -> list[str]:
    """Return the names of audiences to choose from; empty where the token may not list them."""
    if not advertiser_id or transport not in AUDIENCE_TYPE:
        return []
    try:
        with client_open(credential) as client:
            return audience_names_read(client, advertiser_id, transport)
    except TikTokError:
        return []


def destination_clone(*, destination: Destination) -> Destination:
    """Copy a destination under a free name, disabled until somebody looked at it."""
    copy = Destination(
        tenant=destination.tenant,
        name=_free_name(destination.name),
        description=destination.description,
        plugin=destination.plugin,
        credential=destination.credential,
        settings=dict(destination.settings),
        admin_only=destination.admin_only,
        pii_setting=destination.pii_setting,
        enabled=False,
    )
    copy.save()
    return copy


def _free_name(name: str) -> str:
    taken = set(Destination.objects.values_list("name", flat=True))
    longest = 120 - len(" (copy 999)")
    candidates = (f"{name[:longest]} (copy{f' {number}' if number > 1 else ''})" for number in range(1, 1000))
    return next(candidate for candidate in candidates if candidate not in taken)
