"""After a night, what the page offers to try again can be tried again, to the last event."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential
from orchestrations.choices import RunStatus
from orchestrations.datasets import dataset_load
from orchestrations.models import RetentionReport, Run
from orchestrations.retention.services import retention_run
from orchestrations.runs.retrying import run_retry
from orchestrations.tasks import tenant_retention
from tests.orchestrations.conftest import order_rows, rows_write, run_through
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.fixture
def failed(emulator, orchestration_of, run_of, acme, fault, tmp_path):
    """Make a run that failed, before or after it was prepared, and whose dataset has another version by now."""

    def make(days: float, prepared: bool) -> Run:
        orchestration = orchestration_of(acme, order_rows(5))
        fault({"match": {"path": "/event/track/"}, "action": {"code": 40105, "message": "gone"}, "times": 1})
        run = run_of(orchestration)
        assert run.status == RunStatus.FAILED
        with tenant_scope(acme):
            if not prepared:
                run.batches.all().delete()
                Run.objects.filter(pk=run.pk).update(prepared_at=None, events=0, requests=0)
            file = rows_write(tmp_path / "new.csv", order_rows(9))
            dataset_load(tenant=acme, name="orders", file=file, filename="orders.csv")
            then = timezone.now() - timedelta(days=days)
            Run.objects.filter(pk=run.pk).update(finished_at=then, created_at=then)
            Credential.objects.update(status=CredentialStatus.AUTHORISED)
        for path in Path(default_storage.path("")).rglob("*"):
            os.utime(path, (then.timestamp(), then.timestamp()))
        return run

    return make


@pytest.mark.parametrize("prepared", [True, False], ids=["requests were there", "not even prepared"])
@pytest.mark.parametrize(("days", "possible"), [(27, True), (29, False)])
def test_run_within_its_time_can_be_tried_again_and_an_older_one_says_why_not(
    acme, ada, failed, held, membership_in, client_of, days, possible, prepared
):
    run = failed(days, prepared)
    with tenant_scope(acme):
        retention_run(tenant=acme)
        run.refresh_from_db()
    page = client_of(ada).get(f"/acme/orchestrations/run/{run.pk}/change/").content.decode()
    assert ("run-retry" in page) == possible
    with tenant_scope(acme):
        if not possible:
            with pytest.raises(ValidationError, match="Start a new run"):
                run_retry(run=run, membership=membership_in(ada, acme))
            return
        again = run_through(run_retry(run=run, membership=membership_in(ada, acme)))
    assert (again.status, again.accepted) == (RunStatus.SUCCEEDED, 5)
    assert len(held("7654321098765432100")) == 5


def test_task_does_one_tenants_night_and_is_content_where_it_is_gone(acme, globex):
    tenant_retention.apply(args=[acme.pk]).get()
    tenant_retention.apply(args=[999_999]).get()
    for tenant, nights in ((acme, 1), (globex, 0)):
        with tenant_scope(tenant):
            assert RetentionReport.objects.count() == nights
