"""Where streams and their runs stand among orchestrations and runs: left out of lists, counted in sums of rows."""

import pytest
from django.test import Client
from django.utils import timezone

from orchestrations.alerts.choices import RuleKind
from orchestrations.alerts.incidents import tenant_look
from orchestrations.alerts.models import Incident, Rule
from orchestrations.choices import RunStage, RunStatus, RunTrigger
from orchestrations.models import Run, Stream
from orchestrations.runs.finishing import local_error
from orchestrations.runs.resolutions import LocalKey
from orchestrations.runs.results import run_result
from tiktok_hub.configuration.state import tenant_state
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.fixture
def streamed(acme, stream_new) -> Stream:
    """A stream of Acme with a run that failed."""
    stream, now = stream_new(acme, "checkout"), timezone.now()
    with tenant_scope(acme):
        Run.objects.create(
            tenant=acme, orchestration=stream.orchestration, trigger=RunTrigger.STREAM, status=RunStatus.FAILED,
            stage=RunStage.FINISHED, started_at=now, prepared_at=now, finished_at=now, selected=5, in_events=5,
            events=5, inputs={"plugin": "tiktok-ads-events", "stream": stream.pk, "settings": {}, "most_events": 50,
                              "most_bytes": 1_000_000},
            error=local_error("not_reachable", "No connection to TikTok could be made."),
        )  # fmt: skip
    return stream


@pytest.fixture
def browser(ada, client_of) -> Client:
    """Ada's."""
    return client_of(ada)


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("run/", False), ("run/?streams=1", True), ("run/?streams=only", True),
        ("run/?orchestration__id__exact={pk}", True), ("orchestration/", False),
        ("orchestration/add/", False), ("orchestrationgroup/add/", False),
        ("run/reconciliation/", True), ("run/reconciliation.csv", False), ("run/reconciliation.csv?streams=1", True),
    ],
)  # fmt: skip
def test_lists_leave_streams_out_unless_they_are_asked_for(streamed, browser, path, there):
    answer = browser.get(f"/acme/orchestrations/{path.format(pk=streamed.orchestration_id)}")
    page = b"".join(answer) if answer.streaming else answer.content
    rows = page.split(b'id="result_list"')[-1].split(b"</table>")[0] if path.startswith("run/?") else page
    assert (b"checkout" in rows) == there


def test_the_first_page_counts_no_runs_of_streams(streamed, browser):
    page = browser.get("/acme/").context
    assert [tile.count for tile in page["tiles"]] == [0] * 5
    assert (page["runs"], page.get("attention")) == ([], None)
    assert page["chart"] is not None


def test_a_parked_stream_needs_somebody(streamed, browser):
    with tenant_scope(streamed.tenant):
        Stream.objects.update(parked_at=timezone.now(), parked={"sentence": "The destination is disabled."})
    (found,) = browser.get("/acme/").context["attention"]
    assert (found.title, found.label, found.sentence) == ("checkout", "Parked", "The destination is disabled.")


def test_the_page_of_a_streams_run_leads_to_the_stream_and_offers_no_restart(streamed, browser):
    with tenant_scope(streamed.tenant):
        run = Run.objects.get()
    page = browser.get(f"/acme/orchestrations/run/{run.pk}/change/").content.decode()
    assert f"/acme/orchestrations/stream/{streamed.pk}/" in page
    assert "items posted" in page
    assert "run-restart" not in page


def test_sums_of_rows_count_what_streams_sent(streamed, browser):
    (part,) = browser.get("/acme/orchestrations/run/reconciliation/").context["parts"]
    assert (part.total.counts["selected"], part.total.adds_up) == (5, True)


def test_the_configuration_leaves_streams_out_of_orchestrations(acme, streamed):
    with tenant_scope(acme):
        assert tenant_state(acme)["orchestrations"] == {}


def test_a_stream_that_was_parked_before_any_run_is_an_incident(acme, stream_new):
    with tenant_scope(acme):
        Rule.objects.create(tenant=acme, kind=RuleKind.FAILED, since=timezone.now())
        stream = stream_new(
            acme, parked_at=timezone.now(), parked=local_error(LocalKey.STREAM_WAITS, "The destination is disabled.")
        )
        tenant_look()
        tenant_look()
        incident = Incident.objects.get()
    assert (incident.count, incident.path) == (1, f"orchestrations/stream/{stream.pk}/change/")
    assert "is parked" in incident.headline


def test_a_streams_run_is_retried_where_others_are_restarted(streamed):
    with tenant_scope(streamed.tenant):
        run = Run.objects.get()
        run.error = local_error("event_source_not_found", "TikTok knows no such event set.")
        error = run_result(run)["error"]
    assert "restart" not in error["actions"]
    assert not any("estart" in step for step in error["steps"])
