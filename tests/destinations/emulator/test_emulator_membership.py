"""Check who is in a streamed audience: exact sets, people counted by linked ids, sizes that show late, faults."""

import random
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5, sha256
from typing import Any

import pytest
import requests

from destinations.emulator.members import Members

ACME = "7654321098765432109"
DAY = 86_400


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def people(sender: Any, audience_id: str) -> int:
    return int(sender.show("members", audience_id=audience_id, summary="1")["people"])


def test_added_people_are_held_by_each_of_their_ids(sender: Any) -> None:
    made = sender.audience()
    sender.map(made, ("a", "+1"), ("", "+2"), ("c", ""))
    assert sender.members(made) == {
        "EMAIL_SHA256": {hashed("a"), hashed("c")},
        "PHONE_SHA256": {hashed("+1"), hashed("+2")},
    }


def test_adding_again_changes_nothing(sender: Any) -> None:
    made = sender.audience()
    for _ in range(3):
        assert sender.map(made, ("a", "+1"), ("a", "+1"))["code"] == 0
    assert sender.show("members", audience_id=made)["counts"] == {"EMAIL_SHA256": 1, "PHONE_SHA256": 1}


def test_deleting_who_is_not_in_is_success(sender: Any) -> None:
    made = sender.audience()
    sender.map(made, ("a",))
    assert sender.map(made, ("b",), ("c",), action="delete")["code"] == 0
    assert sender.members(made) == {"EMAIL_SHA256": {hashed("a")}}


def test_deleting_one_id_leaves_the_person_in_by_the_other(sender: Any) -> None:
    made = sender.audience()
    sender.map(made, ("a", "+1"), ("b", "+2"))
    sender.map(made, ("a",), ("b",), action="delete")
    assert sender.members(made) == {"PHONE_SHA256": {hashed("+1"), hashed("+2")}}
    assert people(sender, made) == 2


def test_same_digest_of_two_types_is_two_ids(sender: Any) -> None:
    made = sender.audience()
    sender.map(made, ("same", "same"))
    sender.map(made, ("same",), action="delete")
    assert sender.members(made) == {"PHONE_SHA256": {hashed("same")}}


def test_action_is_add_when_left_out(sender: Any) -> None:
    made = sender.audience()
    rows = [[{"id": hashed("a"), "audience_ids": [made]}]]
    sender.post("segment/mapping/", {"advertiser_ids": [ACME], "id_schema": ["EMAIL_SHA256"], "batch_data": rows})
    assert people(sender, made) == 1


@pytest.mark.parametrize("twice", [False, True], ids=["once_each", "named_twice"])
def test_one_id_can_go_to_several_audiences(sender: Any, *, twice: bool) -> None:
    first, second = sender.audience(), sender.audience()
    rows = [[{"id": hashed("a"), "audience_ids": [first, second, *([first] if twice else [])]}]]
    sender.map(first, ("a",), batch_data=rows)
    assert sender.members(first) == sender.members(second) == {"EMAIL_SHA256": {hashed("a")}}
    assert sender.show("members", audience_id=first)["counts"] == {"EMAIL_SHA256": 1}


@pytest.mark.parametrize(
    ("added", "deleted", "count"),
    [
        ([("a", "+1"), ("b", "+2")], [], 2),
        ([("a", "+1"), ("b", "+1")], [], 1),
        ([("a", ""), ("", "+1")], [], 2),
        ([("a", ""), ("", "+1"), ("a", "+1")], [], 1),
        ([("a", ""), ("b", ""), ("a", "+1"), ("b", "+1")], [], 1),
        ([("a", "+1")], [("a", "+1")], 0),
        ([("a", "+1")], [("a", "")], 1),
        ([("a", ""), ("", "+1"), ("a", "+1")], [("", "+1")], 1),
    ],
    ids=["two", "shared_phone", "apart", "linked_later", "merged", "gone", "half_gone", "merged_half_gone"],
)
def test_people_are_counted_by_the_ids_that_came_together(
    sender: Any, added: list[Any], deleted: list[Any], count: int
) -> None:
    made = sender.audience()
    sender.map(made, *added)
    if deleted:
        sender.map(made, *deleted, action="delete")
    assert people(sender, made) == count


@pytest.mark.parametrize("whole", [True, False], ids=["all_ids_at_once", "some_ids"])
def test_random_adds_and_deletes_hold_what_sets_hold(*, whole: bool) -> None:
    dice, members, expected = random.Random(7), Members(), {"E": set[bytes](), "M": set[bytes]()}  # noqa: S311
    for _ in range(20_000):
        number = b"%d" % dice.randrange(3_000)
        row = [("E", sha256(number).digest()), ("M", md5(number, usedforsecurity=False).digest())]
        row = row if whole else row[: dice.randint(1, 2)]
        add = dice.random() < 0.6
        (members.add if add else members.remove)([row])
        for kind, digest in row:
            (expected[kind].add if add else expected[kind].discard)(digest)
    for kind, ids in members.ids.items():
        assert [digest for prefix in ids.prefixes() for digest in ids.piece(prefix)] == sorted(expected[kind])
    assert not whole or members.people == len(expected["E"])


