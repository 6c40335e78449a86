"""The providers of TikTok Ads Events: one per kind of event source."""

from datetime import UTC, datetime, timedelta
from functools import partial

import orjson
import requests

from destinations import specs
from tests.conformance.provider import Account, Provider, Row

PLUGIN = "tiktok-ads-events"
BEGIN = datetime.now(tz=UTC).replace(microsecond=0) - timedelta(hours=30)


def event_key(index: int) -> str:
    """Name the event of a row."""
    return f"order-{index:05d}"


def event_row(source: str, index: int) -> Row:
    """Make a purchase of the last hours."""
    row = {
        "event": "Purchase",
        "event_id": event_key(index),
        "timestamp": (BEGIN + timedelta(seconds=index)).isoformat(),
        "email": f"person{index}@mail.example",
        "value": f"{index % 90 + 10}.50",
        "currency": "USD",
    }
    return row | ({"page_url": f"https://shop.example/order/{index}"} if source == "web" else {})


def events_held(source: str, url: str, account: Account) -> dict[str, int]:
    """Ask for every event of the account's event set or pixel that TikTok holds."""
    params = {"event_source_id": account.sources[source]}
    rows = requests.get(f"{url}/_emulator/event_ids", params=params, timeout=10).json()["event_ids"]
    return {row["event_id"]: row["held"] for row in rows if row["held"]}


def events_provider(source: str, nowhere: str) -> Provider:
    """Make the provider of TikTok Ads Events for an event source."""
    return Provider(
        name=f"events-{source}",
        plugin=PLUGIN,
        path="/event/track/",
        limit=specs.get(PLUGIN).limits.rows_per_request,
        row=partial(event_row, source),
        key=event_key,
        spoiled={"timestamp": "soon"},
        settings=lambda account: {"advertiser_id": account.advertiser_id, "event_source": source},
        overrides=lambda account: {"event_source_id": account.sources[source]},
        nowhere={"event_source_id": nowhere},
        items=lambda body: list(orjson.loads(body)["data"]),
        item_key=lambda item: str(item["event_id"]),
        held=partial(events_held, source),
        poison=lambda key: {"event_id": key},
    )
