"""Auto tracking: what TikTok holds about the event set after a destination asked for it."""

import pytest
import requests

from destinations.choices import StepStatus
from destinations.models import Credential
from destinations.services import auto_tracking_apply, destination_save
from tiktok_hub.tenancy.scope import tenant_scope

ADVERTISER, EVENT_SET = "7654321098765432109", "7654321098765432100"
READ_SETS, WRITE_SETS, REPORT, ACCOUNTS = 7224195155857833986, 7050363942434095105, 7224195155857866754, 100
SETTINGS = {
    "advertiser_id": ADVERTISER,
    "event_source": "offline",
    "event_source_id": EVENT_SET,
    "auto_tracking": True,
}


def tracked(emulator) -> bool:
    """Say whether TikTok links the event set to new campaigns."""
    answer = requests.get(
        f"{emulator.api_url}offline/get/",
        params={"advertiser_id": ADVERTISER},
        headers={"Access-Token": "emulator-token-acme"},
        timeout=10,
    ).json()
    sets = {row["event_set_id"]: row["auto_tracking"] for row in answer["data"]["event_set_list"]}
    return bool(sets[EVENT_SET])


@pytest.fixture
def credential_with(emulator, acme, credential_of):
    """Make a credential of Acme whose token has these scopes."""

    def make(*scopes: int) -> Credential:
        token = {
            "access_token": "has-scopes",
            "app_id": "7000000000000000001",
            "user_id": "7200000000000000001",
            "advertiser_ids": [ADVERTISER],
            "scopes": scopes,
        }
        requests.post(f"{emulator.url}/_emulator/seed", json={"tokens": [token]}, timeout=10).raise_for_status()
        return credential_of(acme, access_token="has-scopes")

    return make


@pytest.fixture
def manager(credential_with):
    """A credential that may change event sets."""
    return credential_with(READ_SETS, WRITE_SETS, REPORT, ACCOUNTS)


def test_saving_a_destination_links_its_event_set(acme, emulator, manager, destination_of):
    destination = destination_of(acme, credential=manager)
    with tenant_scope(acme):
        steps = destination_save(destination=destination, values=SETTINGS)
    assert tracked(emulator)
    assert steps[-1].status == StepStatus.PASSED


def test_a_sandbox_changes_nothing_about_an_event_set(acme, globex, emulator, manager, destination_of):
    destination = destination_of(acme, credential=manager)
    acme.sandbox_of = globex
    with tenant_scope(acme):
        acme.save()
        destination_save(destination=destination, values=SETTINGS)
    assert not tracked(emulator)


def test_a_token_that_may_not_change_event_sets_saves_all_the_same(acme, emulator, credential_with, destination_of):
    destination = destination_of(acme, credential=credential_with(READ_SETS, REPORT, ACCOUNTS))
    with tenant_scope(acme):
        steps = destination_save(destination=destination, values=SETTINGS)
    assert not tracked(emulator)
    assert (steps[-1].name, steps[-1].status) == ("auto_tracking", StepStatus.SKIPPED)
    assert steps[-1].resolution


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"auto_tracking": False}, id="not asked for"),
        pytest.param({"event_source_id": ""}, id="no event set yet"),
        pytest.param({"event_source": "web"}, id="web"),
    ],
)
def test_nothing_is_changed_where_nothing_is_asked_for(emulator, manager, change):
    assert auto_tracking_apply(credential=manager, settings={**SETTINGS, **change}) is None
    assert not tracked(emulator)
