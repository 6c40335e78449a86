"""The connection test of a destination that keeps an audience: what may be read, what may be written, nothing done."""

import pytest

from destinations.models import Destination
from destinations.services import Step, audience_names_list, destination_check
from destinations.services.credentials import ids_used
from tiktok_hub.tenancy.scope import tenant_scope

ACME, OUTLET, GLOBEX = "7654321098765432109", "7654321098765432111", "7654321098765432209"
STEPS = ["token", "advertiser", "status", "role", "audience_read", "audience_write"]
READ_WRITE, READ_ONLY, PARENT = [100, 150, 153, 30, 31], [100, 150, 153, 30], [1, 3]


@pytest.fixture(autouse=True)
def opened(acme):
    with tenant_scope(acme):
        yield


@pytest.fixture
def outlet(emulator) -> str:
    """Give Acme's token a second ad account in the same Business Center."""
    account = {"advertiser_id": OUTLET, "name": "Acme Outlet", "bc_id": "7100000000000000001"}
    emulator.state.add_seed({"advertisers": [{**account, "roles": {"7200000000000000001": "ADMIN"}}]})
    emulator.state.registry.tokens["emulator-token-acme"].advertiser_ids = [ACME, OUTLET]
    return OUTLET


def steps_of(destination: Destination) -> dict[str, Step]:
    steps = destination_check(destination=destination)
    assert [step.name for step in steps] == STEPS
    return {step.name: step for step in steps}


def audiences(emulator, count: int = 1, **fields: str) -> None:
    """Let Acme have some audiences."""
    rows = [{"audience_id": f"71{n:017}", "name": f"old {n}", "advertiser_id": ACME, **fields} for n in range(count)]
    emulator.state.audiences.add(rows, emulator.state.now())


def test_every_step_passes_for_a_good_destination(acme, credential_of, audience_destination_of):
    credential = credential_of(acme, type="tiktok", scopes=READ_WRITE)
    steps = steps_of(audience_destination_of(acme, credential=credential))
    assert {str(step.status) for step in steps.values()} == {"passed"}
    assert steps["audience_read"].sentence == "0 of 400 audiences are used."


def test_unknown_permissions_leave_writing_to_the_first_delivery(acme, audience_destination_of):
    step = steps_of(audience_destination_of(acme))["audience_write"]
    assert (str(step.status), "first delivery shows it" in step.sentence) == ("skipped", True)


@pytest.mark.parametrize(("scopes", "status"), [(PARENT, "passed"), (READ_ONLY, "failed")])
def test_granted_permissions_tell_whether_writing_works(acme, credential_of, audience_destination_of, scopes, status):
    credential = credential_of(acme, type="tiktok", scopes=scopes)
    step = steps_of(audience_destination_of(acme, credential=credential))["audience_write"]
    assert (str(step.status), bool(step.resolution)) == (status, status == "failed")


def test_token_that_may_not_read_audiences_fails(acme, credential_of, audience_destination_of):
    credential = credential_of(acme, type="tiktok", access_token="emulator-token-events-only")
    steps = steps_of(audience_destination_of(acme, credential=credential))
    assert [str(step.status) for step in steps.values()] == ["skipped"] * 4 + ["failed", "skipped"]
    assert "permission" in steps["audience_read"].sentence


def test_named_audience_will_be_created_or_is_found(acme, emulator, audience_destination_of):
    destination = audience_destination_of(acme, settings={"audience_name": "old 0"})
    assert "will be created" in steps_of(destination)["audience_read"].sentence
    audiences(emulator)
    assert steps_of(destination)["audience_read"].sentence == "1 of 400 audiences are used; “old 0” is one of them."


def test_audience_that_the_transport_cannot_feed_is_another_one(acme, emulator, audience_destination_of):
    audiences(emulator)
    destination = audience_destination_of(acme, settings={"audience_name": "old 0", "transport": "file"})
    assert "will be created" in steps_of(destination)["audience_read"].sentence


def test_audience_made_of_other_ids_fails(acme, emulator, audience_destination_of):
    audiences(emulator, audience_type="Customer File Audience", calculate_type="PHONE_SHA256")
    destination = audience_destination_of(acme, settings={"audience_name": "old 0", "transport": "file"})
    step = steps_of(destination)["audience_read"]
    assert (str(step.status), "made of PHONE_SHA256, not of EMAIL_SHA256" in step.sentence) == ("failed", True)


@pytest.mark.parametrize(("name", "status"), [("", "passed"), ("old 7", "passed"), ("new", "failed")])
def test_full_ad_account_fails_only_where_another_audience_is_needed(
    acme, emulator, audience_destination_of, name, status
):
    audiences(emulator, 400)
    step = steps_of(audience_destination_of(acme, settings={"audience_name": name}))["audience_read"]
    assert (str(step.status), "400 of 400" in step.sentence) == (status, True)


def test_several_ad_accounts_are_all_looked_at(acme, emulator, outlet, audience_destination_of):
    audiences(emulator)
    destination = audience_destination_of(acme, settings={"advertiser_id": None, "advertiser_ids": [ACME, outlet]})
    steps = steps_of(destination)
    assert [str(step.status) for step in steps.values()] == ["passed"] * 5 + ["skipped"]
    assert steps["status"].sentence == "All 2 ad accounts are enabled."
    assert f"{ACME}: 1 of 400" in steps["audience_read"].sentence
    assert f"{outlet}: 0 of 400" in steps["audience_read"].sentence


def test_one_of_several_ad_accounts_out_of_reach_fails(acme, audience_destination_of):
    destination = audience_destination_of(acme, settings={"advertiser_id": None, "advertiser_ids": [ACME, GLOBEX]})
    step = steps_of(destination)["advertiser"]
    assert (str(step.status), GLOBEX in step.sentence, ACME in step.sentence) == ("failed", True, False)


def test_ad_accounts_of_different_business_centers_fail(acme, emulator, audience_destination_of):
    ada, registry = "7200000000000000001", emulator.state.registry
    registry.tokens["emulator-token-acme"].advertiser_ids = [ACME, GLOBEX]
    registry.advertisers[GLOBEX].roles = {ada: "ADMIN"}
    registry.business_centers["7100000000000000002"].members = {ada: "ADMIN"}
    destination = audience_destination_of(acme, settings={"advertiser_id": None, "advertiser_ids": [ACME, GLOBEX]})
    step = steps_of(destination)["status"]
    assert (str(step.status), "different Business Centers" in step.sentence) == ("failed", True)


def test_a_test_changes_nothing_at_tiktok(acme, emulator, audience_destination_of):
    destination_check(destination=audience_destination_of(acme, settings={"audience_name": "VIP"}))
    assert {entry.method for entry in emulator.state.log.latest("", 100)} == {"GET"}


def test_names_of_audiences_are_offered_by_transport(acme, emulator, credential_of):
    audiences(emulator, 2)
    credential = credential_of(acme, type="tiktok")
    assert audience_names_list(credential=credential, advertiser_id=ACME, transport="streaming") == ["old 0", "old 1"]
    assert audience_names_list(credential=credential, advertiser_id=ACME, transport="file") == []
    assert audience_names_list(credential=credential, advertiser_id=GLOBEX, transport="streaming") == []


def test_all_ad_accounts_of_destinations_are_in_use(acme, credential_of, audience_destination_of):
    credential = credential_of(acme, type="tiktok")
    audience_destination_of(acme, "one", credential=credential)
    several = {"advertiser_id": None, "advertiser_ids": [ACME, OUTLET]}
    audience_destination_of(acme, "two", credential=credential, settings=several)
    assert ids_used(credential) == [ACME, OUTLET]
