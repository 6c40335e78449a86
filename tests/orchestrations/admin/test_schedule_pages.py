"""Schedules on the pages: form, preview, orchestration page, list, overview, runs that never started."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from destinations.models import Destination
from orchestrations.models import Dataset, Orchestration, Run, Schedule
from orchestrations.schedules.scheduling import schedules_tick
from orchestrations.schedules.timetables import Wish, schedule_save
from tests.orchestrations.admin.conftest import text
from tests.orchestrations.admin.test_orchestration_pages import BASE, page_of, second, typed
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

CRON = {
    "schedule-kind": "cron", "schedule-cron": "30 2 * * *", "schedule-time_zone": "Europe/Berlin",
    "schedule-overlap": "queue", "schedule-missed": "skip",
}  # fmt: skip
INTERVAL = {**CRON, "schedule-kind": "interval", "schedule-every_minutes": "90", "schedule-cron": ""}
WORDS = "At 02:30 every day (Europe/Berlin)"


@pytest.fixture
def scheduled(ready, bea) -> Schedule:
    """The schedule of an orchestration, in Bea's name."""
    with tenant_scope(ready.tenant):
        wish = Wish(time_zone="Europe/Berlin", cron="30 2 * * *")
        return schedule_save(orchestration=ready, wish=wish, user=bea)


def schedule_of(orchestration: Orchestration) -> Schedule | None:
    with tenant_scope(orchestration.tenant):
        return Schedule.objects.filter(orchestration=orchestration).select_related("set_by").first()


def changed(orchestration: Orchestration, **fields: str) -> dict[str, str]:
    """Return the form of the orchestration as it stands, with changes."""
    return typed(orchestration, name=orchestration.name) | fields


def test_form_saves_a_cron_schedule_in_the_name_of_who_fills_it_in(ready, acme, person):
    person("bea").post(f"{BASE}add/", typed(ready) | CRON)
    schedule = schedule_of(second(acme))
    assert (schedule.cron, schedule.time_zone, schedule.overlap, schedule.missed) == (
        "30 2 * * *", "Europe/Berlin", "queue", "skip",
    )  # fmt: skip
    assert schedule.set_by.name == "Bea"
    assert schedule.next_slot is not None


def test_form_saves_an_interval(ready, acme, person):
    person("bea").post(f"{BASE}add/", typed(ready) | INTERVAL)
    assert schedule_of(second(acme)).every_minutes == 90


def test_form_takes_the_tenants_time_zone_where_none_is_typed(ready, acme, person):
    assert 'value="America/New_York"' in text(person("bea").get(f"{BASE}add/"))
    person("bea").post(f"{BASE}add/", typed(ready) | CRON | {"schedule-time_zone": ""})
    assert schedule_of(second(acme)).time_zone == "America/New_York"


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ({"schedule-cron": "30 25 * * *"}, "The field “hour” cannot be read"),
        ({"schedule-cron": ""}, "five fields"),
        ({"schedule-time_zone": "Berlin"}, "“Berlin” is no IANA time zone"),
        ({"schedule-kind": "interval"}, "Say how many minutes"),
        ({"schedule-kind": "interval", "schedule-every_minutes": "0"}, "greater than or equal to 1"),
        ({"schedule-kind": "yearly"}, "Select a valid choice"),
        ({"schedule-overlap": "both"}, "Select a valid choice"),
    ],
    ids=["hour", "empty", "zone", "minutes", "zero", "kind", "overlap"],
)
def test_form_says_what_is_wrong_and_keeps_what_was_typed(ready, acme, person, mistake, sentence):
    page = text(person("bea").post(f"{BASE}add/", typed(ready) | CRON | {"schedule-cron": "5 5 5 5 *"} | mistake))
    assert "The schedule cannot be saved like this" in page
    assert sentence in page
    assert "words I typed" in page
    assert f'value="{mistake.get("schedule-cron", "5 5 5 5 *")}"' in page or mistake.get("schedule-cron") == ""
    assert second(acme) is None


def test_form_shows_the_schedule_and_takes_it_away(ready, scheduled, person):
    page = text(person("bea").get(page_of(ready, "change/")))
    assert 'value="30 2 * * *"' in page
    assert WORDS in page
    person("bea").post(page_of(ready, "change/"), changed(ready) | CRON | {"schedule-kind": ""})
    assert schedule_of(ready) is None


