"""Changes of audiences at the door: the ids that queries would get of the same values, and plain reasons."""

import hashlib
from collections.abc import Iterator

import orjson
import pytest

from destinations.preparation.contract import Context
from destinations.preparation.door_audiences import AudienceDoor, Changes
from tests.destinations.preparation.audience_helpers import LIMITS, Declared
from tests.destinations.preparation.helpers import NOW

HASH = "Ab" * 32
DEVICE = "7A3CBEA0-BDF5-11E4-8DFC-AA07A5B093DB"
SPEC = Declared()


def people(admitted: Changes) -> list[dict[str, str]]:
    found: list[dict[str, str]] = orjson.loads(admitted.body({}))["people"]
    return found


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def door() -> Iterator[AudienceDoor]:
    opened = AudienceDoor()
    yield opened
    opened.close()


def admit(door: AudienceDoor, *items: dict[str, str | None], country: str | None = None, **more: object) -> Changes:
    settings = {"user_id_types": ["EMAIL", "PHONE", "IDFA", "AAID"], **more}
    return door.prepare(
        [[item] for item in items], spec=SPEC, settings=settings, context=Context(NOW, "UTC", country, LIMITS)
    )


@pytest.mark.parametrize(
    ("item", "ids"),
    [
        ({"email": " Jane.Doe+x@Mail.example "}, {"email": sha("janedoe@mail.example")}),
        ({"email": HASH}, {"email": HASH.lower()}),
        ({"phone": "+1 (212) 555-0001"}, {"phone": sha("+12125550001")}),
        ({"phone": "06 12 34 56 78", "country": "fr"}, {"phone": sha("+33612345678")}),
        ({"idfa": DEVICE, "aaid": DEVICE}, {"idfa": sha(DEVICE.lower()), "aaid": sha(DEVICE.lower())}),
        ({"email": "bücher@bücher.example", "phone": "+12125550001"}, {"phone": sha("+12125550001")}),
    ],
    ids=["e-mail", "hash", "phone", "phone with country", "devices", "one of two is good"],
)
def test_ids_are_those_of_queries(door: AudienceDoor, item: dict[str, str | None], ids: dict[str, str]) -> None:
    assert people(admit(door, {"action": "add", **item})) == [{"action": "add", **ids}]


@pytest.mark.parametrize(
    ("item", "issue"),
    [
        ({"action": "add"}, ["email", "missing_identity", None, "reject"]),
        ({"action": "remove", "email": "jane"}, ["email", "bad_email", "j•••", "reject"]),
        ({"action": "add", "phone": "0612"}, ["phone", "phone_without_country", "•••", "reject"]),
        ({"action": "add", "email": "a@b.co", "phone": "12x"}, ["phone", "bad_phone", "•••", "warning"]),
        ({"action": "add", "email": "a@b.co", "country": "XX"}, ["country", "bad_country", "XX", "warning"]),
    ],
)
def test_what_is_wrong_is_told(door: AudienceDoor, item: dict[str, str | None], issue: list[object]) -> None:
    admitted = admit(door, {"action": "remove", "email": HASH}, item)
    assert admitted.issues == [[1, *issue]]
    assert admitted.numbers == ([0] if issue[-1] == "reject" else [0, 1])


def test_changes_keep_their_order(door: AudienceDoor) -> None:
    admitted = admit(door, *({"action": action, "email": HASH} for action in ("add", "remove", "add")))
    assert [person["action"] for person in people(admitted)] == ["add", "remove", "add"]


def test_settings_choose_types_rule_and_country(door: AudienceDoor) -> None:
    item: dict[str, str | None] = {"action": "add", "email": "J.D@mail.example", "phone": "0612345678", "idfa": DEVICE}
    for _ in range(2):  # the second time with the statements that are kept
        [first] = admit(door, item, country="FR", user_id_types=["PHONE"]).texts
        [second] = admit(door, item, user_id_types=["EMAIL"], email_rule="events").texts
        assert orjson.loads(first) == {"action": "add", "phone": sha("+33612345678")}
        assert orjson.loads(second) == {"action": "add", "email": sha("j.d@mail.example")}


def test_statements_make_room(door: AudienceDoor) -> None:
    for number in range(40):
        assert admit(door, {"action": "add", "email": "a@b.co"}, shop=number).numbers == [0]


def test_nothing_is_nothing(door: AudienceDoor) -> None:
    assert people(admit(door)) == []
