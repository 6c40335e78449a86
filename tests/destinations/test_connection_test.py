"""The connection test: ordered steps, which tell what is wrong and send nothing."""

import pytest

from destinations.models import Destination
from destinations.services import DestinationCheckError, destination_check, destination_save, event_sources_list
from destinations.specs.base import SettingsError
from tiktok_hub.tenancy.scope import tenant_scope

GLOBEX, DISABLED, PIXEL = "7654321098765432209", "7654321098765432309", "C3QEXAMPLEPIXELCODE0"
STEPS = ["token", "advertiser", "status", "role", "event_source"]


@pytest.fixture(autouse=True)
def opened(acme):
    with tenant_scope(acme):
        yield


def outcomes(destination: Destination) -> list[str]:
    steps = destination_check(destination=destination)
    assert [step.name for step in steps] == STEPS
    return [str(step.status) for step in steps]


def test_every_step_passes_for_a_good_destination(acme, destination_of):
    assert outcomes(destination_of(acme)) == ["passed"] * 5


def test_a_web_destination_is_tested_against_the_pixels(acme, destination_of):
    assert outcomes(destination_of(acme, settings={"event_source": "web", "event_source_id": PIXEL})) == ["passed"] * 5


def test_a_destination_without_an_event_set_is_tested_as_far_as_possible(acme, destination_of):
    assert outcomes(destination_of(acme, settings={"event_source_id": None})) == ["passed"] * 4 + ["skipped"]


def test_a_token_that_may_only_send_gives_skipped_steps(acme, credential_of, destination_of):
    credential = credential_of(acme, access_token="emulator-token-events-only", pasted=True)
    assert outcomes(destination_of(acme, credential=credential)) == ["skipped"] * 5


@pytest.mark.parametrize(
    ("token", "changes", "failed", "sentence"),
    [
        ("emulator-token-revoked", {}, "token", "no longer accepts"),
        ("emulator-token-acme", {"advertiser_id": GLOBEX}, "advertiser", f"does not reach the ad account {GLOBEX}"),
        ("emulator-token-analyst", {}, "role", "only Analyst"),
        ("emulator-token-acme", {"event_source_id": "7654321098765432200"}, "event_source", "no event set"),
        ("emulator-token-acme", {"event_source": "web"}, "event_source", "no pixel"),
    ],
    ids=["revoked", "another's account", "analyst", "another's event set", "event set as a pixel"],
)
def test_the_step_that_fails_says_why_and_the_rest_is_skipped(
    acme, credential_of, destination_of, token, changes, failed, sentence
):
    destination = destination_of(acme, credential=credential_of(acme, access_token=token), settings=changes)
    steps = destination_check(destination=destination)
    step = next(step for step in steps if step.status == "failed")
    assert step.name == failed
    assert sentence in step.sentence
    assert step.resolution
    assert {str(later.status) for later in steps[steps.index(step) + 1 :]} <= {"skipped"}


def test_a_disabled_ad_account_fails(acme, emulator, destination_of):
    emulator.state.registry.tokens["emulator-token-acme"].advertiser_ids.append(DISABLED)
    assert outcomes(destination_of(acme, settings={"advertiser_id": DISABLED}))[2] == "failed"


def test_tiktok_out_of_reach_fails_the_first_step(acme, destination_of, settings):
    destination = destination_of(acme)
    settings.TIKTOK_API_URL = "http://127.0.0.1:9/"
    assert outcomes(destination) == ["failed"] + ["skipped"] * 4


def test_a_test_sends_nothing(acme, emulator, destination_of):
    destination_check(destination=destination_of(acme))
    assert {entry.method for entry in emulator.state.log.latest("", 100)} == {"GET"}


def test_saving_fills_the_event_sets_name_from_tiktok(acme, destination_of):
    destination = destination_of(acme)
    destination_save(destination=destination, values=destination.settings)
    saved = Destination.objects.get(pk=destination.pk)
    assert saved.settings["event_set_name"] == "Store purchases"
    assert [row["status"] for row in saved.checks] == ["passed"] * 5


def test_saving_is_refused_when_the_connection_test_fails(acme, destination_of):
    destination = destination_of(acme)
    with pytest.raises(DestinationCheckError, match="Advertiser reachable"):
        destination_save(destination=destination, values={**destination.settings, "advertiser_id": GLOBEX})
    assert Destination.objects.get(pk=destination.pk).settings["advertiser_id"] != GLOBEX


def test_saving_is_refused_for_settings_that_do_not_fit(acme, destination_of):
    destination = destination_of(acme)
    with pytest.raises(SettingsError) as caught:
        destination_save(destination=destination, values={"advertiser_id": "12"})
    assert set(caught.value.errors) == {"advertiser_id", "event_source"}


def test_event_sources_are_offered_where_the_token_can_list_them(acme, credential_of):
    credential = credential_of(acme)
    offered = event_sources_list(credential=credential, advertiser_id="7654321098765432109", kind="offline")
    assert [(row.id, row.name) for row in offered] == [("7654321098765432100", "Store purchases")]
    blind = credential_of(acme, "blind", access_token="emulator-token-events-only")
    assert event_sources_list(credential=blind, advertiser_id="7654321098765432109", kind="offline") == []
