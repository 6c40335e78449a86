"""The log in the admin: read, filtered, searched, taken away as CSV, and never changed."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.conftest import person
from tiktok_hub.acting import Via, acting_as
from tiktok_hub.audit.chain import chains_seal
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

LIST = "/acme/audit/entry/"


@pytest.fixture
def entry(acme, ada) -> Entry:
    """Something that Ada did, in its place in the chain."""
    changes = [
        {"field": "access_token", "old": None, "new": "•••"},
        {"field": "settings.price", "old": {"from": 1}, "new": "=HYPERLINK(1)"},
    ]
    with acting_as(ada, Via.WEB, "203.0.113.7"):
        found = audit_record(Action.TOKEN_STORED, acme, name="=cmd|' /C calc'!A0", tenant=acme, changes=changes)
    chains_seal()
    return found


def day(distance: int) -> str:
    """Return a day before or after today, as browsers send it."""
    return f"{timezone.now() + timedelta(days=distance):%Y-%m-%d}"


def shown(page: str) -> str:
    """Return a page without the blanks between its tags."""
    return " ".join(page.split())


def rows_of(answer) -> list[dict[str, str]]:
    """Return what a CSV says."""
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_list_says_who_did_what_when_and_from_where(entry, ada, client_of):
    page = shown(client_of(ada).get(LIST).content.decode())
    for text in (ada.email, "Token stored", "203.0.113.7", "Browser", f"{entry.at:%Y-%m-%d %H:%M:%S}"):
        assert text in page


def test_the_page_of_an_entry_shows_old_and_new_and_its_place(entry, ada, client_of):
    page = shown(client_of(ada).get(f"{LIST}{entry.pk}/change/").content.decode())
    assert "<td>access_token</td><td>–</td><td>•••</td>" in page
    assert "{&quot;from&quot;: 1}" in page
    with tenant_scope(entry.tenant):
        stored = Entry.objects.select_related("seal").get(pk=entry.pk)
    assert stored.seal.digest in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("action__exact=authorization.token_stored", True, id="its action"),
        pytest.param("action__exact=run.started", False, id="another action"),
        pytest.param("actor=ada%40acme.example", True, id="its person"),
        pytest.param("actor=ben%40acme.example", False, id="another person"),
        pytest.param("object_type=tenancy.tenant", True, id="its kind"),
        pytest.param("object_type=tenancy.membership", False, id="another kind"),
        pytest.param("via__exact=web", True, id="its door"),
        pytest.param("via__exact=schedule", False, id="another door"),
        pytest.param("q=calc", True, id="a word of its object"),
        pytest.param("q=203.0.113.7", True, id="its address"),
        pytest.param("q=nothing-like-it", False, id="another word"),
        pytest.param(f"at_from={day(-1)}&at_to={day(1)}", True, id="these days"),
        pytest.param(f"at_to={day(-2)}", False, id="until the day before yesterday"),
        pytest.param(f"at_from={day(2)}", False, id="from the day after tomorrow"),
        pytest.param("at_from=soon", True, id="no date at all"),
    ],
)
def test_the_list_and_its_csv_are_filtered_alike(entry, ada, client_of, query, found):
    browser = client_of(ada)
    assert (f"/{entry.pk}/change/" in browser.get(f"{LIST}?{query}").content.decode()) is found
    taken = {row["entry"] for row in rows_of(browser.get(f"{LIST}export.csv?{query}"))}
    assert (str(entry.pk) in taken) is found


def test_the_list_offers_the_csv_of_what_it_shows(entry, ada, client_of):
    page = client_of(ada).get(f"{LIST}?action__exact=run.started").content.decode()
    assert f'href="{LIST}export.csv?action__exact=run.started"' in page


def test_the_csv_has_places_in_the_chain_and_no_formula(entry, ada, client_of):
    (row,) = [row for row in rows_of(client_of(ada).get(f"{LIST}export.csv")) if row["entry"] == str(entry.pk)]
    assert row["object"].startswith("'=cmd")
    assert (row["action"], row["who"], row["ip"]) == ("authorization.token_stored", ada.email, "203.0.113.7")
    assert len(row["digest"]) == 64
    assert int(row["number"]) > 1


def test_a_long_csv_is_read_in_pieces(acme, ada, client_of):
    with hub_scope():
        Entry.objects.bulk_create([Entry(tenant=acme, action=Action.RUN_STARTED, via=Via.WEB) for _ in range(2100)])
    rows = rows_of(client_of(ada).get(f"{LIST}export.csv?action__exact=run.started"))
    assert len({row["entry"] for row in rows}) == 2100


def test_taking_the_log_away_stands_in_the_log_with_what_was_asked_for(entry, ada, acme, client_of):
    client_of(ada).get(f"{LIST}export.csv?q=calc")
    with tenant_scope(acme):
        made = Entry.objects.get(action=Action.AUDIT_DOWNLOADED)
    assert (made.actor, made.changes) == (ada.email, [{"field": "q", "old": None, "new": "calc"}])


def test_the_csv_holds_no_entry_of_another_tenant(entry, globex, charlie, client_of):
    rows = rows_of(client_of(charlie).get("/globex/audit/entry/export.csv"))
    with tenant_scope(globex):
        assert {int(row["entry"]) for row in rows} <= set(Entry.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("path", ["add/", "{}/delete/"], ids=["add", "delete"])
def test_nobody_adds_or_deletes_entries(entry, ada, client_of, path):
    for method in (client_of(ada).get, client_of(ada).post):
        assert method(f"{LIST}{path.format(entry.pk)}").status_code in {403, 404}


def test_a_posted_change_changes_nothing(entry, ada, acme, client_of):
    client_of(ada).post(f"{LIST}{entry.pk}/change/", {"object_name": "another"})
    with tenant_scope(acme):
        assert Entry.objects.get(pk=entry.pk).object_name == entry.object_name


@pytest.mark.parametrize(
    ("policy", "options", "sees", "takes"),
    [
        pytest.param(Policy.ADMINISTRATOR, {}, True, True, id="administrator"),
        pytest.param(Policy.ADMINISTRATOR, {"restrict_downloads": True}, True, False, id="without downloads"),
        pytest.param(Policy.OPERATOR, {}, False, False, id="operator"),
        pytest.param(Policy.READ_ONLY, {"allow_user_administration": True}, True, True, id="with the option"),
        pytest.param(Policy.READ_ONLY, {}, False, False, id="read only"),
    ],
)
def test_the_log_is_for_those_who_administer_users(entry, acme, client_of, policy, options, sees, takes):
    browser = client_of(person(acme, "somebody@acme.example", policy, **options))
    answer = browser.get(LIST)
    assert answer.status_code == (200 if sees else 403)
    assert ("export.csv" in answer.content.decode()) is takes
    assert browser.get(f"{LIST}{entry.pk}/change/").status_code == (200 if sees else 403)
    assert browser.get(f"{LIST}export.csv").status_code == (200 if takes else 403)


def test_the_platform_shows_the_installations_entries_and_no_tenants(entry, root, client_of):
    stranger = audit_record(Action.LOGIN_FAILED, name="stranger@nowhere.example")
    browser = client_of(root)
    page = browser.get("/platform/audit/entry/").content.decode()
    assert "stranger@nowhere.example" in page
    assert f"/{entry.pk}/change/" not in page
    assert browser.get(f"/platform/audit/entry/{stranger.pk}/change/").status_code == 200
    assert browser.get(f"/platform/audit/entry/{entry.pk}/change/").status_code == 404
    taken = {row["object"] for row in rows_of(browser.get("/platform/audit/entry/export.csv"))}
    assert "stranger@nowhere.example" in taken
    assert entry.object_name not in taken


def test_the_platforms_log_does_not_exist_for_others(entry, ada, client_of):
    for path in ("", "export.csv", f"{entry.pk}/change/"):
        assert client_of(ada).get(f"/platform/audit/entry/{path}").status_code == 404
