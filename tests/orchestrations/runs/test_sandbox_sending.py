"""What may leave a sandbox, and that nothing in it starts by itself."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from orchestrations.choices import RunPurpose, RunStatus, RunTrigger
from orchestrations.models import Audience, Orchestration, Run, Schedule
from orchestrations.models.orchestrations import sandbox_audience_name
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_release, run_start, settings_effective
from orchestrations.schedules.scheduling import schedule_tick, schedules_tick
from orchestrations.schedules.timetables import Wish, schedule_save
from tests.orchestrations.conftest import order_rows, run_through
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

TIKTOK = "https://business-api.tiktok.com/open_api/v1.3/"


@pytest.fixture
def sandbox(acme, globex, orchestration_of, settings) -> Orchestration:
    """An orchestration of a sandbox (of Globex), with TikTok at the other end; one of Globex beside it."""
    settings.TIKTOK_API_URL = TIKTOK
    Tenant.objects.filter(pk=acme.pk).update(sandbox_of=globex)
    acme.refresh_from_db()
    orchestration_of(globex, order_rows(2))
    return orchestration_of(acme, order_rows(20))


@pytest.fixture
def start(sandbox, ada, membership_in):
    """Start a run in the sandbox."""

    def go(orchestration: Orchestration = sandbox, **options) -> Run:
        who = membership_in(ada, orchestration.tenant)
        with tenant_scope(orchestration.tenant):
            return run_start(
                **{"orchestration": orchestration, "membership": who, "trigger": RunTrigger.MANUAL, **options}
            )

    return go


def test_a_whole_run_is_refused_in_a_sandbox_and_says_what_to_do(start):
    with pytest.raises(ValidationError, match="does not send everything.*sample.*test event code"):
        start()


@pytest.mark.parametrize("trigger", [RunTrigger.COMMAND, RunTrigger.MANUAL], ids=str)
def test_the_way_by_which_a_run_is_started_makes_no_difference(start, trigger):
    with pytest.raises(ValidationError, match="does not send everything"):
        start(trigger=trigger)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"purpose": RunPurpose.PLAN}, id="plan"),
        pytest.param({"sample": 10}, id="sample of 10"),
        pytest.param({"sample": 100}, id="sample of 100"),
    ],
)
def test_plans_and_samples_are_allowed_in_a_sandbox(start, options):
    assert start(**options).status == RunStatus.QUEUED


@pytest.mark.parametrize("sample", [101, 1_000_000])
def test_a_sample_that_is_none_is_refused_in_a_sandbox(start, sample):
    with pytest.raises(ValidationError, match="at most 100 rows"):
        start(sample=sample)


def test_a_test_event_code_lets_everything_be_sent(start, sandbox):
    with tenant_scope(sandbox.tenant):
        sandbox.destination.settings["test_event_code"] = "TEST123"
        sandbox.destination.save()
    assert start().status == RunStatus.QUEUED


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "localhost:8090", "[::1]:8090"])
def test_an_emulator_on_this_machine_takes_everything(start, settings, host):
    settings.TIKTOK_API_URL = f"http://{host}/open_api/v1.3/"
    assert start().status == RunStatus.QUEUED


@pytest.mark.parametrize(
    "url", [TIKTOK, "https://localhost.example/", "http://10.0.0.1/", "https://127.0.0.1.example/"]
)
def test_another_machine_is_no_emulator(start, settings, url):
    settings.TIKTOK_API_URL = url
    with pytest.raises(ValidationError):
        start()


def test_production_sends_everything_beside_its_sandbox(sandbox, globex, charlie, membership_in):
    with tenant_scope(globex):
        orchestration = Orchestration.objects.get()
        who = membership_in(charlie, globex)
        assert run_start(orchestration=orchestration, membership=who, trigger=RunTrigger.MANUAL).pk


def test_a_run_made_with_an_emulator_is_not_retried_or_released_towards_tiktok(
    start, sandbox, ada, membership_in, emulator, settings, fault
):
    run = start()
    with tenant_scope(sandbox.tenant):
        run_through(run)
        who, settings.TIKTOK_API_URL = membership_in(ada, sandbox.tenant), TIKTOK
        Run.objects.update(status=RunStatus.FAILED)
        run.refresh_from_db()
        with pytest.raises(ValidationError, match="does not send everything"):
            run_retry(run=run, membership=who)
        Run.objects.update(status=RunStatus.HELD)
        run.refresh_from_db()
        with pytest.raises(ValidationError, match="does not send everything"):
            run_release(run=run, membership=who)


def test_a_run_queued_for_an_emulator_sends_nothing_when_tiktok_takes_its_place(
    start, sandbox, emulator, held, settings
):
    run = start()
    settings.TIKTOK_API_URL = TIKTOK
    with tenant_scope(sandbox.tenant):
        run_through(run)
    assert run.status == RunStatus.FAILED
    assert "does not send everything" in run.error["sentence"]
    assert held("7654321098765432100") == {}


@pytest.fixture
def due(sandbox, ada, globex, charlie) -> list[Schedule]:
    """Schedules of the sandbox and of production that were due an hour ago."""
    found = []
    past = timezone.now() - timedelta(hours=1)
    for tenant, user in ((sandbox.tenant, ada), (globex, charlie)):
        with tenant_scope(tenant):
            wish = Wish(time_zone="UTC", every_minutes=60)
            schedule = schedule_save(orchestration=Orchestration.objects.get(), wish=wish, user=user)
            Schedule.objects.update(next_slot=past, waiting_slot=past)
        found.append(schedule)
    return found


def test_schedules_of_a_sandbox_start_nothing_while_those_of_production_do(due, sandbox, globex):
    assert schedules_tick() == 1
    with tenant_scope(sandbox.tenant):
        assert not Run.objects.exists()
    with tenant_scope(globex):
        assert Run.objects.get().trigger == RunTrigger.SCHEDULE


def test_a_tick_of_a_sandboxs_schedule_does_nothing_even_with_an_emulator(due, sandbox, emulator):
    with tenant_scope(sandbox.tenant):
        before = Schedule.objects.values().get()
        assert schedule_tick(Schedule.objects.get().pk, timezone.now()) is False
        assert Schedule.objects.values().get() == before


def test_a_scheduled_run_is_refused_in_a_sandbox_whatever_it_sends_to(start, settings):
    settings.TIKTOK_API_URL = "http://127.0.0.1:1/"
    with pytest.raises(ValidationError, match="Schedules rest"):
        start(trigger=RunTrigger.SCHEDULE)


def test_pages_show_schedules_as_resting(due, sandbox, ada, client_of):
    browser = client_of(ada)
    detail = browser.get(f"/acme/orchestrations/orchestration/{sandbox.pk}/").content.decode()
    assert "It rests: schedules start nothing in a sandbox." in detail
    assert "would run next at" in detail
    assert "rests (sandbox)" in browser.get("/acme/orchestrations/orchestration/").content.decode()
    assert "Nothing runs by itself in a sandbox" in browser.get("/acme/").content.decode()


def test_the_button_for_everything_is_off_and_says_why(sandbox, ada, client_of):
    page = client_of(ada).get(f"/acme/orchestrations/orchestration/{sandbox.pk}/").content.decode()
    assert 'id="run-now" disabled aria-describedby="run-refusal"' in page
    assert "A sandbox does not send everything to TikTok." in page


@pytest.fixture
def mirror(sandbox) -> Orchestration:
    """An orchestration of the sandbox that mirrors an audience named as production's is."""
    with tenant_scope(sandbox.tenant) as tenant:
        sandbox.destination.plugin = "tiktok-ads"
        sandbox.destination.credential.type = "tiktok"
        sandbox.destination.credential.save()
        settings = {"advertiser_id": "7654321098765432109", "user_id_types": ["EMAIL"], "audience_name": "Buyers"}
        sandbox.destination.settings = settings
        sandbox.destination.save()
        sandbox.settings = {}
        sandbox.save()
        return Orchestration.objects.select_related("destination", "query", "tenant").get(tenant=tenant)


