"""The tenant's first page: the way to begin, what needs somebody, today, and the last days."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential
from orchestrations.admin.overview import TILES
from orchestrations.admin.periods import by_day, period_of
from orchestrations.choices import QueryStatus, RunPurpose, RunStage, RunStatus
from orchestrations.models import Dataset, Orchestration, Query, Run
from tests.orchestrations.admin.conftest import text
from tests.orchestrations.conftest import order_rows
from tiktok_hub.tenancy.scope import tenant_scope


def run_made(orchestration: Orchestration, status: RunStatus, **fields) -> Run:
    """Make a run that has this status, created when `created_at` says."""
    at = fields.pop("created_at", timezone.now())
    stage = RunStage.FINISHED if status not in (RunStatus.RUNNING, RunStatus.HELD) else RunStage.DELIVERING
    with tenant_scope(orchestration.tenant):
        run = Run.objects.create(
            tenant=orchestration.tenant, orchestration=orchestration, status=status, stage=stage, **fields
        )
        Run.objects.filter(pk=run.pk).update(created_at=at)
    return run


@pytest.mark.parametrize(("name", "offers"), [("ada", True), ("olga", True), ("bea", False), ("rita", False)])
def test_first_steps_link_to_what_a_policy_may_do(acme, request, person, name, offers):
    request.getfixturevalue(name)
    page = text(person(name).get("/acme/"))
    assert "0 of 6 done" in page
    assert ("/acme/destinations/credential/add/" in page) == offers
    assert ("waits for an administrator" in page) != offers


def test_first_steps_lead_from_form_to_form(orchestration_of, acme, person):
    browser = person("ada")
    assert "destinations/credential/add/" in text(browser.get("/acme/destinations/credential/"))
    orchestration = orchestration_of(acme, order_rows(1))
    guide = text(browser.get("/acme/orchestrations/query/"))
    assert "4 of 6 done" in guide
    assert f"/acme/orchestrations/orchestration/{orchestration.pk}/" in guide
    run_made(orchestration, RunStatus.SUCCEEDED, sample=10)
    assert f"/acme/orchestrations/orchestration/{orchestration.pk}/change/#schedule" in text(browser.get("/acme/"))


@pytest.mark.parametrize(
    ("made", "title"),
    [(0, "Connect a TikTok account"), (1, "Create a destination"), (2, "Write a query")],
    ids=["nothing", "credential", "credential-and-dataset"],
)
def test_guide_names_the_next_step_that_is_not_done(acme, person, made, title):
    own = {"tenant": acme}
    with tenant_scope(acme):
        if made:
            Credential.objects.create(**own, name="c", access_token="t", status=CredentialStatus.AUTHORISED)
        if made > 1:
            Dataset.objects.create(**own, name="orders", path="x", loaded_at=timezone.now())
            Query.objects.create(**own, name="q", sql="SELECT 1", status=QueryStatus.ACTIVE)
            title = "Create a destination"
    page = text(person("ada").get("/acme/orchestrations/run/"))
    assert f">{title}</a>" in page


def test_first_steps_go_when_everything_has_run(finished, person):
    for page in ("/acme/", "/acme/orchestrations/run/"):
        assert "First steps" not in text(person("ada").get(page))


def test_recent_runs_and_their_days_are_shown(finished, person):
    page = text(person("bea").get("/acme/"))
    assert f"/acme/orchestrations/run/{finished.pk}/change/" in page
    assert "What became of events, people and rows per day" in page


def test_runs_of_closed_destinations_are_not_shown(finished, person):
    page = text(person("ben").get("/acme/"))
    assert "purchases-to-tiktok" not in page
    assert "Nothing was sent in these days" in page


def test_each_tile_leads_to_as_many_runs_as_it_counts(ready, person):
    yesterday = timezone.now() - timedelta(days=1, hours=1)
    for number, status in enumerate((*RunStatus, RunStatus.RUNNING)):
        for _ in range(number % 3 + 1):
            run_made(ready, status)
        run_made(ready, status, created_at=yesterday)
        run_made(ready, status, purpose=RunPurpose.PLAN)
    browser = person("ada")
    shown = browser.get("/acme/").context["tiles"]
    found = [browser.get(tile.url).context["cl"].result_count for tile in shown]
    assert found == [tile.count for tile in shown]
    assert len(found) == len(TILES)
    assert min(found) > 0


@pytest.mark.parametrize(
    ("at", "day"), [("2026-11-20T04:59", 19), ("2026-11-20T05:00", 20)], ids=["before-midnight", "midnight-in-new-york"]
)
def test_days_are_those_of_the_tenants_clock(ready, at, day):
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    run_made(ready, RunStatus.SUCCEEDED, created_at=moment, accepted=7)
    period = period_of(ready.tenant, 3, datetime(2026, 11, 21, 12, tzinfo=UTC))
    with tenant_scope(ready.tenant):
        found = by_day(Run.objects.all(), period, ["accepted"])
    assert {each.day: counts["accepted"] for each, counts in found.items()} == {day: 7}


@pytest.mark.parametrize(
    ("later", "told"),
    [(None, True), (RunStatus.CANCELLED, True), (RunStatus.RUNNING, True), (RunStatus.SUCCEEDED, False)],
    ids=["nothing", "cancelled", "running", "succeeded"],
)
def test_a_failure_needs_attention_until_a_run_succeeds(ready, person, later, told):
    error = {"sentence": "The ad account is gone."}
    run_made(ready, RunStatus.FAILED, error=error, created_at=timezone.now() - timedelta(hours=2))
    if later:
        run_made(ready, later)
    assert ("The ad account is gone." in text(person("bea").get("/acme/"))) == told
    assert "The ad account is gone." not in text(person("ben").get("/acme/"))


def test_a_failure_that_somebody_has_left_as_it_is_needs_no_attention(ready, person):
    run_made(ready, RunStatus.FAILED, error={"sentence": "The ad account is gone."}, skipped_at=timezone.now())
    assert "The ad account is gone." not in text(person("bea").get("/acme/"))


@pytest.mark.parametrize(("name", "told"), [("ada", True), ("bea", False)])
def test_credentials_that_need_attention_are_named_to_those_who_can_act(ready, person, name, told):
    with tenant_scope(ready.tenant):
        Credential.objects.update(status=CredentialStatus.EXPIRED, problem="The token was revoked.")
    page = text(person(name).get("/acme/"))
    assert ("The token was revoked." in page) == told
    assert ("/acme/destinations/credential/?status__exact=expired" in page) == told


def test_another_tenants_overview_does_not_exist(acme, charlie, person):
    assert person("charlie").get("/acme/").status_code == 404


def test_pages_load_nothing_from_elsewhere(finished, person):
    for address in ("/acme/", f"/acme/orchestrations/run/{finished.pk}/change/"):
        page = text(person("ada").get(address))
        assert 'src="http' not in page
        assert 'rel="stylesheet" href="http' not in page
