"""Orchestrations: form, page, run now, samples."""

import pytest

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.choices import RunPurpose, RunStatus
from orchestrations.models import Orchestration, Run
from tests.orchestrations.admin.conftest import text
from tests.orchestrations.conftest import ACCOUNTS
from tiktok_hub.tenancy.scope import tenant_scope

BASE = "/acme/orchestrations/orchestration/"


def page_of(orchestration: Orchestration, page: str = "") -> str:
    return f"{BASE}{orchestration.pk}/{page}"


def typed(orchestration: Orchestration, **changes: str) -> dict[str, str]:
    """Return a filled-in form for one more orchestration like this one."""
    return {
        "name": "second", "description": "words I typed", "enabled": "on", "query": str(orchestration.query_id),
        "destination": str(orchestration.destination_id), "setting_event_source_id": ACCOUNTS["acme"][2], **changes,
    }  # fmt: skip


def runs_of(orchestration: Orchestration) -> list[Run]:
    with tenant_scope(orchestration.tenant):
        return list(Run.objects.filter(orchestration=orchestration))


def second(tenant) -> Orchestration | None:
    with tenant_scope(tenant):
        return Orchestration.objects.filter(name="second").first()


@pytest.mark.parametrize(
    ("name", "status"), [("ada", 200), ("olga", 200), ("bea", 200), ("rita", 200), ("ben", 404), ("charlie", 404)]
)
def test_orchestration_page_opens_where_the_destination_is_open(ready, person, name, status):
    assert person(name).get(page_of(ready)).status_code == status


def test_pii_setting_opens_the_page_to_people_with_restricted_access(ready, person):
    with tenant_scope(ready.tenant):
        Destination.objects.filter(pk=ready.destination_id).update(pii_setting=True)
    assert person("ben").get(page_of(ready)).status_code == 200


def test_run_now_starts_a_run_and_shows_it(ready, person):
    response = person("bea").post(page_of(ready, "run/"))
    (run,) = runs_of(ready)
    assert response.url == f"/acme/orchestrations/run/{run.pk}/change/"
    assert (run.started_by.name, run.sample) == ("Bea", None)


@pytest.mark.parametrize(("asked", "sample"), [("10", 10), ("100", 100), ("999999", None)])
def test_sample_sends_ten_or_a_hundred_rows(ready, person, asked, sample):
    person("bea").post(page_of(ready, "run/"), {"sample": asked})
    assert [run.sample for run in runs_of(ready)] == [sample]


def test_plan_starts_a_run_that_sends_nothing_and_shows_it(ready, person):
    response = person("bea").post(page_of(ready, "plan/"))
    (run,) = runs_of(ready)
    assert run.purpose == RunPurpose.PLAN
    assert response.url == f"/acme/orchestrations/run/{run.pk}/change/"


def test_plan_wants_a_post_and_the_permission(ready, person):
    assert person("ada").get(page_of(ready, "plan/")).status_code == 405
    assert person("rita").post(page_of(ready, "plan/")).status_code == 403
    assert "plan-run" not in text(person("rita").get(page_of(ready)))


def test_the_last_run_in_the_list_is_no_plan(ready, person):
    with tenant_scope(ready.tenant):
        Run.objects.create(tenant=ready.tenant, orchestration=ready, status=RunStatus.FAILED)
        Run.objects.create(tenant=ready.tenant, orchestration=ready, purpose=RunPurpose.PLAN)
    assert "Failed" in text(person("bea").get(BASE)).partition("result_list")[2]


def test_run_now_says_why_it_cannot_start(ready, person):
    with tenant_scope(ready.tenant):
        Credential.objects.update(status=CredentialStatus.EXPIRED)
    page = text(person("bea").post(page_of(ready, "run/"), follow=True))
    assert "has to authorise it again" in page
    assert runs_of(ready) == []


def test_run_now_is_refused_to_people_who_may_only_read(ready, person):
    assert person("rita").post(page_of(ready, "run/")).status_code == 403
    assert "run-now" not in text(person("rita").get(page_of(ready)))


def test_page_says_whether_a_test_event_code_is_set(ready, person):
    assert "No test event code is set" in text(person("bea").get(page_of(ready)))
    with tenant_scope(ready.tenant):
        ready.destination.settings["test_event_code"] = "TEST123"
        ready.destination.save()
    assert "The test event code TEST123 is set" in text(person("bea").get(page_of(ready)))


def test_switch_disables_and_enables(ready, person):
    person("bea").post(page_of(ready, "switch/"), {"enabled": "0"})
    assert "disabled" in text(person("bea").get(page_of(ready)))
    assert person("rita").post(page_of(ready, "switch/"), {"enabled": "1"}).status_code == 403


def test_form_saves_with_the_settings_left_to_it(ready, acme, person):
    response = person("bea").post(f"{BASE}add/", typed(ready))
    made = second(acme)
    assert response.url == page_of(made)
    assert made.settings == {"event_source_id": ACCOUNTS["acme"][2]}


def test_form_asks_for_what_is_missing_and_keeps_what_was_typed(ready, acme, person):
    page = text(person("bea").post(f"{BASE}add/", typed(ready, setting_event_source_id="")))
    assert "Is required here" in page
    assert "words I typed" in page
    assert second(acme) is None


def test_form_shows_the_destinations_value_as_what_holds_otherwise(ready, person):
    with tenant_scope(ready.tenant):
        ready.destination.settings["event_source_id"] = ACCOUNTS["acme"][2]
        ready.destination.save()
    page = text(person("bea").post(f"{BASE}settings/", typed(ready, setting_event_source_id="")))
    assert f'placeholder="{ACCOUNTS["acme"][2]} (from the destination)"' in page


def test_form_fragment_keeps_what_was_typed_and_maps_the_columns(ready, person):
    page = text(person("bea").post(f"{BASE}settings/", typed(ready, setting_event_source_id="123")))
    assert 'value="123"' in page
    assert "The query has every column that is needed." in page


def test_form_does_not_offer_closed_destinations(ready, acme, person):
    with tenant_scope(acme):
        Destination.objects.update(admin_only=True)
    page = text(person("bea").post(f"{BASE}add/", typed(ready)))
    assert "Select a valid choice" in page
    assert second(acme) is None


def test_form_refuses_a_query_without_the_columns_needed(ready, acme, person):
    with tenant_scope(acme):
        ready.query.columns = [{"name": "event", "type": "VARCHAR"}]
        ready.query.save()
    page = text(person("bea").post(f"{BASE}add/", typed(ready)))
    assert "Column timestamp is missing." in page
    assert second(acme) is None


def test_orchestration_is_deleted_with_its_runs_but_not_while_one_is_active(ready, person):
    with tenant_scope(ready.tenant):
        run = Run.objects.create(tenant=ready.tenant, orchestration=ready)
    assert "is not finished yet" in text(person("bea").post(page_of(ready, "delete/"), {"post": "yes"}, follow=True))
    with tenant_scope(ready.tenant):
        Run.objects.filter(pk=run.pk).update(status=RunStatus.FAILED)
    person("bea").post(page_of(ready, "delete/"), {"post": "yes"})
    assert runs_of(ready) == []


def test_reader_is_led_from_the_form_to_the_page(ready, person):
    assert person("rita").get(page_of(ready, "change/")).url == page_of(ready)
