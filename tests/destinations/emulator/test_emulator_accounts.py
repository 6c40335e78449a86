"""Check what can be read about accounts, roles, pixels and event sets, and that brands do not see each other."""

from typing import Any

import pytest

ACME, GLOBEX, DISABLED = "7654321098765432109", "7654321098765432209", "7654321098765432309"
ACME_CENTER = "7100000000000000001"


def test_advertiser_info_gives_the_asked_fields(sender: Any) -> None:
    reply = sender.get("advertiser/info/", advertiser_ids=f'["{ACME}"]', fields='["name","status","role"]')
    assert reply["data"]["list"] == [
        {"advertiser_id": ACME, "name": "Acme Retail", "status": "STATUS_ENABLE", "role": "ROLE_ADVERTISER"}
    ]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("advertiser/info/", {"advertiser_ids": f'["{GLOBEX}"]'}),
        ("pixel/list/", {"advertiser_id": GLOBEX}),
        ("offline/get/", {"advertiser_id": GLOBEX}),
        ("crm/list/", {"advertiser_id": GLOBEX}),
        ("bc/asset/get/", {"bc_id": "7100000000000000002", "asset_type": "ADVERTISER"}),
    ],
    ids=["info", "pixels", "offline_sets", "crm_sets", "business_center"],
)
def test_other_brand_is_out_of_reach(sender: Any, path: str, query: dict[str, str]) -> None:
    assert sender.get(path, **query)["code"] == 40001


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        ("advertiser/info/", {}, "Missing required field(s): advertiser_ids."),
        ("advertiser/info/", {"advertiser_ids": ACME}, "Invalid value for advertiser_ids: not a valid list."),
        ("advertiser/info/", {"advertiser_ids": "[x"}, "Invalid value for advertiser_ids: not a valid JSON."),
        ("pixel/list/", {"advertiser_id": "acme"}, "Invalid value for advertiser_id: not a valid string."),
        (
            "pixel/list/",
            {"advertiser_id": ACME, "page_size": "21"},
            "Invalid value for page_size: must be between 1 and 20.",
        ),
        ("pixel/list/", {"advertiser_id": ACME, "page": "0"}, "Invalid value for page: must be at least 1."),
        ("pixel/list/", {"advertiser_id": ACME, "page": "one"}, "Invalid value for page: not a valid integer."),
    ],
    ids=["ids_missing", "ids_no_list", "ids_no_json", "id_no_number", "page_size", "page_zero", "page_text"],
)
def test_wrong_parameters_are_refused(sender: Any, path: str, query: dict[str, str], message: str) -> None:
    reply = sender.get(path, **query)
    assert (reply["code"], reply["message"]) == (40002, message)


@pytest.mark.parametrize(("token", "role"), [("emulator-token-acme", "ADMIN"), ("emulator-token-analyst", "ANALYST")])
def test_business_center_tells_the_users_role(sender_with: Any, token: str, role: str) -> None:
    sender = sender_with(token)
    assert [row["bc_info"]["bc_id"] for row in sender.get("bc/get/")["data"]["list"]] == [ACME_CENTER]
    reply = sender.get("bc/asset/get/", bc_id=ACME_CENTER, asset_type="ADVERTISER")
    assert {row["asset_id"]: row["advertiser_role"] for row in reply["data"]["list"]} == {ACME: role, DISABLED: role}


def test_user_info_masks_the_email(sender: Any) -> None:
    data = sender.get("user/info/")["data"]
    assert (data["display_name"], data["email"]) == ("Ada Admin", "a***a@acme.example")


def test_pixels_come_in_pages(sender: Any) -> None:
    pixels = [
        {"pixel_id": str(number), "pixel_code": f"C{number:019}", "pixel_name": f"P{number}", "advertiser_id": ACME}
        for number in range(24)
    ]
    sender.control("seed", {"pixels": pixels})
    data = sender.get("pixel/list/", advertiser_id=ACME, page="2", page_size="20")["data"]
    assert len(data["pixels"]) == 5
    assert data["page_info"] == {"page": 2, "page_size": 20, "total_number": 25, "total_page": 2}


def test_offline_event_set_is_created_changed_and_deleted(sender: Any) -> None:
    body = {"advertiser_id": ACME, "name": "Stores", "description": "All"}
    made = sender.post("offline/create/", body)["data"]["event_set_id"]
    sender.post("offline/update/", {"advertiser_id": ACME, "event_set_id": made, "auto_tracking": True})
    [row] = sender.get("offline/get/", advertiser_id=ACME, event_set_ids=f'["{made}"]')["data"]["event_set_list"]
    assert (row["name"], row["auto_tracking"]) == ("Stores", True)
    assert sender.post("offline/delete/", {"advertiser_id": ACME, "event_set_id": made})["code"] == 0
    assert sender.get("offline/get/", advertiser_id=ACME, name="Stores")["data"]["event_set_list"] == []


def test_analyst_may_read_but_not_change_event_sets(sender_with: Any) -> None:
    analyst = sender_with("emulator-token-analyst")
    assert analyst.get("offline/get/", advertiser_id=ACME)["code"] == 0
    body = {"advertiser_id": ACME, "name": "Stores", "description": "All"}
    assert analyst.post("offline/create/", body)["code"] == 40001


def test_crm_sets_are_listed(sender: Any) -> None:
    rows = sender.get("crm/list/", advertiser_id=ACME)["data"]["crm_event_sets"]
    assert [row["name"] for row in rows] == ["Acme leads"]
