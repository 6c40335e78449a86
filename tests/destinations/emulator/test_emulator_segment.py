"""Check /segment/audience/ and /segment/mapping/: every rule a streamed request can break."""

import json
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

Body = dict[str, Any]

ACME, GLOBEX, DISABLED = "7654321098765432109", "7654321098765432209", "7654321098765432309"
ADA = sha256(b"ada@example.com").hexdigest()
NO_ID = "Parameter error: invalid audience ID"
EMPTY = sha256(b"").hexdigest()


def mapping_of(audience_id: str, **changes: object) -> Body:
    """Make a correct request; a change to None leaves the field out."""
    body: Body = {
        "advertiser_ids": [ACME],
        "action": "add",
        "id_schema": ["EMAIL_SHA256"],
        "batch_data": [[{"id": ADA, "audience_ids": [audience_id]}]],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def test_created_audience_is_an_empty_partner_audience(sender: Any) -> None:
    made = sender.audience("VIP")
    [shown] = sender.show("audiences", advertiser_id=ACME)["audiences"]
    assert (shown["audience_id"], shown["name"], shown["people"]) == (made, "VIP", 0)
    assert (shown["audience_type"], shown["calculate_type"]) == ("Partner", "MULTIPLE_TYPES")


def test_names_are_not_unique(sender: Any) -> None:
    assert sender.audience("VIP") != sender.audience("VIP")
    assert [row["name"] for row in sender.show("audiences")["audiences"]] == ["VIP", "VIP"]


@pytest.mark.parametrize(
    ("name", "held"),
    [("é" * 70, "é" * 70), ("x" * 71, "x" * 67 + "..."), ("y" * 200, "y" * 67 + "...")],
    ids=["70", "71", "200"],
)
def test_long_name_is_shortened(sender: Any, name: str, held: str) -> None:
    sender.audience(name)
    assert sender.show("audiences")["audiences"][0]["name"] == held


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"custom_audience_name": "VIP"}, 40002, "Missing required field(s): advertiser_id."),
        ({"advertiser_id": ACME}, 40002, "Missing required field(s): custom_audience_name."),
        ({"advertiser_id": ACME, "action": "delete"}, 40002, "Missing required field(s): delete_audience_id."),
        (
            {"advertiser_id": ACME, "custom_audience_name": " "},
            40002,
            "Invalid value for custom_audience_name: must not be empty.",
        ),
        (
            {"advertiser_id": ACME, "custom_audience_name": 7},
            40002,
            "Invalid value for custom_audience_name: not a valid string.",
        ),
        (
            {"advertiser_id": 7654321098765432109, "custom_audience_name": "VIP"},
            40002,
            "Invalid value for advertiser_id: not a valid string.",
        ),
        (
            {"advertiser_id": ACME, "custom_audience_name": "VIP", "action": "update"},
            40002,
            "Invalid value for action: not a valid choice.",
        ),
        (
            {"advertiser_id": ACME, "custom_audience_name": "VIP", "delete_audience_id": "1"},
            40002,
            "Invalid value for delete_audience_id: not allowed with the action create.",
        ),
        (
            {"advertiser_id": ACME, "custom_audience_name": "VIP", "name": "VIP"},
            40002,
            "Invalid value for name: unknown field.",
        ),
        ({"advertiser_id": ACME, "action": "delete", "delete_audience_id": "1"}, 40002, NO_ID),
    ],
    ids=["no_account", "no_name", "no_id", "blank", "number", "account", "action", "both", "unknown", "unknown_id"],
)
def test_audience_call_breaking_a_rule_is_refused(sender: Any, body: Body, code: int, message: str) -> None:
    reply = sender.post("segment/audience/", body)
    assert (reply["code"], reply["message"]) == (code, message)
    assert sender.show("audiences")["audiences"] == []


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("emulator-token-acme", 0),
        ("emulator-token-audiences", 0),
        ("emulator-token-analyst", 40001),
        ("emulator-token-globex", 40001),
        ("emulator-token-events-only", 40001),
        ("emulator-token-revoked", 40105),
        ("", 40104),
    ],
)
def test_token_decides_who_may_stream(sender: Any, sender_with: Callable[[str], Any], token: str, code: int) -> None:
    made, other = sender.audience(), sender_with(token)
    body = {"advertiser_id": ACME, "custom_audience_name": "VIP"}
    assert other.post("segment/audience/", body)["code"] == code
    assert other.post("segment/mapping/", mapping_of(made))["code"] == code


