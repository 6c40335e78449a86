"""Check audiences from files: created, changed after a while, read, deleted, and refused for each rule."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
import requests

Body = dict[str, Any]

ACME, GLOBEX = "7654321098765432109", "7654321098765432209"
DAY = 86_400
MINUTES = 300
NOT_EDITABLE = "Audience is not editable, please check audience status"
THOUSAND = [f"p{number}" for number in range(1_000)]


def hashes(*texts: str) -> set[str]:
    return {sha256(text.encode()).hexdigest() for text in texts}


def create_body(path: str, **changes: object) -> Body:
    body = {"custom_audience_name": "VIP", "file_paths": [path], "calculate_type": "EMAIL_SHA256", **changes}
    return {name: value for name, value in body.items() if value is not None}


@pytest.fixture
def made(sender: Any) -> str:
    """Make an audience of the thousand people, worked on to its end."""
    reply = sender.dmp("create", **create_body(sender.uploaded(*THOUSAND)))
    sender.later(MINUTES)
    return str(reply["data"]["custom_audience_id"])


def test_file_is_worked_on_before_its_people_are_in(sender: Any) -> None:
    made = sender.dmp("create", **create_body(sender.uploaded(*THOUSAND)))["data"]["custom_audience_id"]
    assert (sender.members(made), sender.show("audiences")["audiences"][0]["state"]) == ({}, "processing")
    sender.later(MINUTES)
    assert sender.members(made) == {"EMAIL_SHA256": hashes(*THOUSAND)}


def test_several_files_make_one_audience(sender: Any) -> None:
    paths = [sender.uploaded(*THOUSAND[:600]), sender.uploaded(*THOUSAND[500:])]
    made = sender.dmp("create", **create_body("", file_paths=paths))["data"]["custom_audience_id"]
    sender.later(MINUTES)
    assert sender.members(made) == {"EMAIL_SHA256": hashes(*THOUSAND)}


def test_columns_of_a_file_are_ids_of_one_person(sender: Any) -> None:
    lines = [f"{','.join(hashes(text))},{','.join(hashes('+' + text))}" for text in THOUSAND]
    content = "\n".join(["email_SHA256,phone_SHA256", *lines]).encode()
    path = sender.upload(content, calculate_type="MULTIPLE_TYPES")["data"]["file_path"]
    made = sender.dmp("create", **create_body(path, calculate_type="MULTIPLE_TYPES"))["data"]["custom_audience_id"]
    sender.later(MINUTES)
    shown = sender.show("members", audience_id=made, summary="1")
    assert (shown["people"], shown["ids"]) == (1_000, {"EMAIL_SHA256": 1_000, "PHONE_SHA256": 1_000})


def test_created_audience_is_described(sender: Any, made: str) -> None:
    sender.later(DAY)
    shown = sender.described(made)
    assert shown.pop("create_time") < shown.pop("expired_time")
    assert shown == {
        "audience_id": made,
        "name": "VIP",
        "audience_type": "Customer File Audience",
        "audience_sub_type": "NORMAL",
        "calculate_type": "EMAIL_SHA256",
        "cover_num": 1_000,
        "is_valid": True,
        "is_expiring": False,
        "msg": "Available",
        "error_msg": "",
        "shared": False,
        "is_creator": True,
        "owner_id": ACME,
        "is_auto_refresh": False,
        "audience_enhancement": False,
        "enhancement_status": "NOT_ENABLED",
        "type": "Customer File Audience",
    }


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"custom_audience_name": None}, 40002, "Missing required field(s): custom_audience_name."),
        ({"calculate_type": None}, 40002, "Missing required field(s): calculate_type."),
        ({"file_paths": None}, 40002, "Missing required field(s): file_paths."),
        ({"custom_audience_name": ""}, 40002, "Invalid value for custom_audience_name: must not be empty."),
        (
            {"custom_audience_name": "x" * 129},
            40002,
            "Invalid value for custom_audience_name: length must be between 1 and 128.",
        ),
        ({"file_paths": []}, 40002, "Invalid value for file_paths: length must be between 1 and 500."),
        ({"file_paths": ["x"] * 501}, 40002, "Invalid value for file_paths: length must be between 1 and 500."),
        ({"file_paths": ["x" * 17]}, 40002, "Invalid value for file_paths: length must be between 1 and 16."),
        ({"file_paths": ["0123456789abcdef"]}, 40905, "The file 0123456789abcdef does not exist."),
        ({"calculate_type": "MAID_SHA256"}, 40002, "Invalid value for calculate_type: not a valid choice."),
        ({"audience_sub_type": "BIG"}, 40002, "Invalid value for audience_sub_type: not a valid choice."),
        ({"retention_in_days": 0}, 40002, "Invalid value for retention_in_days: must be between 1 and 365."),
        ({"retention_in_days": 366}, 40002, "Invalid value for retention_in_days: must be between 1 and 365."),
        ({"retention_in_days": "30"}, 40002, "Invalid value for retention_in_days: not a valid integer."),
        ({"audience_enhancement": 1}, 40002, "Invalid value for audience_enhancement: not a valid boolean."),
        ({"advertiser_id": "x"}, 40002, "Invalid value for advertiser_id: not a valid string."),
        ({"id_schema": []}, 40002, "Invalid value for id_schema: unknown field."),
    ],
    ids=[
        "no_name",
        "no_type",
        "no_files",
        "empty_name",
        "name_129",
        "files_0",
        "files_501",
        "path_17",
        "path_unknown",
        "alias",
        "sub_type",
        "days_0",
        "days_366",
        "days_text",
        "enhancement",
        "account",
        "unknown",
    ],
)
def test_create_breaking_a_rule_is_refused(sender: Any, change: Body, code: int, message: str) -> None:
    reply = sender.dmp("create", **create_body(sender.uploaded("a"), **change))
    assert (reply["code"], reply["message"]) == (code, message)
    assert sender.show("audiences")["audiences"] == []


@pytest.mark.parametrize(
    ("uploaded", "created", "code"),
    [
        ("EMAIL_SHA256", "EMAIL_SHA256", 0),
        ("EMAIL_SHA256", "PHONE_SHA256", 40909),
        ("EMAIL_SHA256", "MULTIPLE_TYPES", 40909),
        ("MAID_SHA256", "IDFA_SHA256", 0),
        ("MAID_SHA256", "GAID_SHA256", 0),
        ("MAID_SHA256", "GAID_MD5", 40909),
        ("MAID_SHA256", "EMAIL_SHA256", 40909),
        ("IDFA_SHA256", "GAID_SHA256", 40909),
    ],
)
def test_audience_must_have_the_type_of_its_files(sender: Any, uploaded: str, created: str, code: int) -> None:
    path = sender.uploaded("a", calculate_type=uploaded)
    assert sender.dmp("create", **create_body(path, calculate_type=created))["code"] == code


def test_file_belongs_to_the_account_that_uploaded_it(sender: Any, sender_with: Callable[[str], Any]) -> None:
    path = sender_with("emulator-token-globex").uploaded("a", advertiser_id=GLOBEX)
    assert sender.dmp("create", **create_body(path))["code"] == 40905


def test_file_expires(sender: Any) -> None:
    path = sender.uploaded(*THOUSAND)
    sender.later(DAY)
    assert sender.dmp("create", **create_body(path))["code"] == 40910
    sender.uploaded("other")
    assert sender.dmp("create", **create_body(path))["code"] == 40910


@pytest.mark.parametrize("action", ["create", "update", "delete"])
def test_analyst_may_not_change_but_read(sender_with: Any, made: str, action: str) -> None:
    analyst = sender_with("emulator-token-analyst")
    bodies = {
        "create": create_body("0123456789abcdef"),
        "update": {"custom_audience_id": made, "custom_audience_name": "x"},
        "delete": {"custom_audience_ids": [made]},
    }
    assert analyst.dmp(action, **bodies[action])["code"] == 40001
    assert analyst.described(made)["name"] == "VIP"


def test_too_few_people_leave_an_audience_that_cannot_be_edited(sender: Any) -> None:
    made = sender.dmp("create", **create_body(sender.uploaded(*THOUSAND[1:])))["data"]["custom_audience_id"]
    sender.later(2 * DAY)
    shown = sender.described(made)
    assert (shown["cover_num"], shown["is_valid"], shown["msg"]) == (0, False, "Unavailable")
    assert shown["error_msg"] == "CREATE failed: the audience would have fewer than 1000 matched users."
    assert sender.show("audiences")["audiences"][0]["state"] == "not editable"
    reply = sender.dmp("update", custom_audience_id=made, custom_audience_name="x")
    assert (reply["code"], reply["message"]) == (40002, NOT_EDITABLE)
    assert sender.dmp("delete", custom_audience_ids=[made])["code"] == 0


def test_match_rate_counts_against_the_floor(sender: Any) -> None:
    sender.control("seed", {"options": {"audience_match_rate": 0.5, "audience_floor": 501}})
    made = sender.dmp("create", **create_body(sender.uploaded(*THOUSAND)))["data"]["custom_audience_id"]
    sender.later(MINUTES)
    assert sender.members(made) == {}


@pytest.mark.parametrize(
    ("action", "people", "held"),
    [
        ({"action": "APPEND"}, ["p0", "new"], [*THOUSAND, "new"]),
        ({"action": "REPLACE"}, THOUSAND[1:] + ["new"], THOUSAND[1:] + ["new"]),
        ({}, THOUSAND[1:] + ["new"], THOUSAND[1:] + ["new"]),
        ({"action": "REMOVE"}, ["unknown"], THOUSAND),
    ],
    ids=["append", "replace", "replace_is_the_default", "remove_nobody"],
)
def test_update_changes_members(sender: Any, made: str, action: Body, people: list[str], held: list[str]) -> None:
    reply = sender.dmp("update", custom_audience_id=made, file_paths=[sender.uploaded(*people)], **action)
    assert (reply["code"], reply["data"]) == (0, {})
    sender.later(MINUTES)
    assert sender.members(made) == {"EMAIL_SHA256": hashes(*held)}


@pytest.mark.parametrize(
    ("action", "people"),
    [("REMOVE", ["p0"]), ("REPLACE", THOUSAND[1:])],
    ids=["remove", "replace"],
)
def test_update_leaving_too_few_fails_later_and_changes_nothing(
    sender: Any, made: str, action: str, people: list[str]
) -> None:
    path = sender.uploaded(*people)
    assert sender.dmp("update", custom_audience_id=made, file_paths=[path], action=action)["code"] == 0
    sender.later(MINUTES)
    assert sender.members(made) == {"EMAIL_SHA256": hashes(*THOUSAND)}
    assert sender.described(made)["error_msg"].startswith(f"{action} failed")
    assert sender.dmp("update", custom_audience_id=made, custom_audience_name="x")["code"] == 0


def test_remove_takes_out_who_is_in_the_file(sender: Any, made: str) -> None:
    sender.control("seed", {"options": {"audience_floor": 1}})
    path = sender.uploaded(*THOUSAND[1:], "unknown")
    sender.dmp("update", custom_audience_id=made, file_paths=[path], action="REMOVE")
    sender.later(MINUTES)
    assert sender.members(made) == {"EMAIL_SHA256": hashes("p0")}


def test_audience_is_not_editable_while_it_is_worked_on(sender: Any, made: str) -> None:
    body = {"custom_audience_id": made, "file_paths": [sender.uploaded("new")], "action": "APPEND"}
    codes = []
    for seconds in (0, 0, MINUTES - 20, 20):
        sender.later(seconds)
        reply = sender.dmp("update", **body)
        codes.append((reply["code"], reply["message"]))
    assert codes == [(0, "OK"), (40002, NOT_EDITABLE), (40002, NOT_EDITABLE), (0, "OK")]


def test_processing_time_can_be_set(sender: Any) -> None:
    sender.control("seed", {"options": {"audience_processing_seconds": 0.0, "audience_size_seconds": 0}})
    made = sender.dmp("create", **create_body(sender.uploaded(*THOUSAND)))["data"]["custom_audience_id"]
    assert (sender.described(made)["is_valid"], sender.described(made)["cover_num"]) == (True, 1_000)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({}, 40002, "Missing required field(s): custom_audience_name or file_paths."),
        ({"custom_audience_id": "1", "custom_audience_name": "x"}, 40002, "Parameter error: invalid audience ID"),
        ({"custom_audience_id": 1, "custom_audience_name": "x"}, 40002, "Invalid value for custom_audience_id: not"),
        ({"file_paths": [], "action": "APPEND"}, 40002, "Invalid value for file_paths: length must be"),
        ({"file_paths": ["0123456789abcdef"], "action": "append"}, 40002, "Invalid value for action: not a valid"),
        ({"file_paths": ["0123456789abcdef"]}, 40905, "The file 0123456789abcdef does not exist."),
        ({"custom_audience_name": "x" * 129}, 40002, "Invalid value for custom_audience_name: length"),
        ({"retention_in_days": 30, "custom_audience_name": "x"}, 40002, "Invalid value for retention_in_days: unknown"),
    ],
    ids=["nothing", "unknown_id", "number", "no_files", "action", "path", "name", "retention"],
)
def test_update_breaking_a_rule_is_refused(sender: Any, made: str, change: Body, code: int, message: str) -> None:
    reply = sender.dmp("update", **{"custom_audience_id": made, **change})
    assert (reply["code"], reply["message"][: len(message)]) == (code, message)
    assert sender.described(made)["name"] == "VIP"


def test_files_of_another_type_do_not_fit(sender: Any, made: str) -> None:
    path = sender.uploaded("a", calculate_type="PHONE_SHA256")
    assert sender.dmp("update", custom_audience_id=made, file_paths=[path], action="APPEND")["code"] == 40909


def test_partner_audience_takes_no_files_but_a_name(sender: Any) -> None:
    made = sender.audience()
    path = sender.uploaded("a")
    assert sender.dmp("update", custom_audience_id=made, file_paths=[path], action="APPEND")["code"] == 40002
    assert sender.dmp("update", custom_audience_id=made, custom_audience_name="Renamed")["code"] == 0
    assert sender.described(made)["name"] == "Renamed"


def test_sub_type_changes_one_way_and_alone(sender: Any, made: str) -> None:
    body = {"custom_audience_id": made, "audience_sub_type": "REACH_FREQUENCY", "custom_audience_name": "x"}
    assert sender.dmp("update", **body)["code"] == 0
    shown = sender.described(made)
    assert (shown["audience_sub_type"], shown["name"]) == ("REACH_FREQUENCY", "VIP")
    assert sender.dmp("update", **{**body, "audience_sub_type": "NORMAL"})["code"] == 40002


def test_retention_counts_from_creation(sender: Any) -> None:
    path = sender.uploaded(*THOUSAND)
    made = sender.dmp("create", **create_body(path, retention_in_days=30))["data"]["custom_audience_id"]
    sender.later(29 * DAY)
    assert (sender.described(made)["is_valid"], sender.described(made)["is_expiring"]) == (True, True)
    sender.later(DAY)
    assert (sender.described(made)["is_valid"], sender.described(made)["msg"]) == (False, "Expired")


def test_history_is_newest_first_and_limited(sender: Any, made: str) -> None:
    sender.dmp("update", custom_audience_id=made, custom_audience_name="Renamed")
    query = {"advertiser_id": ACME, "custom_audience_ids": f'["{made}"]'}
    for size, actions in (("1", ["Update"]), ("100", ["Update", "Create", "Create"])):
        [row] = sender.get("dmp/custom_audience/get/", **query, history_size=size)["data"]["list"]
        assert [line["action"] for line in row["audience_history"]] == actions
    assert row["audience_history"][0].keys() == {"opt_time", "action", "action_detail", "editor", "msg"}


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        ("get", {}, "Missing required field(s): custom_audience_ids."),
        ("get", {"custom_audience_ids": "[]"}, "Invalid value for custom_audience_ids: length must be between 1 and"),
        ("get", {"custom_audience_ids": "12"}, "Invalid value for custom_audience_ids: not a valid list."),
        ("get", {"custom_audience_ids": "[12]"}, "Invalid value for custom_audience_ids: not a valid string."),
        ("get", {"custom_audience_ids": "[12"}, "Invalid value for custom_audience_ids: not a valid JSON."),
        ("get", {"custom_audience_ids": '["1"]', "history_size": "0"}, "Invalid value for history_size: must be"),
        ("get", {"custom_audience_ids": '["1"]', "history_size": "101"}, "Invalid value for history_size: must be"),
        ("list", {"page_size": "101"}, "Invalid value for page_size: must be between 1 and 100."),
        ("list", {"page": "0"}, "Invalid value for page: must be at least 1."),
        ("list", {"name": "VIP"}, "Invalid value for name: unknown field."),
        ("list", {"custom_audience_ids": str(["1"] * 101).replace("'", '"')}, "Invalid value for custom_audience_ids"),
        ("list", {"advertiser_id": ""}, "Missing required field(s): advertiser_id."),
    ],
    ids=[
        "no_ids",
        "ids_0",
        "ids_number",
        "id_number",
        "ids_cut",
        "history_0",
        "history_101",
        "page_size_101",
        "page_0",
        "name",
        "ids_101",
        "account",
    ],
)
def test_query_breaking_a_rule_is_refused(sender: Any, path: str, query: dict[str, str], message: str) -> None:
    reply = sender.get(f"dmp/custom_audience/{path}/", **{"advertiser_id": ACME, **query})
    assert (reply["code"], reply["message"][: len(message)]) == (40002, message)


def test_audiences_are_listed_newest_first_in_pages(sender: Any) -> None:
    made = [sender.audience(f"A{number}") for number in range(12)]
    path = "dmp/custom_audience/list/"
    data = sender.get(path, advertiser_id=ACME)["data"]
    assert [row["audience_id"] for row in data["list"]] == made[:1:-1]
    assert data["page_info"] == {"page": 1, "page_size": 10, "total_number": 12, "total_page": 2}
    assert [row["audience_id"] for row in sender.get(path, advertiser_id=ACME, page="2")["data"]["list"]] == made[1::-1]
    some = sender.get(path, advertiser_id=ACME, custom_audience_ids=f'["{made[0]}","1"]')["data"]["list"]
    assert [row["audience_id"] for row in some] == made[:1]


def test_audiences_of_another_account_are_out_of_reach(sender: Any, sender_with: Any) -> None:
    globex = sender_with("emulator-token-globex")
    foreign = globex.audience(advertiser_id=GLOBEX)
    assert globex.get("dmp/custom_audience/list/", advertiser_id=GLOBEX)["data"]["page_info"]["total_number"] == 1
    for path in ("list", "get"):
        query = {"advertiser_id": ACME, "custom_audience_ids": f'["{foreign}"]'}
        assert sender.get(f"dmp/custom_audience/{path}/", **query)["data"]["list"] == []
    reply = sender.dmp("update", custom_audience_id=foreign, custom_audience_name="x")
    assert (reply["code"], reply["message"]) == (40002, "Parameter error: invalid audience ID")
    assert sender.get("dmp/custom_audience/list/", advertiser_id=GLOBEX)["code"] == 40001


def test_deleted_audience_is_gone_and_remembered(sender: Any, made: str) -> None:
    assert sender.dmp("delete", custom_audience_ids=[made])["code"] == 0
    assert sender.get("dmp/custom_audience/list/", advertiser_id=ACME)["data"]["list"] == []
    assert sender.dmp("delete", custom_audience_ids=[made])["code"] == 40007
    assert sender.dmp("update", custom_audience_id=made, custom_audience_name="x")["code"] == 40007


def test_delete_is_all_or_nothing(sender: Any) -> None:
    made = sender.audience()
    assert sender.dmp("delete", custom_audience_ids=[made, "1"])["code"] == 40002
    assert sender.dmp("delete", custom_audience_ids=[])["code"] == 40002
    assert len(sender.show("audiences")["audiences"]) == 1


def test_streaming_cannot_delete_an_audience_from_a_file(sender: Any, made: str) -> None:
    body = {"advertiser_id": ACME, "action": "delete", "delete_audience_id": made}
    assert sender.post("segment/audience/", body)["code"] == 40002


def test_dropped_answer_of_a_create_leaves_the_audience(sender: Any) -> None:
    path = sender.uploaded(*THOUSAND)
    sender.control("faults", {"match": {"path": "/create/"}, "action": {"commit_then_drop": True}, "times": 1})
    with pytest.raises(requests.ConnectionError):
        sender.dmp("create", **create_body(path))
    [row] = sender.get("dmp/custom_audience/list/", advertiser_id=ACME)["data"]["list"]
    assert (row["name"], row["is_valid"], row["msg"]) == ("VIP", False, "Calculating")


def test_file_that_expires_while_it_is_worked_on_is_read_to_its_end(sender: Any) -> None:
    sender.control("seed", {"options": {"file_path_seconds": 10}})
    made = sender.dmp("create", **create_body(sender.uploaded(*THOUSAND)))["data"]["custom_audience_id"]
    sender.later(60)
    sender.uploaded("other")
    sender.later(MINUTES)
    assert sender.show("members", audience_id=made, summary="1")["people"] == 1_000