def test_ids_that_look_alike_across_a_border_are_told_apart() -> None:
    members = Members()
    digest, shifted = b"\x00" * 32, b"\x00" * 31 + b"\x01"
    members.add([[("E", digest)]])
    assert members.ids["E"].person(shifted) is None
    assert members.ids["E"].remove(shifted) is None
    assert members.counts() == {"E": 1}


def test_fingerprint_is_the_hash_of_the_sorted_set(sender: Any) -> None:
    made = sender.audience()
    sender.map(made, *((f"p{number}",) for number in range(500)))
    shown = sender.show("members", audience_id=made, summary="1", fingerprint="1")
    digests = sorted(sha256(f"p{number}".encode()).digest() for number in range(500))
    assert shown["fingerprints"] == {"EMAIL_SHA256": sha256(b"".join(digests)).hexdigest()}
    assert shown["ids"] == {"EMAIL_SHA256": 500}


def test_members_of_one_type_can_be_asked_for(sender: Any) -> None:
    made = sender.audience()
    sender.map(made, ("a", "+1"))
    assert sender.show("members", audience_id=made, id_type="PHONE_SHA256")["ids"] == {"PHONE_SHA256": [hashed("+1")]}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [({}, "audience_id is missing."), ({"audience_id": "5"}, "There is no audience 5.")],
    ids=["missing", "unknown"],
)
def test_members_of_no_audience_are_refused(sender: Any, query: dict[str, str], sentence: str) -> None:
    assert sender.show("members", **query) == {"error": sentence}


def test_size_shows_after_a_day_as_it_was(sender: Any) -> None:
    made = sender.audience()
    assert (sender.described(made)["is_valid"], sender.described(made)["msg"]) == (False, "Calculating")
    sender.map(made, ("a",), ("b",))
    sender.later(DAY / 2)
    sender.map(made, ("c",))
    shown = []
    for seconds in (DAY / 2 - 10, 20, DAY / 2):
        sender.later(seconds)
        shown.append((sender.described(made)["cover_num"], sender.described(made)["is_valid"]))
    assert shown == [(0, False), (2, True), (3, True)]


def test_match_rate_cuts_the_size_and_not_the_members(sender: Any) -> None:
    sender.control("seed", {"options": {"audience_match_rate": 0.5, "audience_size_seconds": 0}})
    made = sender.audience()
    sender.map(made, *((f"p{number}",) for number in range(10)))
    assert (sender.described(made)["cover_num"], people(sender, made)) == (5, 10)


@pytest.mark.parametrize(
    ("size", "later", "state"),
    [(1, 0, "calculating"), (999, DAY, "too small"), (1_000, DAY, "ready"), (1_000, 366 * DAY, "expired")],
    ids=["calculating", "too_small", "ready", "expired"],
)
def test_state_is_named(sender: Any, size: int, later: float, state: str) -> None:
    made = sender.audience()
    sender.map(made, *((f"p{number}",) for number in range(size)))
    sender.later(later)
    [shown] = sender.show("audiences")["audiences"]
    assert (shown["audience_id"], shown["state"], shown["people"]) == (made, state, size)


@pytest.mark.parametrize(
    ("days", "expiring", "valid"),
    [(304, False, True), (306, True, True), (366, False, False)],
    ids=["61_days_left", "59_days_left", "expired"],
)
def test_audience_expires_after_a_year_without_use(sender: Any, days: int, *, expiring: bool, valid: bool) -> None:
    made = sender.audience()
    sender.map(made, ("a",))
    sender.later(days * DAY)
    shown = sender.described(made)
    assert (shown["is_expiring"], shown["is_valid"]) == (expiring, valid)
    assert sender.map(made, ("b",))["code"] == (0 if valid else 40002)


def test_use_puts_the_expiry_off(sender: Any) -> None:
    made = sender.audience()
    sender.map(made, ("a",))
    sender.later(300 * DAY)
    sender.map(made, ("a",))
    sender.later(300 * DAY)
    assert sender.described(made)["is_valid"] is True