@pytest.mark.parametrize(("scope", "codes"), [(30, (0, 40001)), (31, (40001, 0))], ids=["read_only", "write_only"])
def test_reading_and_writing_need_their_scopes(
    sender: Any, sender_with: Any, scope: int, codes: tuple[int, int]
) -> None:
    token = {"access_token": "t", "app_id": "7000000000000000001", "user_id": "7200000000000000001"}
    sender.control("seed", {"tokens": [{**token, "advertiser_ids": [ACME], "scopes": [scope]}]})
    other = sender_with("t")
    read = other.get("dmp/custom_audience/list/", advertiser_id=ACME)["code"]
    write = other.post("segment/audience/", {"advertiser_id": ACME, "custom_audience_name": "VIP"})["code"]
    assert (read, write) == codes


def test_app_that_is_not_allow_listed_may_not_stream(sender: Any) -> None:
    made = sender.audience()
    sender.control("seed", {"options": {"streaming_allow_listed": False}})
    body = {"advertiser_id": ACME, "custom_audience_name": "VIP"}
    assert sender.post("segment/audience/", body)["code"] == 40118
    assert sender.post("segment/mapping/", mapping_of(made))["code"] == 40118


def test_audience_400_is_the_last_until_one_is_deleted(sender: Any) -> None:
    rows = [{"audience_id": f"{number}", "name": "x", "advertiser_id": ACME} for number in range(1, 400)]
    sender.control("seed", {"audiences": rows})
    last = sender.audience()
    body = {"advertiser_id": ACME, "custom_audience_name": "VIP"}
    reply = sender.post("segment/audience/", body)
    sentence = f"The number of custom audiences of advertiser {ACME} has reached the limit of 400."
    assert (reply["code"], reply["message"]) == (40002, sentence)
    sender.post("segment/audience/", {"advertiser_id": ACME, "action": "delete", "delete_audience_id": last})
    assert sender.post("segment/audience/", body)["code"] == 0


def test_audiences_of_another_account_do_not_count(sender: Any, sender_with: Any) -> None:
    sender.control("seed", {"options": {"audience_limit": 1}})
    sender.audience()
    sender_with("emulator-token-globex").audience(advertiser_id=GLOBEX)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"advertiser_ids": None}, 40002, "Missing required field(s): advertiser_ids."),
        ({"id_schema": None}, 40002, "Missing required field(s): id_schema."),
        ({"batch_data": None}, 40002, "Missing required field(s): batch_data."),
        ({"advertiser_ids": ACME}, 40002, "Invalid value for advertiser_ids: not a valid list."),
        ({"advertiser_ids": []}, 40002, "Invalid value for advertiser_ids: length must be between 1 and 100."),
        ({"advertiser_ids": [int(ACME)]}, 40002, "Invalid value for advertiser_ids: not a valid string."),
        ({"advertiser_ids": [ACME, ACME]}, 40002, "Invalid value for advertiser_ids: must not hold a value twice."),
        ({"action": "remove"}, 40002, "Invalid value for action: not a valid choice."),
        ({"pixel_code": "C3Q"}, 40002, "Invalid value for pixel_code: unknown field."),
        ({"id_schema": []}, 40002, "Invalid value for id_schema: length must be between 1 and 6."),
        ({"id_schema": ["AAID_MD"]}, 40002, "Invalid value for id_schema: not a valid choice."),
        ({"id_schema": ["EMAIL"]}, 40002, "Invalid value for id_schema: not a valid choice."),
        ({"id_schema": "EMAIL_SHA256"}, 40002, "Invalid value for id_schema: not a valid list."),
        (
            {"id_schema": ["EMAIL_SHA256", "email_sha256"]},
            40002,
            "Invalid value for id_schema: must not hold a value twice.",
        ),
        ({"batch_data": {}}, 40002, "Invalid value for batch_data: not a valid list."),
        ({"batch_data": []}, 40002, "Invalid value for batch_data: length must be between 1 and 10000."),
        ({"batch_data": [{}]}, 40002, "Invalid value for batch_data: not a valid list."),
        ({"batch_data": [[{}]]}, 40002, "Invalid value for batch_data: a row must hold at least one id."),
        ({"batch_data": [[]]}, 40002, "Invalid value for batch_data: a row has 0 elements, id_schema has 1."),
        ({"batch_data": [[{}, {}]]}, 40002, "Invalid value for batch_data: a row has 2 elements, id_schema has 1."),
        ({"batch_data": [[None]]}, 40002, "Invalid value for batch_data: not a valid object."),
        ({"batch_data": [[ADA]]}, 40002, "Invalid value for batch_data: not a valid object."),
        ({"batch_data": [[{}]] * 10_001}, 40061, "Invalid value for batch_data: length must be between 1 and 10000."),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else None,
)
def test_request_breaking_a_rule_is_refused(sender: Any, change: Body, code: int, message: str) -> None:
    reply = sender.post("segment/mapping/", mapping_of(sender.audience(), **change))
    assert (reply["code"], reply["message"]) == (code, message)