def test_a_form_without_the_section_leaves_the_schedule_alone(ready, scheduled, person):
    person("bea").post(page_of(ready, "change/"), changed(ready))
    assert schedule_of(ready).next_slot == scheduled.next_slot


def test_another_persons_edit_of_something_else_leaves_the_schedule_in_its_name(ready, scheduled, person, ada):
    fields = CRON | {"schedule-overlap": "skip", "schedule-missed": "once"}
    person("ada").post(page_of(ready, "change/"), changed(ready, description="new", **fields))
    with tenant_scope(ready.tenant):
        ready.refresh_from_db()
    assert (ready.description, schedule_of(ready).set_by.name) == ("new", "Bea")


def test_saving_takes_over_from_somebody_who_may_not_run_it_any_more(ready, scheduled, acme, person, ada):
    with tenant_scope(acme):
        Membership.objects.filter(user=scheduled.set_by).update(policy=Policy.READ_ONLY)
    assert "in whose name it runs, may not start these runs any more" in text(person("ada").get(page_of(ready)))
    fields = CRON | {"schedule-overlap": "skip", "schedule-missed": "once"}
    person("ada").post(page_of(ready, "change/"), changed(ready, **fields))
    assert schedule_of(ready).set_by.name == "Ada"


def test_preview_shows_words_five_runs_and_what_clock_changes_do(ready, person):
    page = text(person("bea").post(f"{BASE}schedule/", CRON))
    assert WORDS in page
    assert page.count("<time") == 5
    assert "02:30 CE" in page
    assert "in the skipped hour happens once" in page


def test_preview_of_an_interval_counts_from_where_the_saved_one_does(ready, scheduled, person):
    with tenant_scope(ready.tenant):
        saved = schedule_save(orchestration=ready, wish=Wish(time_zone="UTC", every_minutes=90), user=None)
    page = text(person("bea").post(f"{BASE}schedule/", INTERVAL | {"schedule-of": str(ready.pk)}))
    assert "Every 90 minutes" in page
    assert f'datetime="{saved.next_slot:%Y-%m-%dT%H:%M:%S}+00:00"' in page


def test_preview_knows_nothing_of_another_tenants_schedule(ready, scheduled, person):
    with tenant_scope(ready.tenant):
        saved = schedule_save(orchestration=ready, wish=Wish(time_zone="UTC", every_minutes=90), user=None)
        Schedule.objects.update(anchor=saved.anchor - timedelta(minutes=31))
    fields = INTERVAL | {"schedule-of": str(ready.pk)}
    page = text(person("charlie").post("/globex/orchestrations/orchestration/schedule/", fields))
    assert f'datetime="{saved.anchor + timedelta(minutes=59):%Y-%m-%dT%H:%M}' not in page
    assert page.count("<time") == 5


@pytest.mark.parametrize("typing", ["3", "30 2 * *", "99 2 * * *", "* * */20 * 1L", "<script>"])
def test_preview_says_what_is_wrong_while_it_is_typed(ready, person, typing):
    page = text(person("bea").post(f"{BASE}schedule/", CRON | {"schedule-cron": typing}))
    assert "oc-errorline" in page
    assert "<time" not in page
    assert "<script>" not in page


@pytest.mark.parametrize("fields", [{}, {"schedule-kind": ""}, CRON | {"schedule-of": "9" * 40}])
def test_preview_takes_anything(ready, person, fields):
    assert person("bea").post(f"{BASE}schedule/", fields).status_code == 200


def test_preview_is_for_people_who_write_orchestrations(ready, person):
    assert person("rita").post(f"{BASE}schedule/", CRON).status_code == 403


def test_page_says_when_it_runs_next_and_in_whose_name(ready, scheduled, person):
    page = text(person("bea").get(page_of(ready)))
    assert WORDS in page
    assert "Next: <time" in page
    assert "Bea, " in page
    assert ", at 02:30 every day (Europe/Berlin)." in page


def test_schedule_is_paused_and_resumed(ready, scheduled, person):
    person("bea").post(page_of(ready, "pause/"), {"enabled": "0"})
    assert "It is paused" in text(person("bea").get(page_of(ready)))
    assert "paused" in text(person("bea").get(BASE))
    person("bea").post(page_of(ready, "pause/"), {"enabled": "1"})
    assert schedule_of(ready).enabled
    assert person("rita").post(page_of(ready, "pause/"), {"enabled": "0"}).status_code == 403