@pytest.mark.parametrize(
    ("action", "held"),
    [({"commit_then_drop": True}, True), ({"commit_then_hang": 0.05}, True), ({"reset": True}, False)],
    ids=["commit_then_drop", "commit_then_hang", "reset"],
)
def test_fault_of_the_connection_decides_what_is_held(sender: Any, action: dict[str, Any], *, held: bool) -> None:
    made = sender.audience()
    sender.control("faults", {"match": {"path": "/segment/mapping/"}, "action": action, "times": 1})
    with pytest.raises(requests.ConnectionError):
        sender.map(made, ("a",))
    assert sender.members(made) == ({"EMAIL_SHA256": {hashed("a")}} if held else {})


def test_creating_again_after_a_dropped_answer_makes_two(sender: Any) -> None:
    sender.control(
        "faults", {"match": {"path": "/segment/audience/"}, "action": {"commit_then_drop": True}, "times": 1}
    )
    with pytest.raises(requests.ConnectionError):
        sender.audience("VIP")
    sender.audience("VIP")
    listed = sender.get("dmp/custom_audience/list/", advertiser_id=ACME)["data"]["list"]
    assert [row["name"] for row in listed] == ["VIP", "VIP"]


@pytest.mark.parametrize(
    ("action", "code", "held"),
    [({"code": 51063}, 51063, 0), ({"partial": 20001}, 20001, 2)],
    ids=["gateway", "partial"],
)
def test_fault_with_a_code_answers_it(sender: Any, action: dict[str, Any], code: int, held: int) -> None:
    made = sender.audience()
    sender.control("faults", {"match": {"path": "/segment/mapping/", "min_items": 2}, "action": action})
    assert sender.map(made, ("a",), ("b",))["code"] == code
    assert people(sender, made) == held


def test_poisoned_person_refuses_every_request_that_holds_them(sender: Any) -> None:
    made = sender.audience()
    sender.control("faults", {"match": {"path": "/segment/mapping/"}, "action": {"poison": {"id": hashed("b")}}})
    assert sender.map(made, ("a",), ("b",))["code"] == 40002
    assert sender.map(made, ("a",))["code"] == 0


def test_forgotten_audience_is_empty_and_no_longer_listed(sender: Any) -> None:
    made = sender.audience()
    sender.map(made, ("a",))
    assert sender.control("audiences/forget", {"audience_id": made}) == {"forgotten": made}
    assert (sender.members(made), sender.show("audiences")["audiences"]) == ({}, [])
    assert sender.show("members", audience_id=made)["deleted"] is True


@pytest.mark.parametrize(("body", "left"), [({}, 0), ({"events_only": True}, 1)], ids=["all", "events_only"])
def test_reset_forgets_audiences_with_the_accounts(sender: Any, body: dict[str, bool], left: int) -> None:
    sender.audience()
    sender.control("reset", body)
    assert len(sender.show("state")["audiences"]) == left


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"audience_id": "1", "name": "x"}, "lacks audience_id, name or advertiser_id"),
        ({"audience_id": "1", "name": "x", "advertiser_id": ACME, "size": 1}, "has the unknown key size"),
        ({"audience_id": "1", "name": "x", "advertiser_id": ACME, "audience_type": "Own"}, "audience_type must be one"),
    ],
    ids=["lacking", "unknown", "type"],
)
def test_seeded_audience_that_cannot_be_understood_is_refused(sender: Any, row: dict[str, str], sentence: str) -> None:
    reply = requests.post(f"{sender.emulator.url}_emulator/seed", json={"audiences": [row]}, timeout=5)
    assert (reply.status_code, sentence in reply.json()["error"]) == (400, True)


def test_streaming_takes_more_calls_than_other_endpoints(sender: Any) -> None:
    made = sender.audience()
    assert {sender.map(made, (f"p{number}",))["code"] for number in range(25)} == {0}
    seen = {sender.get("dmp/custom_audience/list/", advertiser_id=ACME)["code"] for _ in range(40)}
    assert seen == {0, 40100}


def test_page_shows_audiences_with_sizes(sender: Any) -> None:
    made = sender.audience("<VIP>")
    sender.map(made, *((f"p{number}", f"+{number}") for number in range(1_234)))
    sender.later(DAY)
    text = requests.get(sender.emulator.url, timeout=5).text
    for part in ("&lt;VIP&gt;", made, "ready", "Partner", "1,234 people", "1,234 PHONE", "<td class=n>1,234</td>"):
        assert part in text
    assert "No audience" not in text


def test_senders_at_once_lose_nobody(sender: Any, sender_with: Any) -> None:
    made = sender.audience()
    senders = [sender_with("emulator-token-acme") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(one.map, made, *((f"{number}-{person}",) for person in range(300)))
            for number, one in enumerate(senders)
        ]
        assert {job.result()["code"] for job in jobs} == {0}
    assert people(sender, made) == 2_400