@pytest.mark.parametrize(
    ("element", "code", "message"),
    [
        ({"id": "ada@example.com"}, 40062, "batch_data.id: not hashed with SHA-256."),
        ({"id": ""}, 40062, "batch_data.id: not hashed with SHA-256."),
        ({"id": ADA[:63]}, 40062, "batch_data.id: not hashed with SHA-256."),
        ({"id": ADA + "\n"}, 40062, "batch_data.id: not hashed with SHA-256."),
        ({"id": ADA.upper()}, 40002, "batch_data.id: the SHA-256 hash must be lower-case."),
        ({"id": EMPTY}, 40002, "batch_data.id: hash of an empty value."),
        ({"id": 7}, 40002, "batch_data.id: not a valid string."),
        ({"audience_ids": []}, 40002, "batch_data.audience_ids: not a valid list."),
        ({"audience_ids": "1"}, 40002, "batch_data.audience_ids: not a valid list."),
        ({"audience_ids": [7]}, 40002, "batch_data.audience_ids: not a valid string."),
        ({"external_id": "x"}, 40002, "batch_data.external_id: unknown field."),
    ],
    ids=["raw", "blank", "short", "newline", "upper", "empty", "number", "none", "text", "id_number", "unknown"],
)
def test_element_breaking_a_rule_refuses_everybody(sender: Any, element: Body, code: int, message: str) -> None:
    made = sender.audience()
    good = {"id": ADA, "audience_ids": [made]}
    reply = sender.post("segment/mapping/", mapping_of(made, batch_data=[[good], [{**good, **element}]]))
    assert (reply["code"], reply["message"]) == (code, f"Invalid value for {message}")
    assert sender.members(made) == {}


@pytest.mark.parametrize("name", ["id", "audience_ids"])
def test_element_without_a_field_is_refused(sender: Any, name: str) -> None:
    element = {"id": ADA, "audience_ids": [sender.audience()]}
    del element[name]
    reply = sender.post("segment/mapping/", mapping_of("", batch_data=[[element]]))
    assert reply["message"] == f"Missing required field(s): batch_data.{name}."


@pytest.mark.parametrize(
    ("kind", "digest", "code"),
    [
        ("IDFA_MD5", "e0325b8b05ba7d9db78391834c48cec0", 0),
        ("aaid_md5", "e0325b8b05ba7d9db78391834c48cec0", 0),
        ("IDFA_MD5", ADA, 40062),
        ("IDFA_SHA256", "e0325b8b05ba7d9db78391834c48cec0", 40062),
        ("IDFA_SHA256", "7a3cbea0-bdf5-11e4-8dfc-aa07a5b093db", 40062),
        ("IDFA_MD5", "d41d8cd98f00b204e9800998ecf8427e", 40002),
    ],
    ids=["md5", "lower_case_type", "sha_for_md5", "md5_for_sha", "raw_idfa", "empty_md5"],
)
def test_device_ids_must_have_the_hash_of_their_type(sender: Any, kind: str, digest: str, code: int) -> None:
    made = sender.audience()
    rows = [[{"id": digest, "audience_ids": [made]}]]
    assert sender.post("segment/mapping/", mapping_of(made, id_schema=[kind], batch_data=rows))["code"] == code
    assert sender.members(made) == ({kind.upper(): {digest}} if code == 0 else {})


