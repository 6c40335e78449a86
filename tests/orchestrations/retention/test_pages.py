"""What is gone is said, and offered nowhere; the nights' reports are there for those who run the tenant."""

import json
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command

from orchestrations.choices import RunStatus
from orchestrations.models import RetentionReport, Run
from orchestrations.retention.services import retention_run
from orchestrations.runs.results import rejects_write
from orchestrations.runs.retrying import run_retry
from tests.orchestrations.retention.conftest import FILES, files_of
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.fixture
def shown(acme, ada, client_of):
    """Let a night pass and return the page of a run."""

    def look(run: Run) -> str:
        with tenant_scope(acme):
            retention_run(tenant=acme, again=True)
        return client_of(ada).get(f"/acme/orchestrations/run/{run.pk}/change/").content.decode()

    return look


@pytest.mark.parametrize(
    ("days", "retry", "download", "said"),
    [
        pytest.param(1, True, True, (), id="nothing gone"),
        pytest.param(29, False, True, ("prepared requests were deleted",), id="requests gone"),
        pytest.param(91, False, False, ("prepared requests were deleted", "rejected rows were deleted"), id="all gone"),
    ],
)
def test_run_page_says_what_is_gone_and_does_not_offer_it(run_aged, acme, shown, days, retry, download, said):
    page = shown(run_aged(acme, days, selected=3, rejected=2))
    assert ("run-retry" in page, "download-rejects" in page) == (retry, download)
    assert [sentence in page for sentence in said] == [True] * len(said)
    assert ("were deleted on" in page) == bool(said)


def test_run_whose_requests_are_gone_is_not_tried_again(run_aged, acme, ada, membership_in, shown):
    run = run_aged(acme, 29)
    shown(run)
    with tenant_scope(acme):
        run.refresh_from_db()
    with tenant_scope(acme), pytest.raises(ValidationError, match="were deleted on .* Start a new run"):
        run_retry(run=run, membership=membership_in(ada, acme))


def test_rows_that_are_gone_are_refused_and_not_shown_as_none(run_aged, acme, ada, client_of, shown, tmp_path):
    run = run_aged(acme, 91, rejected=2)
    shown(run)
    with tenant_scope(acme):
        run.refresh_from_db()
    answer = client_of(ada).get(f"/acme/orchestrations/run/{run.pk}/issues.csv", follow=True)
    assert f"The rows of run {run.pk} were deleted on" in answer.content.decode()
    with tenant_scope(acme), pytest.raises(FileNotFoundError, match="were deleted on"):
        rejects_write(run, tmp_path / "rejects.csv")


def test_report_page_tells_what_was_deleted_and_why_the_rest_is_kept(run_aged, acme, globex, ada, charlie, client_of):
    held, _ = run_aged(acme, 500, RunStatus.HELD), run_aged(acme, 30)
    with tenant_scope(acme):
        report = retention_run(tenant=acme)
    page = client_of(ada).get(f"/acme/orchestrations/retentionreport/{report.pk}/change/").content.decode()
    assert "Prepared requests (files)" in page
    assert f"/acme/orchestrations/run/{held.pk}/change/" in page
    assert "Held runs that nobody has released" in page
    assert "Done" in client_of(ada).get("/acme/orchestrations/retentionreport/").content.decode()
    assert client_of(charlie).get(f"/globex/orchestrations/retentionreport/{report.pk}/change/").status_code == 404


def test_command_previews_then_deletes_in_the_tenants_it_is_told(run_aged, acme, globex):
    mine, other = run_aged(acme, 30), run_aged(globex, 30)
    told = [command("--json", "--dry-run"), command("--json", "--tenant", "acme")]
    assert [set(each["tenants"]) for each in told] == [{"acme", "globex"}, {"acme"}]
    assert told[0]["tenants"]["acme"]["deleted"] == told[1]["tenants"]["acme"]["deleted"] == {"spool": SPOOLED}
    assert (files_of(mine), files_of(other)) == ({"rows.parquet", "issues.parquet"}, set(FILES))
    assert "globex: 2 things" in command()
    with tenant_scope(globex):
        assert RetentionReport.objects.get().deleted == {"spool": SPOOLED}


SPOOLED = {"count": 2, "bytes": 29}


def command(*arguments: str):
    """Run the command and return what it printed."""
    out = StringIO()
    call_command("hub_retention", *arguments, stdout=out)
    return json.loads(out.getvalue()) if "--json" in arguments else out.getvalue()