def test_pausing_what_has_no_schedule_changes_nothing(ready, person):
    assert person("bea").post(page_of(ready, "pause/"), {"enabled": "1"}).status_code == 302
    assert schedule_of(ready) is None


def test_list_shows_and_sorts_by_the_next_run(ready, scheduled, person):
    page = text(person("bea").get(f"{BASE}?o=5"))
    assert "Next run" in page
    assert "02:30 CE" in page


def test_list_and_overview_show_no_next_run_of_a_disabled_orchestration(ready, scheduled, person):
    assert "02:30 CE" in text(person("bea").get("/acme/"))
    person("bea").post(page_of(ready, "switch/"), {"enabled": "0"})
    assert "02:30 CE" not in text(person("bea").get(BASE))
    assert "Nothing runs by itself yet" in text(person("bea").get("/acme/"))


def test_overview_shows_next_runs_of_open_destinations_only(ready, scheduled, person):
    assert "02:30 CE" in text(person("bea").get("/acme/"))
    assert "02:30 CE" not in text(person("ben").get("/acme/"))


def test_a_refused_run_explains_itself(ready, scheduled, person):
    with tenant_scope(ready.tenant):
        Destination.objects.update(enabled=False)
    schedules_tick(scheduled.next_slot)
    with tenant_scope(ready.tenant):
        run = Run.objects.get()
    page = text(person("ada").get(f"/acme/orchestrations/run/{run.pk}/change/"))
    assert "is disabled" in page
    assert "The schedule could not start this run" in page
    assert "in the name of Bea" in page
    assert ("run-retry" in page, "run-restart" in page) == (False, True)
    assert "Schedule (Bea)" in text(person("ada").get("/acme/orchestrations/run/"))


def without_sending(acme, ben) -> None:
    with tenant_scope(acme):
        Destination.objects.update(pii_setting=True)
        Membership.objects.filter(user=ben).update(restrict_data_exports=True)


def test_who_may_not_send_does_not_change_what_a_schedule_sends(scheduled, acme, ben, person):
    without_sending(acme, ben)
    orchestration = scheduled.orchestration
    page = text(person("ben").post(f"{BASE}{orchestration.pk}/change/", changed(orchestration, enabled="")))
    assert "you may not change what it sends" in page
    query = orchestration.query
    form = {"name": query.name, "status": "active", "description": "", "sql": "SELECT 1 AS event"}
    page = text(person("ben").post(f"/acme/orchestrations/query/{query.pk}/change/", form))
    assert "you may not change what it sends" in page
    with tenant_scope(acme):
        query.refresh_from_db()
    assert query.sql == "SELECT * FROM orders"


def test_who_may_not_send_replaces_no_dataset_that_a_schedule_sends(scheduled, acme, ben, person):
    without_sending(acme, ben)
    with tenant_scope(acme):
        dataset = Dataset.objects.get(name="orders")
    file = SimpleUploadedFile("other.csv", b"event,email\nPurchase,a@b.example\n")
    page = text(person("ben").post(f"/acme/orchestrations/dataset/{dataset.pk}/change/", {"file": file}))
    assert "you may not change what it sends" in page
    with tenant_scope(acme):
        assert Dataset.objects.get(name="orders").digest == dataset.digest


def test_who_may_not_send_switches_nothing_on_that_a_schedule_sends(scheduled, acme, ben, person):
    without_sending(acme, ben)
    orchestration = scheduled.orchestration
    for enabled, stands in (("0", False), ("1", False)):
        person("ben").post(f"{BASE}{orchestration.pk}/switch/", {"enabled": enabled})
        with tenant_scope(acme):
            orchestration.refresh_from_db()
        assert orchestration.enabled is stands


def test_who_may_send_changes_what_a_schedule_sends(scheduled, person):
    query = scheduled.orchestration.query
    form = {"name": query.name, "status": "active", "description": "", "sql": "SELECT * FROM orders LIMIT 5"}
    assert person("bea").post(f"/acme/orchestrations/query/{query.pk}/change/", form).status_code == 302
