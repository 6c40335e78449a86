"""Audiences in configuration files: list settings, sync mode, guard; in, out and back, and what is wrong with them."""

import pytest

from destinations.models import Destination
from orchestrations.models import Orchestration
from tiktok_hub.configuration import tenant_export
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

ADVERTISER, OUTLET = "7654321098765432109", "7654321098765432111"
KEEP = "sync_mode: mirror, guard: {max_removal_percent: 20, audience_deleted: hold}"
VIP = f"""\
tenant: {{slug: acme, name: Acme Retail, time_zone: America/New_York, default_country: US}}
users:
  - {{email: ada@acme.example, policy: datagrid_administrator}}
credentials:
  - {{name: ads, type: tiktok, access_token: "${{TIKTOK_TOKEN}}"}}
  - {{name: events, type: tiktok-offline-events, access_token: "${{TIKTOK_TOKEN}}"}}
datasets:
  - {{name: orders, file: orders.csv}}
queries:
  - {{name: buyers, sql: "SELECT mail AS email FROM orders"}}
  - {{name: purchases, sql: "SELECT 'Purchase' AS event, placed AS timestamp, mail AS email FROM orders"}}
destinations:
  - {{name: tiktok, plugin: tiktok-ads, credential: ads,
     settings: {{advertiser_id: "{ADVERTISER}", user_id_types: [PHONE, EMAIL]}}}}
  - {{name: files, plugin: tiktok-ads, credential: ads,
     settings: {{advertiser_ids: ["{ADVERTISER}", {OUTLET}], user_id_types: [EMAIL], transport: file}}}}
  - {{name: store, plugin: tiktok-ads-events, credential: events,
     settings: {{advertiser_id: "{ADVERTISER}", event_source: offline}}}}
orchestrations:
  - {{name: vip, query: buyers, destination: tiktok, settings: {{audience_name: VIP}},
     {KEEP}, schedule: {{cron: 30 2 * * *, time_zone: Europe/Berlin}}}}
"""
PLAIN = "{name: more, query: buyers, destination: %s, settings: {audience_name: %s}%s}"


def with_more(destination: str = "tiktok", audience: str = "VIP", rest: str = "") -> str:
    """Return the document with one more orchestration."""
    return f"{VIP}  - {PLAIN % (destination, audience, rest)}\n"


def changed(old: str, new: str) -> str:
    """Return the document with a part of it replaced."""
    assert old in VIP
    return VIP.replace(old, new)


def orchestration(name: str = "vip") -> Orchestration:
    tenant = Tenant.objects.get(slug="acme")
    with tenant_scope(tenant):
        return Orchestration.objects.select_related("destination", "schedule").get(name=name)


def test_an_audience_is_set_up_as_the_file_says(apply):
    apply(VIP)
    row = orchestration()
    assert (row.sync_mode, row.max_removal_percent, row.when_deleted) == ("mirror", 20, "hold")
    assert (row.settings, row.schedule.cron) == ({"audience_name": "VIP"}, "30 2 * * *")
    assert row.destination.settings["user_id_types"] == ["EMAIL", "PHONE"]


def test_several_ad_accounts_are_a_list_of_texts(apply):
    apply(VIP)
    tenant = Tenant.objects.get(slug="acme")
    with tenant_scope(tenant):
        assert Destination.objects.get(name="files").settings["advertiser_ids"] == [ADVERTISER, OUTLET]


def test_an_audience_mirrors_its_query_where_the_file_says_nothing(apply):
    apply(changed(f"{KEEP}, ", ""))
    row = orchestration()
    assert (row.sync_mode, row.max_removal_percent, row.when_deleted) == ("mirror", 30, "recreate")


def test_a_part_of_the_guard_leaves_the_rest_at_its_default(apply):
    apply(changed(KEEP, "sync_mode: add, guard: {max_removal_percent: 0}"))
    row = orchestration()
    assert (row.sync_mode, row.max_removal_percent, row.when_deleted) == ("add", 0, "recreate")


def test_audiences_come_out_and_back_without_a_difference(apply, monkeypatch):
    apply(with_more("files", "buyers", ", sync_mode: replace"))
    for name in ("ACME_ADS_TOKEN", "ACME_EVENTS_TOKEN"):
        monkeypatch.setenv(name, "marker-token-1")
    exported = tenant_export(Tenant.objects.get(slug="acme"))
    for line in ("sync_mode: replace", "max_removal_percent: 20", "audience_deleted: hold", "- EMAIL"):
        assert line in exported
    assert "acme: nothing to change" in apply(exported, dry_run=True)


