"""The provider of TikTok Ads, streaming: people who are recognised now by an e-mail address, now by a phone."""

import hashlib
from collections import Counter
from typing import Any

import orjson
import requests

from destinations.preparation.audiences import body_addressed
from tests.conformance.provider import Account, Provider, Row

NAME = "members"
PEOPLE = 500  # in one request, so that a few of them need no thousands of rows


def person_row(index: int) -> Row:
    """Make a person: even ones have an e-mail address, odd ones a phone."""
    even = index % 2 == 0
    return {"email": f"person{index}@mail.example" if even else "", "phone": "" if even else f"+1212555{index:04d}"}


def person_key(index: int) -> str:
    """Name a person by the digest, written down here as TikTok's rules say."""
    row = person_row(index)
    return hashlib.sha256((row["email"] or row["phone"]).encode()).hexdigest()


def person_id(item: list[dict[str, Any]]) -> str:
    """Return the one id in a position of a request."""
    [found] = [str(element["id"]) for element in item if element]
    return found


def audience_ids(url: str, account: Account) -> list[str]:
    """Return the account's audiences at TikTok, oldest first; there should be one."""
    params = {"advertiser_id": account.advertiser_id}
    rows = requests.get(f"{url}/_emulator/audiences", params=params, timeout=10).json()["audiences"]
    return [str(row["audience_id"]) for row in reversed(rows)]


def people_held(url: str, account: Account) -> dict[str, int]:
    """Ask who is in the account's audiences, and in how many of them."""
    held: Counter[str] = Counter()
    for audience_id in audience_ids(url, account):
        params = {"audience_id": audience_id}
        ids = requests.get(f"{url}/_emulator/members", params=params, timeout=10).json()["ids"]
        held.update(digest for digests in ids.values() for digest in digests)
    return dict(held)


def addressed(body: bytes, url: str, account: Account) -> bytes:
    """Put an audience into a request: the account's, else one that is made as a worker would make it."""
    audience_id = next(iter(audience_ids(url, account)), "") or audience_made(url, account)
    return body_addressed(body, advertiser_id=account.advertiser_id, audience_id=audience_id)


def audience_made(url: str, account: Account) -> str:
    """Create the audience and return its id."""
    wanted = {"advertiser_id": account.advertiser_id, "action": "create", "custom_audience_name": NAME}
    headers = {"Access-Token": account.token}
    answer = requests.post(f"{url}/open_api/v1.3/segment/audience/", json=wanted, headers=headers, timeout=10)
    return str(answer.json()["data"]["audience_id"])


def audiences_provider() -> Provider:
    """Make the provider of TikTok Ads.

    Files have none: what the suite asks (bisection, requests that are full) they cannot be asked.
    """
    return Provider(
        name="audiences-streaming",
        plugin="tiktok-ads",
        path="/segment/mapping/",
        limit=PEOPLE,
        row=person_row,
        key=person_key,
        spoiled={"email": "nobody", "phone": ""},
        settings=lambda account: {
            "advertiser_id": account.advertiser_id,
            "user_id_types": ["EMAIL", "PHONE"],
            "people_per_request": PEOPLE,
        },
        overrides=lambda account: {"audience_name": NAME},
        nowhere={"advertiser_id": "7654321098765432999"},
        items=lambda body: list(orjson.loads(body)["batch_data"]),
        item_key=person_id,
        held=people_held,
        poison=lambda key: {"id": key},
        addressed=addressed,
    )
