"""The list of runs and the page of one run."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestrations.choices import RunStage, RunStatus
from orchestrations.models import Batch, Run
from tests.orchestrations.admin.conftest import ROWS, text
from tiktok_hub.tenancy.scope import tenant_scope

PAGES = ["change/", "live/", "batches/", "issues.csv"]


def address(run: Run, page: str = "change/") -> str:
    return f"/acme/orchestrations/run/{run.pk}/{page}"


def waiting(orchestration, **fields) -> Run:
    """Make a run that no worker has touched."""
    with tenant_scope(orchestration.tenant):
        return Run.objects.create(tenant=orchestration.tenant, orchestration=orchestration, **fields)


@pytest.mark.parametrize("name", ["ada", "olga", "bea", "rita"])
def test_run_page_opens_for_every_policy(finished, person, name):
    response = person(name).get(address(finished))
    assert response.status_code == 200
    assert "Succeeded with errors" in text(response)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ["ben", "charlie"])
def test_run_page_does_not_exist_where_the_destination_is_closed(finished, person, name, page):
    assert person(name).get(address(finished, page)).status_code == 404


def test_run_list_leaves_out_runs_of_closed_destinations(finished, person):
    assert "purchases-to-tiktok" in text(person("bea").get("/acme/orchestrations/run/"))
    assert "purchases-to-tiktok" not in text(person("ben").get("/acme/orchestrations/run/"))


def test_run_list_filters_by_status_and_orchestration(finished, person):
    base = "/acme/orchestrations/run/"
    failed = person("ada").get(base, {"status__exact": "failed"})
    assert failed.context["cl"].result_count == 0
    own = person("ada").get(base, {"orchestration__id__exact": finished.orchestration_id})
    assert own.context["cl"].result_count == 1


def test_run_list_needs_no_more_queries_for_more_runs(ready, person):
    browser = person("ada")
    counts = []
    for _ in range(2):
        for _ in range(4):
            waiting(ready)
        browser.get("/acme/orchestrations/run/")
        with CaptureQueriesContext(connection) as queries:
            browser.get("/acme/orchestrations/run/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_run_page_shows_sums_that_add_up(finished, person):
    page = text(person("ada").get(address(finished)))
    assert page.count("adds up") == 2
    assert f"{ROWS - 3}" in page
    assert "does not add up" not in page


def test_run_page_explains_rejects_by_reason(finished, person):
    page = text(person("ada").get(address(finished)))
    assert "bad_email" in page
    assert "3 rows rejected before sending" in page


def test_live_fragment_polls_every_second_while_the_run_goes_on(ready, person):
    response = person("ada").get(address(waiting(ready), "live/"))
    assert "every 1s" in text(response)
    assert "HX-Trigger" not in response


def test_live_fragment_stops_polling_when_the_run_is_finished(finished, person):
    response = person("ada").get(address(finished, "live/"))
    assert "every 1s" not in text(response)
    assert response["HX-Trigger"] == "run-finished"


def test_raw_answer_is_shown_to_administrators_only(ready, person):
    error = {
        "class": "ConfigurationError", "code": 40001, "sentence": "Not allowed.", "resolution": "missing_permissions",
        "message": "words-of-tiktok", "request_id": "request-77",
    }  # fmt: skip
    run = waiting(ready, status=RunStatus.FAILED, stage=RunStage.FINISHED, error=error)
    seen = {name: text(person(name).get(address(run))) for name in ("ada", "olga", "bea", "rita")}
    assert all("Missing advertiser permissions" in page for page in seen.values())
    assert [name for name, page in seen.items() if "words-of-tiktok" in page or "request-77" in page] == ["ada", "olga"]


@pytest.mark.parametrize(
    "key", ["query_failed", "preparation_failed", "no_eligible_rows", "missing_column", "never-heard-of"]
)
def test_every_error_comes_with_steps(ready, person, key):
    error = {"class": "ConfigurationError", "sentence": "It stopped.", "resolution": key}
    run = waiting(ready, status=RunStatus.FAILED, stage=RunStage.FINISHED, error=error)
    page = text(person("bea").get(address(run)))
    assert "It stopped." in page
    assert '<ol class="oc-list"><li>' in page


def test_batches_show_requests_to_administrators_only(finished, person):
    with tenant_scope(finished.tenant):
        request_id = Batch.objects.get(run=finished).request_id
    assert request_id in text(person("ada").get(address(finished, "batches/")))
    assert request_id not in text(person("bea").get(address(finished, "batches/")))


def test_batches_come_in_pages_and_by_status(ready, person):
    run = waiting(ready)
    with tenant_scope(run.tenant):
        Batch.objects.bulk_create([
            Batch(tenant=run.tenant, run=run, number=n, events=1, status="accepted" if n < 31 else "unsent")
            for n in range(1, 41)
        ])  # fmt: skip
    assert "Page 2 of 2" in text(person("ada").get(address(run, "batches/"), {"page": 2}))
    unsent = text(person("ada").get(address(run, "batches/"), {"status": "unsent"}))
    assert unsent.count("<tr>") == 1 + 10


def test_rejects_are_downloaded_as_csv_without_raw_values(finished, person):
    response = person("bea").get(address(finished, "issues.csv"), {"level": "reject"})
    body = b"".join(response.streaming_content).decode()
    assert response["Content-Disposition"] == f'attachment; filename="run-{finished.pk}-reject.csv"'
    assert body.count("bad_email") == 3
    assert "nobody" not in body


def test_rejects_are_not_downloaded_by_people_who_may_only_read(finished, person):
    assert person("rita").get(address(finished, "issues.csv")).status_code == 403


@pytest.mark.parametrize("button", ["cancel/", "retry/", "restart/"])
def test_buttons_want_a_post_and_the_permission(finished, person, button):
    assert person("ada").get(address(finished, button)).status_code == 405
    assert person("rita").post(address(finished, button)).status_code == 403


def test_cancel_ends_a_run_that_waits(ready, person):
    run = waiting(ready, inputs={"plugin": "tiktok-ads-events"})
    person("bea").post(address(run, "cancel/"))
    with tenant_scope(run.tenant):
        run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED


def test_restart_starts_another_run_and_shows_it(finished, person):
    response = person("bea").post(address(finished, "restart/"))
    with tenant_scope(finished.tenant):
        newest = Run.objects.order_by("-pk")[0]
    assert newest.pk != finished.pk
    assert response.url == address(newest)


def test_retry_says_why_there_is_nothing_to_retry(finished, person):
    response = person("ada").post(address(finished, "retry/"), follow=True)
    assert "there is nothing to retry" in text(response)


def test_runs_cannot_be_added_or_deleted_by_hand(finished, person):
    assert person("ada").get("/acme/orchestrations/run/add/").status_code == 403
    assert person("ada").post(address(finished, "delete/"), {"post": "yes"}).status_code == 403


def test_posting_to_the_run_page_changes_nothing(finished, person):
    person("ada").post(address(finished), {"status": "failed", "accepted": 0})
    with tenant_scope(finished.tenant):
        assert Run.objects.get(pk=finished.pk).accepted == finished.accepted