def test_audience_that_cannot_be_streamed_to_refuses_the_request(sender: Any, sender_with: Any) -> None:
    made, gone, forgotten = sender.audience(), sender.audience(), sender.audience()
    foreign = sender_with("emulator-token-globex").audience(advertiser_id=GLOBEX)
    sender.post("segment/audience/", {"advertiser_id": ACME, "action": "delete", "delete_audience_id": gone})
    sender.control("audiences/forget", {"audience_id": forgotten})
    sender.control(
        "seed",
        {
            "audiences": [
                {"audience_id": "5", "name": "file", "advertiser_id": ACME, "audience_type": "Customer File Audience"}
            ]
        },
    )
    expected = {"1": 40002, foreign: 40002, "5": 40002, gone: 40007, forgotten: 40007}
    for audience_id, code in expected.items():
        rows = [[{"id": ADA, "audience_ids": [made, audience_id]}]]
        reply = sender.post("segment/mapping/", mapping_of(made, batch_data=rows))
        assert reply["code"] == code
        assert (reply["message"] == NO_ID) is (code == 40002)
    assert sender.members(made) == {}


@pytest.mark.parametrize(
    ("advertiser_ids", "code"),
    [([ACME, DISABLED], 0), ([DISABLED], 40002), ([ACME, GLOBEX], 40002), ([ACME, "1"], 40001)],
    ids=["same_business", "audience_of_none", "two_businesses", "unknown"],
)
def test_several_accounts_must_share_a_business(
    sender: Any, sender_with: Any, advertiser_ids: list[str], code: int
) -> None:
    user = "7200000000000000002"
    token = {"access_token": "t", "app_id": "7000000000000000001", "user_id": user, "scopes": [31]}
    role = {"advertiser_id": GLOBEX, "name": "Globex", "bc_id": "7100000000000000002", "roles": {user: "ADMIN"}}
    sender.control("seed", {"tokens": [{**token, "advertiser_ids": [ACME, DISABLED, GLOBEX]}], "advertisers": [role]})
    body = mapping_of(sender.audience(), advertiser_ids=advertiser_ids)
    assert sender_with("t").post("segment/mapping/", body)["code"] == code


def test_ten_thousand_people_are_taken(sender: Any) -> None:
    made = sender.audience()
    assert sender.map(made, *((f"p{number}",) for number in range(10_000)))["code"] == 0
    assert sender.show("members", audience_id=made, summary="1")["people"] == 10_000
    assert sender.show("requests", limit="1")["requests"][0]["items"] == 10_000


def test_five_thousand_people_with_four_ids_are_checked_in_milliseconds(sender: Any) -> None:
    made = sender.audience()
    schema = ["EMAIL_SHA256", "PHONE_SHA256", "IDFA_SHA256", "AAID_SHA256"]
    rows = [
        [{"id": sha256(f"{kind}{number}".encode()).hexdigest(), "audience_ids": [made]} for kind in schema]
        for number in range(5_000)
    ]
    raw = json.dumps(mapping_of(made, id_schema=schema, batch_data=rows), separators=(",", ":")).encode()
    started = time.perf_counter()
    for _ in range(5):
        reply = sender.session.post(
            f"{sender.emulator.api_url}segment/mapping/", data=raw, headers={"Content-Type": "application/json"}
        )
        assert reply.json()["code"] == 0
    assert time.perf_counter() - started < 4  # some 80 ms each on a quiet machine


def test_null_mode_counts_people_and_holds_nobody(sender: Any) -> None:
    made = sender.audience()
    sender.control("mode", {"null": True})
    raw = b'{"batch_data":[[{"id":"x","audience_ids":["1"]}],[{},{"id":"y"}]]}'
    reply = sender.session.post(f"{sender.emulator.api_url}segment/mapping/", data=raw)
    assert (reply.json()["code"], sender.members(made)) == (0, {})
    assert sender.show("requests", limit="1")["requests"][0]["items"] == 2
