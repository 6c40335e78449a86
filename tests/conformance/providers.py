"""What the conformance suite must know about each destination: one provider per plugin and source, registered here.

A provider makes rows, names settings, and says how to read what TikTok holds. Everything else, the cases above all, is
the same for every destination. A new plugin needs an entry in `PROVIDERS` and nothing more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
import requests

from destinations import specs

Row = dict[str, str]


@dataclass(frozen=True)
class Account:
    """A tenant's account at the emulated TikTok."""

    token: str
    advertiser_id: str
    sources: Mapping[str, str]


ACCOUNTS = {
    "acme": Account(
        "emulator-token-acme",
        "7654321098765432109",
        {"offline": "7654321098765432100", "web": "C3QEXAMPLEPIXELCODE0"},
    ),
    "globex": Account(
        "emulator-token-globex",
        "7654321098765432209",
        {"offline": "7654321098765432200", "web": "C4QEXAMPLEPIXELCODE0"},
    ),
}


@dataclass(frozen=True)
class Provider:
    """A destination as the suite sees it.

    `row` makes a good row (of an index) that is delivered under the key `key` gives for the index; `spoiled` are the
    values that make a row impossible to send. `settings` and `overrides` (of an account) are those of destination and
    orchestration, `nowhere` are overrides that lead to something which the account does not own. `items` takes a
    request body apart, `item_key` names an item's key, `held` asks the emulator (of its URL and an account) for
    key → times held. `poison` (of a key) matches requests that hold this item.
    """

    name: str
    plugin: str
    path: str
    row: Callable[[int], Row]
    key: Callable[[int], str]
    spoiled: Row
    settings: Callable[[Account], dict[str, Any]]
    overrides: Callable[[Account], dict[str, Any]]
    nowhere: Mapping[str, Any]
    items: Callable[[bytes], list[Any]]
    item_key: Callable[[Any], str]
    held: Callable[[str, Account], dict[str, int]]
    poison: Callable[[str], dict[str, Any]]


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
        plugin="tiktok-ads-events",
        path="/event/track/",
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


PROVIDERS = (
    events_provider("offline", nowhere="7654321098765432999"),
    events_provider("web", nowhere="C9QEXAMPLEPIXELCODE0"),
)


def providers_of(plugin: str) -> list[Provider]:
    """Return a plugin's providers; a LookupError says what to do where there is none."""
    found = [provider for provider in PROVIDERS if provider.plugin == plugin]
    if not found:
        raise LookupError(
            f"The plugin {plugin} has no provider, so the conformance suite cannot run on it. "
            "Add one to PROVIDERS in tests/conformance/providers.py."
        )
    return found


def providers_all() -> list[Provider]:
    """Return the providers of every registered plugin that has any."""
    plugins = {spec.key for spec in specs.all()}
    return [provider for provider in PROVIDERS if provider.plugin in plugins]
