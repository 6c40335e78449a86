"""Give each test its own emulator on a free port, and a sender that speaks to it over real sockets."""

import time
from collections.abc import Callable, Iterator
from hashlib import md5, sha256
from typing import Any

import pytest
import requests

from destinations.emulator.server import EmulatorServer, running

Item = dict[str, Any]
Reply = dict[str, Any]

ACME = "7654321098765432109"
ACME_SET = "7654321098765432100"
GLOBEX_SET = "7654321098765432200"
ACME_PIXEL = "C3QEXAMPLEPIXELCODE0"
SOURCES = {"offline": ACME_SET, "web": ACME_PIXEL, "crm": "7654321098765432101", "app": "7123456789012345678"}


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


class Sender:
    """Send to one emulator with one token, and ask what it holds."""

    def __init__(self, emulator: EmulatorServer, token: str = "emulator-token-acme") -> None:
        self.emulator = emulator
        self.session = requests.Session()
        self.session.headers["Access-Token"] = token

    def get(self, path: str, **query: str) -> Reply:
        reply: Reply = self.session.get(self.emulator.api_url + path, params=query, timeout=10).json()
        return reply

    def post(self, path: str, body: object, **kwargs: Any) -> Reply:
        reply: Reply = self.session.post(self.emulator.api_url + path, json=body, timeout=10, **kwargs).json()
        return reply

    def track(self, *items: object, source: str = "offline", **top: object) -> Reply:
        return self.post("event/track/", body_of(*items, source=source, **top))

    def raw(self, body: bytes, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("headers", {"Content-Type": "application/json"})
        return self.session.post(self.emulator.api_url + "event/track/", data=body, timeout=10, **kwargs)

    def control(self, path: str, body: object) -> Reply:
        reply = self.session.post(f"{self.emulator.url}_emulator/{path}", json=body, timeout=10)
        assert reply.status_code == 200, reply.text
        parsed: Reply = reply.json()
        return parsed

    def show(self, what: str, **query: str) -> Reply:
        shown: Reply = self.session.get(f"{self.emulator.url}_emulator/{what}", params=query, timeout=10).json()
        return shown

    def held(self, source_id: str = ACME_SET) -> list[str]:
        return [item["event_id"] for item in self.emulator.state.events.items(source_id)]

    def audience(self, name: str = "VIP", **changes: object) -> str:
        """Create a Partner audience and give its id."""
        reply = self.post("segment/audience/", {"advertiser_id": ACME, "custom_audience_name": name, **changes})
        assert reply["code"] == 0, reply
        return str(reply["data"]["audience_id"])

    def map(self, audience_id: str, *people: tuple[str, ...], action: str = "add", **changes: object) -> Reply:
        """Send people, each a tuple of an e-mail and perhaps a phone ("" = has none), hashed as they are."""
        schema = ["EMAIL_SHA256", "PHONE_SHA256"][: max(map(len, people), default=1)]
        rows = [[element_of(text, audience_id) for text in person] for person in people]
        body = {"advertiser_ids": [ACME], "action": action, "id_schema": schema, "batch_data": rows}
        return self.post("segment/mapping/", {**body, **changes})

    def members(self, audience_id: str) -> dict[str, set[str]]:
        """Give the exact sets of digests an audience holds, by id type, without empty ones."""
        return {kind: set(ids) for kind, ids in self.show("members", audience_id=audience_id)["ids"].items()}

    def upload(self, content: bytes, name: str = "people.csv", **changes: str) -> Reply:
        """Upload a file; a change to "" leaves the part out."""
        signature = md5(content, usedforsecurity=False).hexdigest()
        parts = {"advertiser_id": ACME, "calculate_type": "EMAIL_SHA256", "file_signature": signature}
        parts = {key: value for key, value in {**parts, **changes}.items() if value}
        url = self.emulator.api_url + "dmp/custom_audience/file/upload/"
        reply: Reply = self.session.post(url, data=parts, files={"file": (name, content)}, timeout=30).json()
        return reply

    def uploaded(self, *people: str, **changes: str) -> str:
        """Upload e-mails, hashed as they are, and give the path."""
        content = "".join(f"{hashed(person)}\n" for person in people).encode()
        return str(self.upload(content, **changes)["data"]["file_path"])

    def dmp(self, path: str, **body: object) -> Reply:
        return self.post(f"dmp/custom_audience/{path}/", {"advertiser_id": ACME, **body})

    def described(self, audience_id: str) -> dict[str, Any]:
        """Give what TikTok tells about one audience."""
        query = {"advertiser_id": ACME, "custom_audience_ids": f'["{audience_id}"]'}
        details: dict[str, Any] = self.get("dmp/custom_audience/get/", **query)["data"]["list"][0]["audience_details"]
        return details

    def later(self, seconds: float) -> None:
        self.control("clock", {"advance": seconds})


def element_of(text: str, *audience_ids: str) -> dict[str, Any]:
    return {"id": hashed(text), "audience_ids": list(audience_ids)} if text else {}


def body_of(*items: object, source: str = "offline", **top: object) -> dict[str, Any]:
    return {"event_source": source, "event_source_id": SOURCES[source], "data": list(items), **top}


def item_of(source: str, event_id: str = "e-1", **changes: object) -> Item:
    """Make a correct item; a change to None leaves the field out."""
    item: Item = {
        "event": "Purchase",
        "event_time": int(time.time()) - 3_600,
        "event_id": event_id,
        "user": {"email": [hashed("ada@example.com")], "phone": [hashed("+12133734253")]},
        "properties": {
            "currency": "USD",
            "value": 46,
            "content_type": "product",
            "contents": [{"content_id": "sku-1", "quantity": 2, "price": 23.0}],
        },
    }
    if source == "web":
        item["page"] = {"url": "https://shop.example.com/thanks"}
    if source == "crm":
        item["lead"] = {"lead_id": "7280000000000000001", "lead_event_source": "HubSpot"}
    if source == "app":
        item["app"] = {"app_id": "com.example.shop"}
    item.update(changes)
    return {name: value for name, value in item.items() if value is not None}


@pytest.fixture
def emulator() -> Iterator[EmulatorServer]:
    with running() as server:
        yield server


@pytest.fixture
def sender_with(emulator: EmulatorServer) -> Iterator[Callable[[str], Sender]]:
    """Make senders with other tokens."""
    made: list[Sender] = []

    def make(token: str) -> Sender:
        made.append(Sender(emulator, token))
        return made[-1]

    yield make
    for sender in made:
        sender.session.close()


@pytest.fixture
def sender(sender_with: Callable[[str], Sender]) -> Sender:
    return sender_with("emulator-token-acme")


@pytest.fixture
def item() -> Callable[..., Item]:
    return item_of
