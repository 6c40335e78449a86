"""Read which event sets, pixels and audiences an ad account has."""

from dataclasses import dataclass

from destinations.tiktok.audience_calls import AUDIENCE_TYPE, audiences_list
from destinations.tiktok.calls import offline_sets_list, pixels_list
from destinations.tiktok.client import TikTokClient


@dataclass(frozen=True, slots=True)
class EventSource:
    """An event set or a pixel; `id` is what TikTok wants as event source id (for a pixel: its code)."""

    id: str
    name: str


def sources_read(client: TikTokClient, advertiser_id: str, kind: str) -> list[EventSource]:
    """Return the event sources of one kind (`offline`, `web`) of an ad account; TikTokError where it may not."""
    if kind == "web":
        return [EventSource(pixel.code, pixel.name) for pixel in pixels_list(client, advertiser_id)]
    return [EventSource(row.id, row.name) for row in offline_sets_list(client, advertiser_id)]


def audience_names_read(client: TikTokClient, advertiser_id: str, transport: str) -> list[str]:
    """Return the names of the audiences of an ad account that a transport can feed; TikTokError where it may not."""
    rows = audiences_list(client, advertiser_id)
    return sorted({row.name for row in rows if row.is_creator and row.type == AUDIENCE_TYPE[transport]})
