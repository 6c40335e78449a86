"""The pages of a destination: made from a plugin's declaration, tested on save, open to whom they are opened."""

import pytest

from destinations.models import Destination
from orchestrations.models import Orchestration, Query
from tiktok_hub.tenancy.scope import tenant_scope

LIST = "/acme/destinations/destination/"
ADD = LIST + "add/?plugin=tiktok-ads-events"
ADVERTISER, EVENT_SET, FOREIGN = "7654321098765432109", "7654321098765432100", "7654321098765432209"


@pytest.fixture
def pages(ada, client_of):
    """Ada's browser."""
    return client_of(ada)


@pytest.fixture
def fields(acme, credential_of):
    """What an administrator types for a good destination."""
    credential = credential_of(acme)

    def typed(**changes: str) -> dict[str, str]:
        settings = {"advertiser_id": ADVERTISER, "event_source": "offline", "event_source_id": EVENT_SET}
        settings |= {
            name: changes.pop(name) for name in list(changes) if name not in {"name", "admin_only", "pii_setting"}
        }
        named = {f"setting_{name}": value for name, value in settings.items()}
        return {"name": "store", "description": "41 shops", "credential": str(credential.pk), **named, **changes}

    return typed


def stored(tenant) -> list[Destination]:
    with tenant_scope(tenant):
        return list(Destination.objects.select_related("tenant"))


def page_of(destination: Destination, suffix: str = "change") -> str:
    return f"/{destination.tenant.slug}/destinations/destination/{destination.pk}/{suffix}/"


def test_a_plugin_is_chosen_first(pages, acme):
    page = pages.get(LIST + "add/").content.decode()
    assert "TikTok Ads Events" in page
    assert "?plugin=tiktok-ads-events" in page
    assert "Choose a plugin" in pages.get(LIST + "add/?plugin=unknown").content.decode()


def test_the_form_has_a_field_for_every_setting_of_the_plugin(pages, acme):
    page = pages.get(ADD).content.decode()
    for name in ("advertiser_id", "event_source", "event_source_id", "test_event_code", "default_country"):
        assert f'name="setting_{name}"' in page
    assert "May stay empty here" in page
    assert "case-sensitive" in page


def test_a_good_destination_is_saved_with_its_connection_test(acme, pages, fields):
    pages.post(ADD, fields())
    (made,) = stored(acme)
    assert made.settings["event_set_name"] == "Store purchases"
    assert [row["status"] for row in made.checks] == ["passed"] * 5
    assert "Advertiser reachable" in pages.get(page_of(made)).content.decode()


def test_a_destination_may_leave_the_event_set_to_its_orchestrations(acme, pages, fields):
    pages.post(ADD, fields(event_source_id=""))
    assert "event_source_id" not in stored(acme)[0].settings


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"advertiser_id": "12"}, "Must be the 19-digit id of an ad account."),
        ({"event_source": ""}, "This field is required."),
        ({"default_country": "Germany"}, "Must be a two-letter country code"),
        ({"advertiser_id": FOREIGN}, f"does not reach the ad account {FOREIGN}"),
        ({"event_source_id": "7654321098765432200"}, "Nothing was saved."),
    ],
    ids=["no advertiser", "no source", "country", "another's account", "another's event set"],
)
def test_a_failed_validation_keeps_the_typed_values_and_saves_nothing(acme, pages, fields, changes, sentence):
    page = pages.post(ADD, fields(name="typed name", **changes)).content.decode()
    assert sentence in page
    for typed in ("typed name", "41 shops", *filter(None, changes.values())):
        assert typed in page
    assert stored(acme) == []


def test_a_failed_connection_test_shows_its_steps(acme, pages, fields):
    page = pages.post(ADD, fields(advertiser_id=FOREIGN)).content.decode()
    assert "Connection test of what you typed" in page
    assert "Token alive" in page
    assert "Choose the ad account from the list" in page


def test_a_change_that_fails_leaves_the_destination_as_it_was(acme, pages, fields):
    pages.post(ADD, fields())
    (made,) = stored(acme)
    pages.post(page_of(made), fields(name="renamed", advertiser_id=FOREIGN))
    assert [(row.name, row.settings["advertiser_id"]) for row in stored(acme)] == [("store", ADVERTISER)]


def test_a_credential_of_another_type_is_not_offered(acme, pages, credential_of, fields):
    other = credential_of(acme, "audiences", type="tiktok")
    assert "audiences" not in pages.get(ADD).content.decode()
    pages.post(ADD, {**fields(), "credential": other.pk})
    assert stored(acme) == []