def test_an_export_of_events_says_nothing_of_audiences(apply):
    event = "{name: e, query: purchases, destination: store, settings: {event_source_id: '7654321098765432100'}}"
    document = VIP[: VIP.index("  - {name: vip")]
    apply(f"{document}  - {event}\n")
    exported = tenant_export(Tenant.objects.get(slug="acme"))
    assert ("sync_mode" in exported, "guard" in exported) == (False, False)


def test_a_change_is_shown_value_by_value(apply):
    apply(VIP)
    shown = apply(changed(KEEP, "sync_mode: remove, guard: {max_removal_percent: 25}"), dry_run=True)
    for line in ("sync_mode: mirror → remove", "guard.max_removal_percent: 20 → 25",
                 "guard.audience_deleted: hold → recreate"):  # fmt: skip
        assert line in shown


def test_what_is_applied_twice_changes_nothing(apply):
    apply(VIP)
    assert "acme: nothing to change" in apply(VIP)


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        (changed("mirror", "mirrored"), "sync_mode", "Did you mean “mirror”"),
        (changed("mirror", "replace"), "sync_mode", "only by files"),
        (changed("percent: 20", "percent: 101"), "guard.max_removal_percent", "from 0 to 100"),
        (changed("percent: 20", "percent: most"), "guard.max_removal_percent", "from 0 to 100"),
        (changed("deleted: hold", "deleted: keep"), "guard.audience_deleted", "none of the words allowed"),
        (changed("max_removal", "max_removed"), "guard", "Did you mean “max_removal_percent”"),
        (changed("audience_name: VIP", "audience_name: ''"), "settings.audience_name", "Is required here"),
        (changed("audience_name: VIP", "transport: file"), "settings.transport", "set it on the destination"),
        (changed("destination: tiktok", "destination: store"), "sync_mode", "TikTok Ads Events keeps no audience"),
        (changed("destination: tiktok", "destination: store"), "guard", "TikTok Ads Events keeps no audience"),
    ],
    ids=range(10),
)
def test_a_mistake_says_where_and_what(mistakes, text, path, sentence):
    found = {error["path"]: error["message"] for error in mistakes(text)}
    assert sentence in found[f"orchestrations[vip].{path}"]


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        (changed("[PHONE, EMAIL]", "[PHONE, MAIL]"), "tiktok].settings.user_id_types", "Did you mean EMAIL"),
        (changed("[PHONE, EMAIL]", "[]"), "tiktok].settings.user_id_types", "Is required"),
        (changed("advertiser_ids: [", f'advertiser_id: "{ADVERTISER}", advertiser_ids: ['),
         "files].settings.advertiser_ids", "not both"),
        (changed(OUTLET, "12"), "files].settings.advertiser_ids", "19-digit"),
    ],
    ids=["type", "no type", "both", "short id"],
)  # fmt: skip
def test_a_mistake_in_a_list_says_where_and_what(mistakes, text, path, sentence):
    found = {error["path"]: error["message"] for error in mistakes(text)}
    assert sentence in found[f"destinations[{path}"]


def test_two_orchestrations_may_not_keep_one_audience(mistakes):
    (found,) = mistakes(with_more())
    assert found["path"] == "orchestrations[more].settings.audience_name"
    assert "“vip” keeps the same audience" in found["message"]


@pytest.mark.parametrize(
    ("destination", "audience", "rest"),
    [("tiktok", "VIP", ", sync_mode: add"), ("tiktok", "others", ""), ("files", "VIP", "")],
    ids=["adds only", "another name", "another transport"],
)
def test_other_audiences_and_modes_stand_beside_each_other(apply, destination, audience, rest):
    apply(with_more(destination, audience, rest))
    assert orchestration("more").name == "more"


def test_an_audience_that_the_tenant_keeps_already_is_found_too(apply, mistakes):
    apply(VIP)
    document = with_more()
    lines = [line for line in document.splitlines() if "name: vip" not in line and KEEP not in line]
    (found,) = mistakes("\n".join(lines) + "\n")
    assert "“vip” keeps the same audience" in found["message"]
