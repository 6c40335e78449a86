"""The pages of a destination that keeps an audience: lists, choices that TikTok offers, typed values kept."""

import pytest

from destinations.models import Destination
from tiktok_hub.tenancy.scope import tenant_scope

LIST = "/acme/destinations/destination/"
ADD = LIST + "add/?plugin=tiktok-ads"
ACME, FOREIGN = "7654321098765432109", "7654321098765432209"


@pytest.fixture
def pages(ada, client_of):
    """Ada's browser."""
    return client_of(ada)


@pytest.fixture
def fields(acme, credential_of):
    """What an administrator types for a good destination; None leaves a setting out."""
    credential = credential_of(acme, type="tiktok", advertisers=[{"id": ACME, "name": "Acme Retail"}])

    def typed(**changes: object) -> dict[str, object]:
        settings = {"advertiser_id": ACME, "user_id_types": ["EMAIL", "PHONE"], "transport": "streaming"}
        named = {f"setting_{name}": value for name, value in {**settings, **changes}.items() if value is not None}
        return {"name": "ads", "description": "VIP customers", "credential": str(credential.pk), **named}

    return typed


def stored(tenant) -> list[Destination]:
    with tenant_scope(tenant):
        return list(Destination.objects.select_related("tenant"))


def test_the_search_for_tik_finds_both_plugins(acme, pages):
    page = pages.get(LIST + "add/").content.decode()
    words = [part.split('"')[0] for part in page.split('data-words="')[1:]]
    assert sum("tik" in word for word in words) == 2
    assert 'href="?plugin=tiktok-ads"' in page


def test_the_form_has_a_field_for_every_setting_and_facts_about_audiences(acme, pages):
    page = pages.get(ADD).content.decode()
    for name in ("advertiser_id", "advertiser_ids", "audience_name", "transport", "email_rule", "people_per_request"):
        assert f'name="setting_{name}"' in page
    assert "1,000 matched members" in page


def test_id_types_are_boxes_to_tick(acme, pages):
    page = pages.get(ADD).content.decode()
    assert page.count('type="checkbox" name="setting_user_id_types"') == 4
    assert all(f'value="{word}"' in page for word in ("EMAIL", "PHONE", "IDFA", "AAID"))


def test_only_credentials_for_audiences_are_offered(acme, pages, credential_of):
    credential_of(acme, "my events")
    credential_of(acme, "my audiences", type="tiktok")
    page = pages.get(ADD).content.decode()
    assert ("my audiences" in page, "my events" in page) == (True, False)


def test_a_good_destination_is_saved_with_its_connection_test(acme, pages, fields):
    pages.post(ADD, fields(audience_name="VIP"))
    (made,) = stored(acme)
    assert made.settings["user_id_types"] == ["EMAIL", "PHONE"]
    assert (made.settings["people_per_request"], made.settings["audience_name"]) == (5_000, "VIP")
    assert [row["name"] for row in made.checks][-2:] == ["audience_read", "audience_write"]


def test_several_ad_accounts_are_typed_with_commas(acme, pages, fields):
    pages.post(ADD, fields(advertiser_id="", advertiser_ids=f"{ACME}, {ACME}"))
    (made,) = stored(acme)
    assert (made.settings["advertiser_ids"], "advertiser_id" in made.settings) == ([ACME], False)
    page = pages.get(f"{LIST}{made.pk}/change/").content.decode()
    assert f'value="{ACME}"' in page
    assert page.count("checked") >= 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"advertiser_id": ""}, "Is required."),
        ({"advertiser_ids": f"{ACME},{FOREIGN}"}, "Give either this or Advertiser ID, not both."),
        ({"advertiser_id": "", "advertiser_ids": "12, 13"}, "Must be the 19-digit ids of ad accounts."),
        ({"advertiser_id": "", "advertiser_ids": f"{ACME}, {FOREIGN}"}, f"does not reach the ad account {FOREIGN}"),
        ({"user_id_types": None}, "This field is required."),
        ({"people_per_request": "10001"}, "Must be a whole number from 1 to 10000."),
    ],
    ids=["no account", "both", "bad accounts", "another's account", "no type", "too many people"],
)
def test_a_failed_validation_keeps_the_typed_values_and_saves_nothing(acme, pages, fields, changes, sentence):
    page = pages.post(ADD, fields(audience_name="typed name", **changes)).content.decode()
    assert sentence in page
    for typed in ("typed name", "VIP customers", *(str(value) for value in changes.values() if value)):
        assert typed in page
    assert page.count(" checked") >= (0 if "user_id_types" in changes else 2)
    assert stored(acme) == []


def test_ad_accounts_and_audiences_are_offered_by_name(acme, emulator, pages, fields):
    row = {"audience_id": "7100000000000000001", "name": "Loyal <b>customers</b>", "advertiser_id": ACME}
    emulator.state.audiences.add([row], emulator.state.now())
    page = pages.get(LIST + "options/", {**fields(), "setting_user_id_types": ""}).content.decode()
    assert "Acme Retail" in page
    assert "Loyal &lt;b&gt;customers&lt;/b&gt;" in page


def test_audiences_are_offered_of_the_credentials_own_ad_accounts_only(acme, emulator, pages, fields):
    asked = fields(advertiser_id=FOREIGN, advertiser_ids="")
    assert "audience_name" in pages.get(LIST + "options/", {**asked, "setting_user_id_types": ""}).content.decode()
    assert emulator.state.log.latest("", 10) == []


def test_those_who_only_read_see_the_settings_in_words(acme, bea, client_of, audience_destination_of):
    destination = audience_destination_of(acme, settings={"user_id_types": ["EMAIL", "AAID"]})
    page = client_of(bea).get(f"{LIST}{destination.pk}/change/").content.decode()
    assert "E-mail, AAID (Android)" in page


def test_another_tenants_destination_does_not_exist(acme, charlie, client_of, audience_destination_of):
    destination = audience_destination_of(acme)
    pages = client_of(charlie)
    for slug in ("acme", "globex"):
        assert pages.get(f"/{slug}/destinations/destination/{destination.pk}/change/").status_code == 404