def test_ad_accounts_and_event_sets_are_offered_by_name(acme, pages, credential_of):
    credential = credential_of(acme, advertisers=[{"id": ADVERTISER, "name": "Acme Retail"}])
    chosen = {"credential": credential.pk, "setting_advertiser_id": ADVERTISER, "setting_event_source": "web"}
    page = pages.get(LIST + "options/", chosen).content.decode()
    assert "Acme Retail" in page
    assert "Acme web shop" in page


def test_the_button_tests_the_connection_and_keeps_the_steps(acme, emulator, pages, destination_of):
    destination = destination_of(acme)
    emulator.state.registry.tokens["emulator-token-acme"].revoked = True
    page = pages.post(page_of(destination, "test"), headers={"HX-Request": "true"}).content.decode()
    assert "no longer accepts" in page
    assert "<html" not in page
    assert stored(acme)[0].checks[0]["status"] == "failed"


def test_a_clone_is_disabled_and_can_be_enabled(acme, pages, destination_of):
    destination = destination_of(acme, admin_only=True)
    pages.post(page_of(destination, "clone"))
    copy = next(row for row in stored(acme) if row.pk != destination.pk)
    assert (copy.name, copy.enabled, copy.admin_only) == ("store (copy)", False, True)
    assert copy.settings == destination.settings
    pages.post(page_of(copy, "enable"))
    pages.post(page_of(destination, "disable"))
    assert {row.name: row.enabled for row in stored(acme)} == {"store": False, "store (copy)": True}


def test_deleting_a_used_destination_says_which_orchestrations_use_it(acme, pages, destination_of):
    destination = destination_of(acme)
    with tenant_scope(acme):
        query = Query.objects.create(tenant=acme, name="q", sql="SELECT 1")
        Orchestration.objects.create(tenant=acme, name="daily", query=query, destination=destination)
    answer = pages.post(page_of(destination, "delete"), {"post": "yes"}, follow=True)
    assert "while orchestrations use it: “daily”" in answer.content.decode()
    assert len(stored(acme)) == 1


@pytest.mark.parametrize(
    ("who", "names"),
    [
        ("ada", {"open", "admin only", "pii", "both"}),
        ("olga", {"open", "admin only", "pii", "both"}),
        ("bea", {"open", "pii"}),
        ("ben", {"pii"}),
        ("rita", {"open", "pii"}),
    ],
)
def test_everybody_sees_the_destinations_opened_to_them(
    acme, credential_of, destination_of, client_of, request, who, names
):
    credential = credential_of(acme)
    for name, admin_only, pii in (("open", 0, 0), ("admin only", 1, 0), ("pii", 0, 1), ("both", 1, 1)):
        destination_of(acme, name, credential=credential, admin_only=bool(admin_only), pii_setting=bool(pii))
    pages = client_of(request.getfixturevalue(who))
    assert {row.name for row in pages.get(LIST).context["cl"].result_list} == names
    found = {row.name for row in stored(acme) if pages.get(page_of(row)).status_code == 200}
    assert found == names


def test_a_business_user_reads_and_changes_nothing(acme, bea, destination_of, client_of):
    destination = destination_of(acme)
    pages = client_of(bea)
    page = pages.get(page_of(destination)).content.decode()
    assert "Advertiser ID" in page
    assert "Test connection" not in page
    assert pages.post(page_of(destination), {"name": "mine"}).status_code == 403
    for suffix in ("test", "clone", "enable", "disable", "delete"):
        assert pages.post(page_of(destination, suffix)).status_code == 403
    assert pages.get(ADD).status_code == 403
    assert [row.name for row in stored(acme)] == ["store"]


def test_another_tenants_destination_does_not_exist(acme, globex, charlie, destination_of, client_of):
    destination, own = destination_of(acme), destination_of(globex)
    pages = client_of(charlie)
    for suffix in ("change", "delete", "test", "clone", "enable", "disable"):
        for slug in ("acme", "globex"):
            path = f"/{slug}/destinations/destination/{destination.pk}/{suffix}/"
            assert {pages.get(path).status_code, pages.post(path).status_code} <= {404, 405}
    assert pages.get(page_of(own)).status_code == 200
    options = {"credential": destination.credential_id, "setting_advertiser_id": ADVERTISER}
    assert "<button" not in pages.get("/globex/destinations/destination/options/", options).content.decode()
