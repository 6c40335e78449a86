"""Check using audiences in ad groups and sharing them within a Business Center."""

from typing import Any

import pytest

Body = dict[str, Any]

ACME, GLOBEX, DISABLED = "7654321098765432109", "7654321098765432209", "7654321098765432309"


@pytest.fixture
def made(sender: Any) -> str:
    """Make an audience of a thousand people whose size shows."""
    sender.control("seed", {"options": {"audience_size_seconds": 0}})
    audience_id = str(sender.audience())
    sender.map(audience_id, *((f"p{number}",) for number in range(1_000)))
    return audience_id


def apply_body(made: str, **changes: object) -> Body:
    body = {"custom_audience_id": made, "adgroup_ids": ["11", "12"], "action_mode": "Apply", "usage_mode": "Include"}
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def test_applied_audience_is_in_the_log_until_it_is_disconnected(sender: Any, made: str) -> None:
    path = "dmp/custom_audience/apply/log/"
    assert sender.dmp("apply", **apply_body(made))["code"] == 0
    rows = sender.get(path, advertiser_id=ACME, custom_audience_id=made)["data"]["list"]
    assert [(row["adgroup_id"], row["usage_mode"]) for row in rows] == [("11", "Include"), ("12", "Include")]
    sender.dmp("apply", **apply_body(made, adgroup_ids=["11"], action_mode="Disconnect", usage_mode=None))
    rows = sender.get(path, advertiser_id=ACME, custom_audience_id=made)["data"]["list"]
    assert [row["adgroup_id"] for row in rows] == ["12"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"usage_mode": None}, "Missing required field(s): usage_mode."),
        ({"usage_mode": "Both"}, "Invalid value for usage_mode: not a valid choice."),
        ({"action_mode": "apply"}, "Invalid value for action_mode: not a valid choice."),
        ({"adgroup_ids": []}, "Invalid value for adgroup_ids: length must be between 1 and 100."),
        ({"adgroup_ids": [11]}, "Invalid value for adgroup_ids: not a valid string."),
        ({"custom_audience_id": "1"}, "Parameter error: invalid audience ID"),
    ],
    ids=["no_usage", "usage", "action", "no_groups", "group_number", "unknown"],
)
def test_apply_breaking_a_rule_is_refused(sender: Any, made: str, change: Body, message: str) -> None:
    reply = sender.dmp("apply", **apply_body(made, **change))
    assert (reply["code"], reply["message"]) == (40002, message)


def test_too_small_audience_cannot_be_applied(sender: Any, made: str) -> None:
    sender.map(made, ("p0",), action="delete")
    assert sender.dmp("apply", **apply_body(made))["code"] == 40002


def test_use_in_an_ad_group_puts_the_expiry_off(sender: Any, made: str) -> None:
    sender.later(300 * 86_400)
    sender.dmp("apply", **apply_body(made))
    sender.later(300 * 86_400)
    assert sender.described(made)["is_valid"] is True


def test_shared_audience_is_listed_at_the_other_account_until_it_is_taken_back(sender: Any, made: str) -> None:
    user, app = "7200000000000000001", "7000000000000000001"
    outlet = {"access_token": "t", "app_id": app, "user_id": user, "advertiser_ids": [ACME, DISABLED], "scopes": [30]}
    sender.control("seed", {"tokens": [outlet]})
    headers = {"headers": {"Access-Token": "t"}}
    url = f"{sender.emulator.api_url}dmp/custom_audience/list/"
    body = {"custom_audience_ids": [made], "shared_advertiser_ids": [DISABLED]}
    assert sender.dmp("share", **body)["code"] == 0
    [row] = sender.session.get(url, params={"advertiser_id": DISABLED}, **headers).json()["data"]["list"]
    assert (row["audience_id"], row["shared"], row["is_creator"], row["owner_id"]) == (made, True, False, ACME)
    assert sender.dmp("share/cancel", custom_audience_id=made, shared_advertiser_id=DISABLED)["code"] == 0
    assert sender.session.get(url, params={"advertiser_id": DISABLED}, **headers).json()["data"]["list"] == []


def test_share_log_tells_who_was_given_the_audience(sender: Any, made: str) -> None:
    sender.dmp("share", custom_audience_ids=[made], shared_advertiser_ids=[DISABLED])
    [row] = sender.get("dmp/custom_audience/share/log/", advertiser_id=ACME, custom_audience_id=made)["data"]["list"]
    assert (row["shared_advertiser_id"], row["status"]) == (DISABLED, "SUCCESS")


@pytest.mark.parametrize("other", [GLOBEX, ACME, "1"], ids=["other_business", "itself", "unknown"])
def test_audience_is_shared_within_the_business_only(sender: Any, made: str, other: str) -> None:
    reply = sender.dmp("share", custom_audience_ids=[made], shared_advertiser_ids=[other])
    assert reply["code"] == 40002
    assert sender.show("audiences")["audiences"][0]["shared_with"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("share", {"custom_audience_ids": ["1"] * 11, "shared_advertiser_ids": [DISABLED]}),
        ("share", {"custom_audience_ids": ["1"]}),
        ("share", {"custom_audience_ids": ["1"], "shared_advertiser_ids": [DISABLED]}),
        ("share/cancel", {"custom_audience_id": "1", "shared_advertiser_id": DISABLED}),
        ("share/cancel", {"custom_audience_id": "1"}),
    ],
    ids=["ids_11", "no_accounts", "unknown", "cancel_unknown", "cancel_nobody"],
)
def test_share_breaking_a_rule_is_refused(sender: Any, path: str, body: Body) -> None:
    assert sender.dmp(path, **body)["code"] == 40002


def test_taking_back_what_was_not_given_is_refused(sender: Any, made: str) -> None:
    assert sender.dmp("share/cancel", custom_audience_id=made, shared_advertiser_id=DISABLED)["code"] == 40002


@pytest.mark.parametrize("token", ["emulator-token-analyst", "emulator-token-globex", "emulator-token-audiences"])
def test_sharing_needs_the_role_and_its_own_scope(sender_with: Any, made: str, token: str) -> None:
    reply = sender_with(token).dmp("share", custom_audience_ids=[made], shared_advertiser_ids=[DISABLED])
    assert reply["code"] == 40001
