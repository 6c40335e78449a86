"""A run whose preparation kills its worker does not go round for ever."""

from datetime import timedelta

from django.utils import timezone

from orchestrations.choices import RunStatus, RunTrigger
from orchestrations.models import Run
from orchestrations.runs.preparing import MOST_TRIES, run_prepare
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_start
from tests.orchestrations.conftest import order_rows, run_through
from tiktok_hub.tenancy.scope import tenant_scope


def test_a_run_that_kills_its_worker_fails_in_the_end_and_can_be_tried_again(
    acme, ada, membership_in, orchestration_of, emulator
):
    orchestration, member = orchestration_of(acme, order_rows(10)), membership_in(ada, acme)
    with tenant_scope(acme):
        run = run_start(orchestration=orchestration, membership=member, trigger=RunTrigger.MANUAL)
        died = {"preparations": MOST_TRIES, "lease_token": "dead", "lease_until": timezone.now() - timedelta(seconds=1)}
        Run.objects.filter(pk=run.pk).update(**died)
        run_prepare(run.pk)
        run.refresh_from_db()
        assert (run.status, run.error["resolution"]) == (RunStatus.FAILED, "preparation_failed")
        assert run_through(run_retry(run=run, membership=member)).status == RunStatus.SUCCEEDED
