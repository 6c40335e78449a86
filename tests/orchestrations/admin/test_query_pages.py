"""The list of queries and the editor."""

import pytest

from orchestrations.choices import QueryStatus
from orchestrations.models import Query
from tests.orchestrations.admin.conftest import text
from tiktok_hub.tenancy.scope import tenant_scope

BASE = "/acme/orchestrations/query/"
TYPED = {"name": "new one", "description": "words I typed", "status": "active", "_save": "Save"}


def saved(tenant, name: str) -> Query | None:
    with tenant_scope(tenant):
        return Query.objects.filter(name=name).first()


@pytest.mark.parametrize("name", ["ada", "olga", "bea", "rita", "ben"])
def test_query_page_opens_for_every_policy(ready, person, name):
    response = person(name).get(f"{BASE}{ready.query_id}/change/")
    assert response.status_code == 200
    assert "FROM orders" in text(response)


def test_editor_lists_the_datasets_with_their_columns(ready, person):
    page = text(person("bea").get(f"{BASE}add/"))
    assert 'data-insert="orders"' in page
    assert 'data-insert="event_id"' in page


def test_preview_shows_the_first_rows_of_unsaved_sql(ready, person):
    page = text(person("bea").post(f"{BASE}preview/", {"sql": "SELECT event_id, email FROM orders ORDER BY event_id"}))
    assert "order-00001" in page
    assert "person1@mail.example" in page


def test_preview_is_masked_for_people_with_restricted_access(ready, person):
    page = text(person("ben").post(f"{BASE}preview/", {"sql": "SELECT event_id, email FROM orders"}))
    assert "order-00001" in page
    assert "mail.example" not in page
    assert "access to personal data is restricted" in page


def test_preview_names_the_line_of_a_mistake(ready, person):
    page = text(person("bea").post(f"{BASE}preview/", {"sql": "SELECT event_id\nFROM orders\nWHER value > 1"}))
    assert "line 3" in page
    assert 'data-line="3"' in page


def test_preview_wants_the_right_to_write_and_a_post(ready, person):
    assert person("rita").post(f"{BASE}preview/", {"sql": "SELECT 1"}).status_code == 403
    assert person("bea").get(f"{BASE}preview/").status_code == 405


def test_reader_sees_the_rows_of_a_saved_query(ready, person):
    assert "order-00001" in text(person("rita").get(f"{BASE}{ready.query_id}/rows/"))


def test_query_is_activated_with_the_columns_it_returns(ready, acme, person):
    person("bea").post(f"{BASE}add/", TYPED | {"sql": "SELECT email, phone FROM orders"})
    found = saved(acme, "new one")
    assert found.status == QueryStatus.ACTIVE
    assert [column["name"] for column in found.columns] == ["email", "phone"]


def test_broken_query_is_not_activated_and_keeps_what_was_typed(ready, acme, person):
    page = text(person("bea").post(f"{BASE}add/", TYPED | {"sql": "SELECT emial FROM orders"}))
    assert "There is no column “emial” in this query." in page
    assert "words I typed" in page
    assert saved(acme, "new one") is None


def test_broken_query_is_saved_as_a_draft_with_its_error(ready, acme, person):
    draft = TYPED | {"sql": "SELECT emial FROM orders", "status": "draft"}
    page = text(person("bea").post(f"{BASE}add/", draft, follow=True))
    assert "Saved as a draft. There is no column “emial” in this query." in page
    assert saved(acme, "new one").status == QueryStatus.DRAFT


def test_query_name_is_unique_in_the_tenant(ready, person):
    page = text(person("bea").post(f"{BASE}add/", TYPED | {"name": "purchases", "sql": "SELECT 1 AS one"}))
    assert "There is a query named “purchases” already." in page


def test_columns_are_checked_against_a_destination(ready, person):
    sql = "SELECT email AS e_mail, event, timestamp, 1 AS one FROM orders"
    target = f"destination:{ready.destination_id}"
    page = text(person("bea").post(f"{BASE}check/", {"sql": sql, "target": target}))
    assert "Nobody can be recognised" in page
    assert "Did you mean email?" in page
    assert "unknown, ignored" in page


def test_columns_are_checked_against_a_plugin(ready, person):
    target = "plugin:tiktok-ads-events:offline"
    page = text(person("ben").post(f"{BASE}check/", {"sql": "SELECT * FROM orders", "target": target}))
    assert "The query has every column that is needed." in page


def test_columns_are_not_checked_against_a_closed_destination(ready, person):
    target = f"destination:{ready.destination_id}"
    assert "store" not in text(person("ben").post(f"{BASE}check/", {"sql": "SELECT 1", "target": target}))


def test_saving_warns_about_orchestrations_that_stop_working(ready, person):
    changed = {"name": "purchases", "status": "active", "sql": "SELECT event, timestamp FROM orders", "_continue": "1"}
    page = text(person("bea").post(f"{BASE}{ready.query_id}/change/", changed, follow=True))
    assert "“purchases-to-tiktok” cannot run with this query" in page


def test_used_query_is_not_deleted_and_says_by_what(ready, acme, person):
    page = text(person("bea").post(f"{BASE}{ready.query_id}/delete/", {"post": "yes"}, follow=True))
    assert "is used by “purchases-to-tiktok”" in page
    assert saved(acme, "purchases") is not None


def test_reader_cannot_change_a_query(ready, acme, person):
    before = saved(acme, "purchases").sql
    person("rita").post(f"{BASE}{ready.query_id}/change/", TYPED | {"name": "purchases", "sql": "SELECT 1"})
    assert saved(acme, "purchases").sql == before
