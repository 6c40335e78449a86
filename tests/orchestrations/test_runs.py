"""A run from its start to its last verdict, against TikTok's emulator: what counts is what TikTok holds."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from destinations.choices import CredentialStatus
from destinations.models import Credential
from orchestrations.choices import RunStage, RunStatus, RunTrigger
from orchestrations.models import Batch, Run
from orchestrations.services import run_cancel, run_retry, run_start
from orchestrations.spool import Spool
from tests.orchestrations.conftest import order_rows, run_through
from tiktok_hub.tenancy.scope import tenant_scope

ACME_SET = "7654321098765432100"
TRACK = {"path": "/event/track/"}


def adds_up(run: Run) -> bool:
    """Say whether rows and events are all accounted for."""
    with tenant_scope(run.tenant):
        in_events = sum(table.num_rows for table in Spool(run.spool).table_read("rows"))
    rows = run.selected == in_events + run.rejected + run.duplicates
    return rows and run.events == run.accepted + run.refused + run.unknown + run.unsent


def test_every_good_row_is_held_by_tiktok_once(acme, orchestration_of, run_of, held):
    run = run_of(orchestration_of(acme, order_rows(2500)))
    assert (run.status, run.requests, run.accepted) == (RunStatus.SUCCEEDED, 3, 2500)
    assert {seen["held"] for seen in held(ACME_SET).values()} == {1}
    assert len(held(ACME_SET)) == 2500


def test_a_row_that_cannot_be_sent_is_rejected_and_the_others_leave(acme, orchestration_of, run_of, held):
    rows = order_rows(100, email=lambda i: "nobody" if i % 10 == 0 else f"p{i}@mail.example")
    run = run_of(orchestration_of(acme, rows))
    assert run.status == RunStatus.SUCCEEDED_WITH_ERRORS
    assert (run.selected, run.rejected, run.accepted) == (100, 10, 90)
    assert sum(run.rejected_by_reason.values()) == 10
    assert adds_up(run)


def test_an_empty_result_succeeds_without_a_request(acme, orchestration_of, run_of, held):
    run = run_of(orchestration_of(acme, order_rows(5), sql="SELECT * FROM orders WHERE false"))
    assert (run.status, run.selected, run.attempts) == (RunStatus.SUCCEEDED, 0, 0)


def test_rows_that_are_all_rejected_send_nothing_and_say_why(acme, orchestration_of, run_of, held):
    run = run_of(orchestration_of(acme, order_rows(5, timestamp="soon")))
    assert (run.status, run.rejected, run.attempts) == (RunStatus.SUCCEEDED_WITH_ERRORS, 5, 0)
    assert run.error["resolution"] == "no_eligible_rows"


def test_a_sample_sends_the_first_rows_only(acme, orchestration_of, run_of, held):
    run = run_of(orchestration_of(acme, order_rows(500)), sample=10)
    assert (run.selected, run.accepted, len(held(ACME_SET))) == (10, 10, 10)


def test_a_bad_row_is_found_by_bisection_and_the_rest_is_delivered(acme, orchestration_of, run_of, held, fault):
    fault({"match": TRACK, "action": {"poison": {"event_id": "order-00321"}}})
    run = run_of(orchestration_of(acme, order_rows(1000)))
    assert (run.status, run.accepted, run.refused) == (RunStatus.SUCCEEDED_WITH_ERRORS, 999, 1)
    assert "order-00321" not in held(ACME_SET)
    assert len(held(ACME_SET)) == 999
    assert adds_up(run)


def test_a_configuration_that_tiktok_refuses_for_every_row_stops_the_run(acme, orchestration_of, run_of, held, fault):
    fault({"match": TRACK, "action": {"code": 40002, "message": "Invalid value for partner: not allowed."}})
    run = run_of(orchestration_of(acme, order_rows(5000)))
    assert (run.status, run.accepted, run.unsent + run.refused) == (RunStatus.FAILED, 0, 5000)
    assert run.attempts < 600
    assert run.error["request_id"]


@pytest.mark.parametrize(
    "action",
    [
        pytest.param({"code": 50002, "message": "timeout"}, id="internal timeout"),
        pytest.param({"code": 40100, "message": "Too many requests."}, id="throttled"),
        pytest.param({"http": 502}, id="gateway page"),
        pytest.param({"http": 200, "body": ""}, id="empty body"),
        pytest.param({"not_json": True}, id="not JSON"),
        pytest.param({"reset": True}, id="connection reset"),
        pytest.param({"commit_then_drop": True}, id="answer lost after the commit"),
        pytest.param({"code": 40016, "message": "app limit"}, id="endpoint limit"),
    ],
)
def test_a_passing_failure_is_retried_until_everything_is_held_once(
    acme, orchestration_of, run_of, held, fault, action
):
    fault({"match": TRACK, "action": action, "times": 3})
    run = run_of(orchestration_of(acme, order_rows(3500)))
    assert (run.status, run.accepted) == (RunStatus.SUCCEEDED, 3500)
    assert {seen["held"] for seen in held(ACME_SET).values()} == {1}


@pytest.mark.parametrize(
    ("action", "unknown", "status"),
    [
        pytest.param({"reset": True}, 2000, RunStatus.FAILED, id="reset"),
        pytest.param({"http": 502}, 2000, RunStatus.FAILED, id="gateway page"),
        pytest.param({"commit_then_drop": True}, 2000, RunStatus.FAILED, id="lost answers"),
    ],
)
def test_a_lasting_failure_ends_as_unknown(acme, orchestration_of, run_of, held, fault, action, unknown, status):
    fault({"match": TRACK, "action": action})
    run = run_of(orchestration_of(acme, order_rows(2000)))
    assert (run.status, run.unknown, run.accepted) == (status, unknown, 0)
    assert adds_up(run)


def test_unknown_events_are_sent_again_by_a_retry_and_held_once(
    acme, ada, membership_in, orchestration_of, run_of, held, fault
):
    fault({"match": TRACK, "action": {"commit_then_drop": True}, "times": 4})
    run = run_of(orchestration_of(acme, order_rows(1000)))
    assert run.unknown == 1000
    with tenant_scope(acme):
        run = run_through(run_retry(run=run, membership=membership_in(ada, acme)))
    assert (run.status, run.accepted, run.unknown) == (RunStatus.SUCCEEDED, 1000, 0)
    assert {seen["held"] for seen in held(ACME_SET).values()} == {1}


def test_a_partly_done_request_counts_as_accepted_with_a_warning(acme, orchestration_of, run_of, held, fault):
    fault({"match": TRACK, "action": {"partial": 20001}})
    run = run_of(orchestration_of(acme, order_rows(10)))
    assert (run.status, run.accepted) == (RunStatus.SUCCEEDED, 10)
    with tenant_scope(acme):
        assert Batch.objects.get(run=run).message


def test_a_revoked_token_stops_the_run_and_parks_the_credential(acme, orchestration_of, run_of, held, fault):
    orchestration = orchestration_of(acme, order_rows(10))
    fault({"match": TRACK, "action": {"code": 40105, "message": "Access token is incorrect or has been revoked."}})
    run = run_of(orchestration)
    assert (run.status, run.error["class"], run.unsent) == (RunStatus.FAILED, "CredentialError", 10)
    with tenant_scope(acme):
        assert Credential.objects.get().status == CredentialStatus.EXPIRED


def test_a_parked_credential_refuses_new_runs(acme, orchestration_of, run_of, emulator):
    orchestration = orchestration_of(acme, order_rows(10))
    with tenant_scope(acme):
        Credential.objects.update(status=CredentialStatus.EXPIRED)
        orchestration.refresh_from_db()
    with pytest.raises(ValidationError, match="authorise it again"):
        run_of(orchestration)


def test_the_wrong_event_set_fails_with_its_resolution(acme, orchestration_of, run_of, emulator):
    orchestration = orchestration_of(acme, order_rows(10))
    orchestration.settings = {"event_source_id": "7654321098765432999"}
    with tenant_scope(acme):
        orchestration.save()
    run = run_of(orchestration)
    assert (run.status, run.accepted, run.attempts) == (RunStatus.FAILED, 0, 1)
    assert run.error["resolution"]


def test_an_error_in_the_query_fails_the_run_in_plain_words(acme, orchestration_of, run_of, emulator):
    orchestration = orchestration_of(acme, order_rows(10))
    with tenant_scope(acme):
        orchestration.query.sql = "SELECT nothing FROM orders"
        orchestration.query.save()
    run = run_of(orchestration)
    assert (run.status, run.error["resolution"], run.stage) == (RunStatus.FAILED, "query_failed", RunStage.FINISHED)
    assert "nothing" in run.error["sentence"]


def test_two_tenants_run_side_by_side_and_get_their_own(acme, globex, orchestration_of, run_of, held):
    run_of(orchestration_of(acme, order_rows(10)))
    run_of(orchestration_of(globex, order_rows(20)))
    assert (len(held(ACME_SET)), len(held("7654321098765432200"))) == (10, 20)


def test_one_run_of_an_orchestration_is_active_at_a_time(acme, ada, membership_in, orchestration_of):
    orchestration = orchestration_of(acme, order_rows(10))
    with tenant_scope(acme):
        start = {"orchestration": orchestration, "membership": membership_in(ada, acme), "trigger": RunTrigger.MANUAL}
        run_start(**start)
        with pytest.raises(ValidationError, match="not finished yet"):
            run_start(**start)


def test_a_destination_that_is_not_open_to_somebody_is_refused(acme, ben, membership_in, orchestration_of):
    orchestration = orchestration_of(acme, order_rows(10))
    with tenant_scope(acme), pytest.raises(PermissionDenied):
        run_start(orchestration=orchestration, membership=membership_in(ben, acme), trigger=RunTrigger.MANUAL)


def test_cancelling_a_waiting_run_ends_it_at_once(acme, ada, membership_in, orchestration_of, emulator):
    orchestration = orchestration_of(acme, order_rows(10))
    with tenant_scope(acme):
        run = run_start(orchestration=orchestration, membership=membership_in(ada, acme), trigger=RunTrigger.MANUAL)
        run = run_cancel(run=run)
    assert (run.status, run.stage) == (RunStatus.CANCELLED, RunStage.FINISHED)


def test_the_spool_holds_digests_and_no_addresses(acme, orchestration_of, run_of, held):
    rows = order_rows(20, email=lambda i: f"secret-marker-{i}@mail.example" if i else "broken marker")
    run = run_of(orchestration_of(acme, rows))
    with tenant_scope(acme):
        spool = Spool(run.spool)
        body = spool.body_read(1)
        issues = [row for table in spool.table_read("issues") for row in table.to_pylist()]
    assert b"marker" not in body
    assert "marker" not in str(issues)
