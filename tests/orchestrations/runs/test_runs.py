"""Who may start a run and when, and what it keeps; how runs go is what tests/conformance is about."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from destinations.choices import CredentialStatus
from destinations.models import Credential
from orchestrations.choices import RunStage, RunStatus, RunTrigger
from orchestrations.runs.services import run_cancel, run_start
from orchestrations.runs.spool import Spool
from tests.orchestrations.conftest import order_rows
from tiktok_hub.tenancy.scope import tenant_scope


def test_a_parked_credential_refuses_new_runs(acme, orchestration_of, run_of, emulator):
    orchestration = orchestration_of(acme, order_rows(10))
    with tenant_scope(acme):
        Credential.objects.update(status=CredentialStatus.EXPIRED)
        orchestration.refresh_from_db()
    with pytest.raises(ValidationError, match="authorise it again"):
        run_of(orchestration)


def test_an_error_in_the_query_fails_the_run_in_plain_words(acme, orchestration_of, run_of, emulator):
    orchestration = orchestration_of(acme, order_rows(10))
    with tenant_scope(acme):
        orchestration.query.sql = "SELECT nothing FROM orders"
        orchestration.query.save()
    run = run_of(orchestration)
    assert (run.status, run.error["resolution"], run.stage) == (RunStatus.FAILED, "query_failed", RunStage.FINISHED)
    assert "nothing" in run.error["sentence"]


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
