"""What the conformance suite must know about a destination: the form in which each is registered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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


def unchanged(body: bytes, url: str, account: Account) -> bytes:
    """Return a body that leaves as it was prepared."""
    return body


@dataclass(frozen=True)
class Provider:
    """A destination as the suite sees it.

    `path` is the endpoint of its deliveries, `limit` says how many rows fill one. `row` makes a good row (of an index)
    that is delivered under the key `key` gives for the index; `spoiled` are the values that make a row impossible to
    send. `settings` and `overrides` (of an account) are those of destination and orchestration, `nowhere` are overrides
    that lead to something which the account does not own. `items` takes a request body apart, `item_key` names an
    item's key, `held` asks the emulator (of its URL and an account) for key → times held. `poison` (of a key) matches
    requests that hold this item. `addressed` makes of a prepared body (with URL and account) what leaves.
    """

    name: str
    plugin: str
    path: str
    limit: int
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
    addressed: Callable[[bytes, str, Account], bytes] = unchanged
