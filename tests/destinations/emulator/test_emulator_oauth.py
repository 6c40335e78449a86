"""Check the way to a token as a browser and an app walk it: consent page, redirect, exchange, use, revocation."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from destinations.emulator.server import running

APP = {"app_id": "7000000000000000001", "secret": "emulator-secret"}
BACK = "http://127.0.0.1:8000/callback/?from=tiktok"
ACME, GLOBEX = "7654321098765432109", "7654321098765432209"
ADMIN, AGENCY = "7200000000000000001", "7200000000000000005"
CANCELED = "The auth_code is canceled. Please re-authorize and try again with a new auth_code."
INCONSISTENT = "The app_id is inconsistent with the token's app information."


def consent(sender: Any, **changes: object) -> dict[str, str]:
    """Press a button of the consent page; give the parameters of the redirect."""
    form = {
        "app_id": APP["app_id"],
        "state": "s/1",
        "redirect_uri": BACK,
        "user_id": ADMIN,
        "advertiser_ids": [ACME],
        "scopes": ["100", "7224195155857866754"],
        "decision": "authorize",
        **changes,
    }
    reply = sender.session.post(sender.emulator.auth_url, data=form, allow_redirects=False, timeout=5)
    assert reply.status_code == 302, reply.text
    target = urlsplit(reply.headers["Location"])
    assert target.netloc == "127.0.0.1:8000"
    return {name: values[0] for name, values in parse_qs(target.query).items()}


def exchange(sender: Any, code: str, **changes: object) -> Any:
    return sender.post("oauth2/access_token/", {**APP, "auth_code": code, **changes})


def test_consent_page_shows_who_asks_and_what_can_be_granted(sender: Any) -> None:
    query = {"app_id": APP["app_id"], "state": '"><script>', "redirect_uri": BACK}
    page = requests.get(sender.emulator.auth_url, params=query, timeout=5).text
    for text in ("TikTok Hub", "Ada Admin", "Ana Analyst", "Acme Retail", ACME, "Report conversion events", "Cancel"):
        assert text in page
    assert GLOBEX not in page
    assert "<script>" not in page


def test_consent_page_shows_the_accounts_of_the_chosen_user(sender: Any) -> None:
    query = {"app_id": APP["app_id"], "state": "s", "redirect_uri": BACK, "user_id": AGENCY}
    page = requests.get(sender.emulator.auth_url, params=query, timeout=5).text
    assert f"Operator · {GLOBEX}" in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"app_id": "1"}, "There is no developer app with the id 1."),
        ({"redirect_uri": "javascript:alert(1)"}, "The redirect_uri is missing or not a full"),
        ({"redirect_uri": ""}, "The redirect_uri is missing or not a full"),
    ],
    ids=["app_unknown", "redirect_script", "redirect_missing"],
)
def test_consent_page_refuses_a_wrong_link(sender: Any, change: dict[str, str], sentence: str) -> None:
    query = {"app_id": APP["app_id"], "state": "s", "redirect_uri": BACK, **change}
    reply = requests.get(sender.emulator.auth_url, params=query, timeout=5)
    assert reply.status_code == 400
    assert sentence in reply.text


def test_consent_page_refuses_an_address_the_app_has_not_registered(sender: Any) -> None:
    sender.control("seed", {"apps": [{**APP, "name": "Hub", "redirect_uris": ["https://hub.example/back"]}]})
    query = {"app_id": APP["app_id"], "state": "s", "redirect_uri": BACK}
    assert requests.get(sender.emulator.auth_url, params=query, timeout=5).status_code == 400


def test_authorizing_redirects_with_state_and_code_twice(sender: Any) -> None:
    answer = consent(sender)
    assert answer["from"] == "tiktok"
    assert answer["state"] == "s/1"
    assert answer["auth_code"] == answer["code"]


def test_cancelling_redirects_without_a_code(sender: Any) -> None:
    assert consent(sender, decision="cancel") == {"from": "tiktok", "state": "s/1", "error": "access_denied"}


@pytest.mark.parametrize("change", [{"advertiser_ids": []}, {"advertiser_ids": [GLOBEX]}, {"scopes": []}])
def test_authorizing_nothing_is_refused(sender: Any, change: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="Tick at least one"):
        consent(sender, **change)


def test_exchange_gives_a_token_with_what_was_ticked(sender: Any, sender_with: Any) -> None:
    reply = exchange(sender, consent(sender, user_id=AGENCY, advertiser_ids=[ACME, GLOBEX])["auth_code"])
    assert reply["data"]["advertiser_ids"] == [ACME, GLOBEX]
    assert reply["data"]["scope"] == [100, 7224195155857866754]
    listed = sender_with(reply["data"]["access_token"]).get("oauth2/advertiser/get/", **APP)
    assert [row["advertiser_name"] for row in listed["data"]["list"]] == ["Acme Retail", "Globex"]


def test_exchange_leaves_the_accounts_out_on_demand(sender: Any) -> None:
    reply = exchange(sender, consent(sender)["code"], return_advertiser_ids=False)
    assert reply["data"]["advertiser_ids"] == []


def test_auth_code_works_once(sender: Any) -> None:
    code = consent(sender)["auth_code"]
    assert exchange(sender, code)["code"] == 0
    reply = exchange(sender, code)
    assert (reply["code"], reply["message"]) == (40110, CANCELED)


def test_auth_code_works_for_an_hour(sender: Any) -> None:
    code = consent(sender)["auth_code"]
    sender.control("clock", {"advance": 3_601})
    assert exchange(sender, code)["code"] == 40110


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"auth_code": "nonsense"}, 40110),
        ({"app_id": "1"}, 40101),
        ({"secret": "wrong"}, 40113),
        ({"secret": ""}, 40002),
        ({"auth_code": 7}, 40002),
        ({"app_id": "2", "secret": "other"}, 40101),
    ],
    ids=["code_unknown", "app_unknown", "secret_wrong", "secret_empty", "code_number", "code_of_other_app"],
)
def test_exchange_with_wrong_values_is_refused(sender: Any, change: dict[str, Any], code: int) -> None:
    sender.control("seed", {"apps": [{"app_id": "2", "secret": "other", "name": "Other"}]})
    assert exchange(sender, consent(sender)["auth_code"], **change)["code"] == code


@pytest.mark.parametrize(
    ("change", "code"),
    [({}, 0), ({"secret": "wrong"}, 40113), ({"app_id": "2"}, 40113)],
    ids=["right", "secret_wrong", "app_of_other"],
)
def test_introspection_checks_the_app(sender: Any, change: dict[str, str], code: int) -> None:
    reply = sender.get("oauth2/advertiser/get/", **{**APP, **change})
    assert reply["code"] == code
    assert reply["message"] == (
        {"app_id": INCONSISTENT, "secret": "The secret is incorrect."}[next(iter(change))] if change else "OK"
    )


@pytest.mark.parametrize("path", ["oauth2/advertiser/get/", "user/info/", "pixel/list/", "offline/get/", "bc/get/"])
def test_events_only_token_can_read_nothing(sender_with: Any, path: str) -> None:
    assert sender_with("emulator-token-events-only").get(path, **APP)["code"] == 40001


def test_revoked_token_is_dead(sender: Any) -> None:
    body = {**APP, "access_token": "emulator-token-acme"}
    assert sender.post("oauth2/revoke_token/", body)["data"]["advertiser_ids"] == [ACME]
    assert sender.get("user/info/")["code"] == 40105
    assert sender.post("oauth2/revoke_token/", body)["code"] == 40105


def test_token_can_be_revoked_from_outside(sender: Any) -> None:
    sender.control("revoke", {"token": "emulator-token-acme"})
    assert sender.get("user/info/")["code"] == 40105


def test_change_of_one_emulator_changes_no_other(sender: Any) -> None:
    sender.emulator.state.registry.tokens["emulator-token-acme"].advertiser_ids.append("12")
    with running() as other:
        assert other.state.registry.tokens["emulator-token-acme"].advertiser_ids == [ACME]
