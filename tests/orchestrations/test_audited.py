"""What people do with data stands in the audit log: who, what, from where, and never a value."""

from typing import Any

import pytest

from destinations.models import Credential, Destination
from orchestrations.models import Dataset, Orchestration, Query, Run
from orchestrations.queries import personal_columns
from orchestrations.schedules.timetables import Wish, schedule_save
from tests.orchestrations.conftest import order_rows
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.scope import tenant_scope

BASE = "/acme/orchestrations"


@pytest.fixture
def orders(acme, ada, orchestration_of) -> Orchestration:
    """An orchestration of Acme's."""
    return orchestration_of(acme, order_rows(20))


@pytest.fixture
def log(acme):
    """Return the entries of Acme's log with an action, as dictionaries, oldest first."""

    def entries(action: str) -> list[dict[str, Any]]:
        with tenant_scope(acme):
            return list(Entry.objects.filter(action=action).order_by("pk").values())

    return entries


def changes(entry: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return an entry's changes: field → (old, new)."""
    return {change["field"]: (change["old"], change["new"]) for change in entry["changes"]}


@pytest.mark.parametrize(
    ("path", "method", "action"),
    [
        ("orchestration/{orchestration}/run/", "post", "run.started"),
        ("orchestration/{orchestration}/plan/", "post", "run.started"),
        ("run/{run}/cancel/", "post", "run.cancelled"),
        ("run/{run}/issues.csv", "get", "run.downloaded"),
        ("dataset/{dataset}/preview/", "get", "pii.viewed"),
        ("query/{query}/rows/", "get", "pii.viewed"),
        ("orchestration/{orchestration}/switch/", "post", "changed"),
    ],
)
def test_deed_stands_in_the_log(orders, acme, ada, client_of, log, path, method, action):
    with tenant_scope(acme):
        ids = {"orchestration": orders.pk, "dataset": Dataset.objects.get().pk, "query": orders.query_id}
        if "{run}" in path:
            run = Run.objects.create(tenant=acme, orchestration=orders, inputs={"plugin": "tiktok-ads-events"})
            ids["run"] = run.pk
    getattr(client_of(ada), method)(f"{BASE}/{path.format(**ids)}", REMOTE_ADDR="192.0.2.7")
    (entry,) = log(action)
    assert (entry["actor"], entry["via"], entry["ip"]) == (ada.email, "web", "192.0.2.7")


def test_look_at_personal_values_names_columns_and_no_value(orders, acme, ada, client_of, log):
    client_of(ada).get(f"{BASE}/query/{orders.query_id}/rows/")
    (entry,) = log("pii.viewed")
    assert changes(entry) == {"columns": (None, ["email", "phone"])}
    assert "mail.example" not in str(entry).replace(ada.email, "")


def test_masked_look_at_personal_values_is_no_entry(orders, acme, ben, client_of, log):
    assert "masked" in client_of(ben).get(f"{BASE}/query/{orders.query_id}/rows/").content.decode()
    assert log("pii.viewed") == []


def test_look_at_values_that_are_not_personal_is_no_entry(orders, acme, ada, client_of, log):
    client_of(ada).post(f"{BASE}/query/preview/", {"sql": "SELECT event, value FROM orders"})
    assert log("pii.viewed") == []


def test_secrets_are_dots(orders, acme, log):
    with tenant_scope(acme):
        credential = Credential.objects.get()
        credential.access_token = "zqnew-token"
        credential.save()
    assert changes(log("changed")[-1])["access_token"] == ("•••", "•••")
    assert "zqnew" not in str(log("changed"))


def test_settings_are_compared_name_by_name(orders, acme, log):
    with tenant_scope(acme):
        destination = Destination.objects.get()
        destination.settings = {**destination.settings, "default_country": "DE"}
        destination.save()
    assert changes(log("changed")[-1]) == {"settings.default_country": (None, "DE")}


def test_saving_without_a_change_is_no_entry(orders, acme, log):
    before = len(log("changed"))
    with tenant_scope(acme):
        Query.objects.get().save()
    assert len(log("changed")) == before


def test_schedules_and_their_owners_stand_in_the_log(orders, acme, ada, log):
    with tenant_scope(acme):
        schedule_save(orchestration=orders, wish=Wish(time_zone="UTC", cron="30 2 * * *"), user=ada)
    told = changes(log("added")[-1])
    assert (told["cron"], told["set_by"]) == ((None, "30 2 * * *"), (None, "Ada"))


def test_rolled_back_deed_is_no_entry(orders, acme, ada, client_of, log):
    client_of(ada).post(f"{BASE}/orchestration/{orders.pk}/run/")
    client_of(ada).post(f"{BASE}/orchestration/{orders.pk}/run/")  # refused: the first is not finished
    assert len(log("run.started")) == 1


@pytest.mark.parametrize("column", ["email", "phone", "external_id", "idfa", "aaid", "ip", "tiktok_click_id", "EMAIL"])
def test_columns_that_plugins_declare_personal_are_masked(acme, column):
    with tenant_scope(acme):
        assert personal_columns([column, "value"]) == {column}
