"""The form of an orchestration that keeps an audience: how it follows the query, and what may not be saved."""

import pytest

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.models import Orchestration
from tests.orchestrations.admin.conftest import text
from tiktok_hub.tenancy.scope import tenant_scope

BASE = "/acme/orchestrations/orchestration/"
ADVERTISER = "7654321098765432109"


@pytest.fixture
def tiktok(ready) -> Destination:
    """A destination of Acme that keeps audiences."""
    with tenant_scope(ready.tenant):
        credential = Credential.objects.create(
            tenant=ready.tenant, name="ads", type="tiktok", access_token="t", status=CredentialStatus.AUTHORISED
        )
        made = Destination(tenant=ready.tenant, name="ads", plugin="tiktok-ads", credential=credential)
        made.settings = made.spec.settings_clean({"advertiser_id": ADVERTISER, "user_id_types": ["EMAIL"]})
        made.save()
        return made


def files(destination: Destination) -> None:
    """Let the destination send files."""
    with tenant_scope(destination.tenant):
        destination.settings["transport"] = "file"
        destination.save()


def typed(ready, destination: Destination, **changes: str) -> dict[str, str]:
    """Return a filled-in form."""
    return {
        "name": "vip", "description": "words I typed", "enabled": "on", "query": str(ready.query_id),
        "destination": str(destination.pk), "setting_audience_name": "VIP", "sync_mode": "mirror",
        "max_removal_percent": "20", "when_deleted": "hold", **changes,
    }  # fmt: skip


def stored(tenant, name: str = "vip") -> Orchestration | None:
    with tenant_scope(tenant):
        return Orchestration.objects.filter(name=name).first()


def test_form_saves_how_the_audience_follows(ready, acme, tiktok, person):
    person("bea").post(f"{BASE}add/", typed(ready, tiktok, sync_mode="add"))
    made = stored(acme)
    assert (made.sync_mode, made.max_removal_percent, made.when_deleted) == ("add", 20, "hold")
    assert made.settings == {"audience_name": "VIP"}


def test_fields_of_an_audience_show_for_its_destinations_only(ready, tiktok, person):
    page = text(person("bea").post(f"{BASE}settings/", typed(ready, tiktok)))
    assert 'name="sync_mode"' in page
    assert 'value="20"' in page
    page = text(person("bea").post(f"{BASE}settings/", typed(ready, ready.destination)))
    assert 'name="sync_mode"' not in page


def test_replace_is_offered_where_files_are_sent_only(ready, tiktok, person):
    assert 'value="replace"' not in text(person("bea").post(f"{BASE}settings/", typed(ready, tiktok)))
    files(tiktok)
    page = text(person("bea").post(f"{BASE}settings/", typed(ready, tiktok, sync_mode="replace")))
    assert '<option value="replace" selected>' in page


def test_replace_cannot_be_saved_for_streaming(ready, acme, tiktok, person):
    page = text(person("bea").post(f"{BASE}add/", typed(ready, tiktok, sync_mode="replace")))
    assert "Select a valid choice" in page
    assert stored(acme) is None
    files(tiktok)
    person("bea").post(f"{BASE}add/", typed(ready, tiktok, sync_mode="replace"))
    assert stored(acme).sync_mode == "replace"


@pytest.mark.parametrize("percent", ["101", "-1", "", "many"])
def test_share_that_is_no_percentage_is_refused_and_the_rest_kept(ready, acme, tiktok, person, percent):
    page = text(person("bea").post(f"{BASE}add/", typed(ready, tiktok, max_removal_percent=percent)))
    assert "words I typed" in page
    assert '<option value="hold" selected>' in page
    assert stored(acme) is None


def test_audience_of_another_orchestration_is_refused_by_its_name(ready, acme, tiktok, person):
    person("bea").post(f"{BASE}add/", typed(ready, tiktok))
    page = text(person("bea").post(f"{BASE}add/", typed(ready, tiktok, name="second")))
    assert "“vip” keeps the same audience" in page
    assert stored(acme, "second") is None
    person("bea").post(f"{BASE}add/", typed(ready, tiktok, name="second", sync_mode="add"))
    assert stored(acme, "second") is not None


def test_orchestration_does_not_stand_in_its_own_way(ready, acme, tiktok, person):
    person("bea").post(f"{BASE}add/", typed(ready, tiktok))
    made = stored(acme)
    person("bea").post(f"{BASE}{made.pk}/change/", typed(ready, tiktok, max_removal_percent="40"))
    assert stored(acme).max_removal_percent == 40


def test_orchestration_of_events_keeps_no_mode(ready, acme, tiktok, person):
    person("bea").post(f"{BASE}add/", typed(ready, tiktok))
    made, events = stored(acme), {"setting_event_source_id": "7654321098765432100"}
    person("bea").post(f"{BASE}{made.pk}/change/", typed(ready, ready.destination, **events))
    assert (stored(acme).sync_mode, stored(acme).destination_id) == ("", ready.destination_id)


def test_columns_of_other_id_types_are_told_to_be_ignored(ready, tiktok, person):
    page = text(person("bea").post(f"{BASE}settings/", typed(ready, tiktok)))
    assert "is ignored: the User ID type is EMAIL" in page
