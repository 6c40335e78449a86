"""The page of a run for audiences: people, plans, runs that wait for somebody."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from destinations.choices import CredentialStatus, CredentialType
from destinations.models import Credential, Destination
from orchestrations.choices import BatchStatus, QueryStatus, RunPurpose, RunStage, RunStatus
from orchestrations.models import Audience, Batch, Orchestration, Query, Run, RunAudience
from tests.orchestrations.admin.conftest import text
from tests.orchestrations.conftest import ACCOUNTS, run_through
from tiktok_hub.tenancy.scope import tenant_scope

ADVERTISER = ACCOUNTS["acme"][1]
OTHER = "7654321098765432999"
SETTINGS = {
    "advertiser_id": ADVERTISER, "audience_name": "loyal", "user_id_types": ["EMAIL", "PHONE"],
    "transport": "streaming",
}  # fmt: skip
COUNTS = {"before": 10_000, "added": 300, "removed": 4_000, "unchanged": 6_000, "after": 6_300}
HOLD = {"reason": "too_many_removed", "sentence": "The run would remove 4,000 of 10,000 people."}
ENDED = {"status": RunStatus.SUCCEEDED, "stage": RunStage.FINISHED}
HELD = {"status": RunStatus.HELD, "stage": RunStage.DELIVERING, "hold": HOLD}
PLAN = {"purpose": RunPurpose.PLAN, **ENDED}


@pytest.fixture
def loyal(acme) -> Orchestration:
    """An orchestration of Acme that mirrors a query into an audience."""
    with tenant_scope(acme):
        columns = [{"name": name, "type": "VARCHAR"} for name in ("email", "phone")]
        query = Query.objects.create(
            tenant=acme, name="loyal", sql="SELECT 'a@mail.example' AS email, '' AS phone", columns=columns,
            status=QueryStatus.ACTIVE,
        )  # fmt: skip
        credential = Credential.objects.create(
            tenant=acme, name="ads", type=CredentialType.AUDIENCES, access_token="emulator-token-audiences",
            status=CredentialStatus.AUTHORISED,
        )  # fmt: skip
        destination = Destination.objects.create(
            tenant=acme, name="ads", plugin="tiktok-ads", credential=credential, settings=SETTINGS
        )
        return Orchestration.objects.create(
            tenant=acme, name="loyal-to-tiktok", query=query, destination=destination, sync_mode="mirror"
        )


def run_made(orchestration: Orchestration, *, accounts: tuple[str, ...] = (ADVERTISER,), **fields: Any) -> Run:
    """Make a prepared run for audiences: 6,500 rows, 6,300 people, 4,300 entries in two requests per audience."""
    tenant, now = orchestration.tenant, timezone.now()
    inputs = {
        "plugin": "tiktok-ads", "settings": SETTINGS, "sync_mode": "mirror", "max_removal_percent": 30,
        "when_deleted": "recreate", "sql": "SELECT 1",
    }  # fmt: skip
    values: dict[str, Any] = {
        "inputs": inputs, "selected": 6_500, "in_events": 6_350, "rejected": 90, "duplicates": 60, "people": 6_300,
        "tally": {"valid_email": 6_200, "valid_phone": 1_234}, "events": 4_300 * len(accounts),
        "requests": 2 * len(accounts), "started_at": now - timedelta(seconds=9), "prepared_at": now,
        "rejected_by_reason": {"bad_email": 90},
    }  # fmt: skip
    with tenant_scope(tenant):
        run = Run.objects.create(tenant=tenant, orchestration=orchestration, **{**values, **fields})
        for number, advertiser in enumerate(accounts, 1):
            target_made(run, advertiser, number)
        return run


def target_made(run: Run, advertiser: str, number: int) -> RunAudience:
    """Make what a run means for one audience, and its two requests; a run that has ended has them accepted."""
    tenant = run.tenant
    audience, _ = Audience.objects.get_or_create(
        tenant=tenant, advertiser_id=advertiser, name="loyal", transport="streaming"
    )
    target = RunAudience.objects.create(
        tenant=tenant, run=run, audience=audience, number=number, used_audiences=13, **COUNTS
    )
    status = BatchStatus.ACCEPTED if run.stage == RunStage.FINISHED else BatchStatus.PENDING
    for phase, (action, entries) in enumerate((("delete", 4_000), ("add", 300)), 1):
        Batch.objects.create(
            tenant=tenant, run=run, target=target, number=number * 10 + phase, kind="mapping", action=action,
            phase=phase, events=entries, status=status, accepted=entries if status == BatchStatus.ACCEPTED else 0,
        )  # fmt: skip
    return target


def address(run: Run, page: str = "change/") -> str:
    return f"/acme/orchestrations/run/{run.pk}/{page}"


def page_of(browser: Any, run: Run) -> str:
    """Return the page of a run with single blanks."""
    return " ".join(text(browser.get(address(run))).split())


def again(run: Run) -> Run:
    with tenant_scope(run.tenant):
        return Run.objects.select_related("released_by").get(pk=run.pk)


def runs_of(orchestration: Orchestration) -> list[Run]:
    with tenant_scope(orchestration.tenant):
        return list(Run.objects.filter(orchestration=orchestration).order_by("pk"))


@pytest.fixture
def ended(loyal) -> Run:
    """A run that has done everything."""
    return run_made(loyal, **ENDED, accepted=4_300)


@pytest.fixture
def held(loyal) -> Run:
    """A run that waits for somebody."""
    return run_made(loyal, **HELD)


@pytest.fixture
def plan(loyal) -> Run:
    """A plan that is ready."""
    return run_made(loyal, **PLAN)


def test_the_page_speaks_of_people_and_entries(ended, person):
    page = page_of(person("bea"), ended)
    assert "What the run has changed" in page
    assert "Sync mode: mirror." in page
    assert "4,300 of 4,300 entries have a verdict" in page
    assert "event" not in text(person("bea").get(address(ended, "live/")))


def test_rows_people_and_entries_add_up(ended, person):
    page = page_of(person("bea"), ended)
    assert page.count("adds up") == 3
    assert "does not add up" not in page
    for words in ('6,350</td><td><i class="oc-dot-good" aria-hidden="true"></i>in people', "people in the result"):
        assert words in page


def test_valid_rows_are_counted_for_the_types_of_ids_that_are_sent(ended, person):
    page = page_of(person("bea"), ended)
    assert "<strong>6,200</strong> rows with a valid e-mail address" in page
    assert "<strong>1,234</strong> rows with a valid phone number" in page
    assert "IDFA" not in page


def test_the_picture_says_who_comes_and_goes_to_people_who_cannot_see_it(ended, person):
    said = 'aria-label="10,000 people before, 6,300 after; 300 come, 4,000 go"'
    assert said in page_of(person("rita"), ended)


def test_numbers_are_plans_until_everything_is_carried_out(loyal, person):
    going = run_made(loyal, status=RunStatus.RUNNING, stage=RunStage.DELIVERING, accepted=4_000)
    page = page_of(person("bea"), going)
    assert "To remove" in page
    assert "What the run changes" in page
    assert "Not everything was carried out" not in page


def test_a_run_that_lost_something_says_that_not_everything_was_carried_out(loyal, person):
    lost = run_made(loyal, status=RunStatus.SUCCEEDED_WITH_ERRORS, stage=RunStage.FINISHED, accepted=4_299, unknown=1)
    page = page_of(person("bea"), lost)
    assert "Not everything was carried out" in page
    assert "What became of 1 entry is unknown" in page
    assert "nobody counts twice" in page


def test_a_vanished_audience_is_filled_anew(ended, person):
    with tenant_scope(ended.tenant):
        RunAudience.objects.filter(run=ended).update(anew=True)
    assert "TikTok has this audience no more." in page_of(person("bea"), ended)


def test_a_run_without_requests_says_that_there_is_nothing_to_change(loyal, person):
    run = run_made(loyal, **ENDED, requests=0, events=0)
    assert "There is nothing to change" in page_of(person("bea"), run)


def test_every_ad_account_has_a_line_with_its_own_error(loyal, person):
    run = run_made(loyal, accounts=(ADVERTISER, OTHER), **ENDED, accepted=8_600)
    with tenant_scope(run.tenant):
        RunAudience.objects.filter(run=run, number=2).update(error={"sentence": "No room for an audience."})
    page = page_of(person("bea"), run)
    assert ADVERTISER in page
    assert OTHER in page
    assert "No room for an audience." in page
    assert "<th>2 audiences</th>" in page
    assert '<th class="oc-num">20,000</th>' in page


def test_batches_say_what_they_do_and_for_which_ad_account(loyal, person):
    run = run_made(loyal, accounts=(ADVERTISER, OTHER), **ENDED)
    page = text(person("bea").get(address(run, "batches/")))
    assert page.count("remove people") == 2
    assert page.count("add people") == 2
    assert OTHER in page
    assert ">Entries<" in page


def test_the_page_needs_no_more_queries_for_more_ad_accounts(loyal, person):
    browser = person("bea")
    few, many = run_made(loyal), run_made(loyal, accounts=(ADVERTISER, OTHER, f"{OTHER[:-1]}8", f"{OTHER[:-1]}7"))
    counts = []
    for run in (few, few, many):
        with CaptureQueriesContext(connection) as queries:
            browser.get(address(run))
        counts.append(len(queries))
    assert counts[1] == counts[2]


def test_a_plan_says_that_nothing_was_sent_and_what_would_be(plan, person):
    page = page_of(person("bea"), plan)
    assert "Nothing was sent: this is a plan" in page
    assert "It would start at once" in page
    assert "<dt>Requests</dt><dd>2</dd>" in page
    assert "<span>People afterwards</span><strong>6,300</strong>" in page
    assert "<span>Audiences used</span><strong>13 of 400</strong>" in page


def test_a_plan_says_when_too_few_people_would_be_left(plan, person):
    with tenant_scope(plan.tenant):
        RunAudience.objects.filter(run=plan).update(after=640)
    assert "360 people are missing" in page_of(person("bea"), plan)


def test_a_plan_says_when_there_is_no_room_for_the_audience(plan, person):
    with tenant_scope(plan.tenant):
        RunAudience.objects.filter(run=plan).update(used_audiences=401)
    page = page_of(person("bea"), plan)
    assert "401 of 400" in page
    assert "There is no room for a new audience" in page


def test_a_plan_says_what_the_guards_would(loyal, person):
    page = page_of(person("bea"), run_made(loyal, **PLAN, hold=HOLD))
    assert "<strong>It would be held</strong>" in page
    assert HOLD["sentence"] in page
    assert "run-release" not in page


def test_a_plan_has_no_batches_and_is_not_retried(plan, person):
    with tenant_scope(plan.tenant):
        Batch.objects.filter(run=plan).update(status=BatchStatus.UNSENT)
        Run.objects.filter(pk=plan.pk).update(status=RunStatus.FAILED)
    page = page_of(person("ada"), plan)
    assert "run-batches" not in page
    assert "run-retry" not in page
    assert "Plan again" in page


def test_run_now_on_a_plan_starts_a_run_that_sends(plan, person):
    response = person("bea").post(address(plan, "start/"))
    _, started = runs_of(plan.orchestration)
    assert (started.purpose, started.sample) == (RunPurpose.DELIVER, None)
    assert response.url == address(started)


def test_a_plan_that_really_ran_is_followed_by_a_run_that_does_it(emulator, loyal, person):
    browser = person("bea")
    browser.post(f"/acme/orchestrations/orchestration/{loyal.pk}/plan/")
    with tenant_scope(loyal.tenant):
        plan = run_through(runs_of(loyal)[0])
    assert "<dt>To add</dt><dd>+1</dd>" in page_of(browser, plan)
    browser.post(address(plan, "start/"))
    with tenant_scope(loyal.tenant):
        run = run_through(runs_of(loyal)[1])
    page = page_of(browser, run)
    assert "<dt>Added</dt><dd>+1</dd>" in page
    assert page.count("adds up") == 3


def test_plan_again_plans(plan, person):
    person("bea").post(address(plan, "restart/"))
    assert [run.purpose for run in runs_of(plan.orchestration)] == [RunPurpose.PLAN, RunPurpose.PLAN]


def test_plans_are_told_apart_in_the_list_and_can_be_filtered(plan, person):
    run_made(plan.orchestration, **ENDED)
    base = "/acme/orchestrations/run/"
    cells = text(person("bea").get(base)).split("field-kind")[1:]
    assert ["Plan" in cell.partition("</td>")[0] for cell in cells] == [False, True]
    found = person("bea").get(base, {"purpose__exact": "plan"}).context["cl"]
    assert [run.pk for run in found.result_list] == [plan.pk]


@pytest.mark.parametrize(("name", "offered"), [("ada", True), ("olga", True), ("bea", False), ("rita", False)])
def test_release_is_offered_to_those_who_may(held, person, name, offered):
    page = page_of(person(name), held)
    assert "Held: many people would leave the audience" in page
    assert HOLD["sentence"] in page
    assert ("run-release" in page) is offered
    assert ("may release it: " in page) is not offered


def test_others_see_who_may_release(held, ada, olga, person):
    assert "may release it: Ada, Olga." in page_of(person("bea"), held)


def test_releasing_asks_with_the_numbers(held, person):
    page = page_of(person("ada"), held)
    assert "4,000 people will be removed, 300 people added: 10,000 people before, 6,300 afterwards." in page
    assert 'or-destroy">Release: remove 4,000 people<' in page


def test_a_hold_from_which_nobody_leaves_is_no_danger(held, person):
    with tenant_scope(held.tenant):
        RunAudience.objects.filter(run=held).update(removed=0, anew=True)
    assert 'oc-primary">Release<' in page_of(person("ada"), held)


def test_release_lets_the_run_go_on_and_says_who_did_it(held, ada, person):
    page = " ".join(text(person("ada").post(address(held, "release/"), follow=True)).split())
    run = again(held)
    assert (run.status, run.released_by) == (RunStatus.QUEUED, ada)
    assert "<strong>Released by Ada</strong>" in page
    assert "Released</span>" in page


@pytest.mark.parametrize("name", ["bea", "rita"])
def test_release_is_refused_to_others(held, person, name):
    assert person(name).post(address(held, "release/")).status_code == 403
    assert again(held).status == RunStatus.HELD


def test_a_run_that_is_not_held_cannot_be_released(ended, person):
    assert "is not held" in text(person("ada").post(address(ended, "release/"), follow=True))


def test_another_tenants_run_cannot_be_released(held, globex, charlie, person):
    assert person("charlie").post(address(held, "release/")).status_code == 404
    assert person("charlie").post(address(held, "release/").replace("acme", "globex")).status_code == 404


def test_cancelling_a_held_run_sends_nothing_and_offers_no_retry(held, person):
    person("bea").post(address(held, "cancel/"))
    page = page_of(person("bea"), held)
    assert again(held).status == RunStatus.CANCELLED
    assert "Nobody has released it, and nothing was sent." in page
    assert "run-retry" not in page
    assert "run-restart" in page


def test_a_held_run_is_looked_at_every_five_seconds(held, person):
    assert "every 5s" in text(person("bea").get(address(held, "live/")))
    assert "every 1s" not in text(person("bea").get(address(held, "live/")))


@pytest.mark.parametrize(
    "key", ["audience_not_found", "audience_limit", "audience_not_ready", "audience_too_small", "audience_of_other_ids"]
)
def test_trouble_with_an_audience_leads_to_its_page(ended, person, key):
    error = {"class": "ConfigurationError", "sentence": "It stopped.", "resolution": key}
    with tenant_scope(ended.tenant):
        Run.objects.filter(pk=ended.pk).update(status=RunStatus.FAILED, error=error)
        audience = Audience.objects.get()
    page = page_of(person("bea"), ended)
    assert f'href="/acme/orchestrations/audience/{audience.pk}/change/">Open the audience<' in page
    assert "Open the orchestration" in page


def test_trouble_of_one_ad_account_leads_to_its_audience_alone(loyal, person):
    error = {"class": "ConfigurationError", "sentence": "It stopped.", "resolution": "audience_limit"}
    run = run_made(loyal, accounts=(ADVERTISER, OTHER), **ENDED, error=error)
    with tenant_scope(run.tenant):
        RunAudience.objects.filter(run=run, number=2).update(error=error)
        stopped = Audience.objects.get(advertiser_id=OTHER)
    page = page_of(person("bea"), run)
    assert page.count("Open the audience") == 1
    assert f'{stopped.pk}/change/">Open the audience' in page


@pytest.mark.parametrize(
    ("mode", "sentences"),
    [
        ("mirror", ["becomes equal to the query", "more than 30 % of the people would leave", "A sample only adds"]),
        ("add", ["nobody leaves"]),
        ("remove", ["nobody joins", "more than 30 %", "A sample removes its people"]),
    ],
    ids=["mirror", "add", "remove"],
)
def test_the_orchestration_says_how_its_audience_follows_the_query(loyal, person, mode, sentences):
    with tenant_scope(loyal.tenant):
        Orchestration.objects.filter(pk=loyal.pk).update(sync_mode=mode)
    page = text(person("bea").get(f"/acme/orchestrations/orchestration/{loyal.pk}/"))
    assert [sentence for sentence in sentences if sentence not in page] == []
    assert ("A sample" in page) is (mode != "add")


def test_the_orchestration_leads_to_its_audience_once_there_is_one(loyal, person):
    browser, page = person("bea"), f"/acme/orchestrations/orchestration/{loyal.pk}/"
    assert "The first run looks for it" in text(browser.get(page))
    run_made(loyal, **ENDED)
    with tenant_scope(loyal.tenant):
        audience = Audience.objects.get()
    assert f'href="/acme/orchestrations/audience/{audience.pk}/change/">loyal<' in text(browser.get(page))