def test_a_sandbox_keeps_audiences_of_its_own_name(mirror, start):
    run = start(mirror, sample=10)
    assert run.inputs["settings"]["audience_name"] == "Buyers [acme]"
    assert run.inputs["sync_mode"] == "add"
    with tenant_scope(mirror.tenant):
        assert list(Audience.objects.values_list("name", flat=True)) == ["Buyers [acme]"]
        assert mirror.destination.settings["audience_name"] == "Buyers"


def test_production_keeps_the_name_it_says(mirror):
    Tenant.objects.filter(pk=mirror.tenant_id).update(sandbox_of=None)
    with tenant_scope(Tenant.objects.get(pk=mirror.tenant_id)):
        assert settings_effective(Orchestration.objects.get())["audience_name"] == "Buyers"


def test_a_mirror_of_a_sandbox_is_refused_with_its_own_sentence(mirror, start):
    with pytest.raises(ValidationError, match="sandbox's own audience"):
        start(mirror)


@pytest.mark.parametrize("name", ["A", "A" * 60, "A" * 70])
def test_an_audience_name_of_a_sandbox_is_one_that_tiktok_takes(acme, name):
    found = sandbox_audience_name(name, acme)
    assert len(found) <= 70
    assert found.endswith(" [acme]")
    assert found != name
