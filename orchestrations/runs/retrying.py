"""Go on with runs that ended early, from the same inputs."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from orchestrations.access import RUN, access_check
from orchestrations.audiences.targets import overlap_refuse
from orchestrations.choices import BatchStatus, RunPurpose, RunStage, RunStatus
from orchestrations.doorbell import ring, ring_group
from orchestrations.models import Audience, Batch, Chunk, GroupRun, Run, RunAudience
from orchestrations.replays.choosing import batches_again
from orchestrations.runs.services import (
    active_refuse,
    credential_usable,
    deleted_refuse,
    run_inputs,
    sandbox_refuse,
    settings_effective,
)
from orchestrations.streams.returning import AGAIN, gives_back
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.models import Membership

NOTHING = "Everything of run {run} has its verdict: there is nothing to retry."
NOTHING_YOUNG = (
    "The answers were lost more than 48 hours ago: where TikTok has these events, it would count them twice now. "
    "Replay the unknown rows if they are to be sent all the same."
)


def run_retry(*, run: Run, membership: Membership | None) -> Run:
    """Go on with a run that ended early, from the same inputs: send what was not sent or is unknown.

    Unknown events leave with the same event ids, which TikTok drops if it has them (see `batches_again`). Raise
    ValidationError when there is nothing to retry or nothing may be sent now, PermissionDenied when the destination is
    not open to the member.
    """
    access_check(membership, run.orchestration.destination, RUN)
    return run_again(run)


def run_again(run: Run) -> Run:
    """Do what `run_retry` does, whoever wants it.

    A run of a stream of which TikTok has nothing is prepared anew from what was posted, with the present settings:
    there is no other way to send that again once they are put right.
    """
    if run.status not in {RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.SUCCEEDED_WITH_ERRORS}:
        raise ValidationError(f"Run {run.pk} is {run.get_status_display().lower()}: there is nothing to retry.")
    if not run.inputs:
        raise ValidationError(f"Run {run.pk} was never started: there is nothing to retry. Restart it instead.")
    if run.purpose == RunPurpose.PLAN:
        raise ValidationError(f"Run {run.pk} was a plan: there is nothing to retry. Plan anew instead.")
    if run.hold and run.released_at is None:
        raise ValidationError(f"Run {run.pk} was held and nobody released it. Start a new run.")
    if gives_back(run):
        raise ValidationError(AGAIN.format(run=run.pk))
    deleted_refuse(run)
    _refuse_outdated(run)
    anew = _inputs_anew(run)
    run.inputs = anew or run.inputs
    if not run.orchestration.destination.enabled:
        raise ValidationError(f"The destination “{run.orchestration.destination}” is disabled.")
    sandbox_refuse(run)
    credential = credential_usable(run.orchestration.destination)
    batches = batches_again(run)
    if run.prepared_at is not None and not (anew or batches.exists()):
        raise ValidationError(NOTHING_YOUNG if run.unknown else NOTHING.format(run=run.pk))
    with transaction.atomic():
        deleted_refuse(Run.objects.select_for_update().get(pk=run.pk))
        active_refuse(run.orchestration)
        targets = RunAudience.objects.filter(run=run)
        overlap_refuse(list(Audience.objects.select_for_update().filter(runs__in=targets)))
        targets.update(error={}, folded=False)
        batches.update(
            status=BatchStatus.PENDING,
            unknown=0,
            failures=0,
            throttles=0,
            bisections=0,
            halves=[],
            error={},
            next_attempt_at=None,
        )
        if anew:
            Batch.objects.filter(run=run).delete()
            nothing = dict.fromkeys(("events", "requests", "in_events"), 0)
            Run.objects.filter(pk=run.pk).update(inputs=anew, prepared_at=None, started_at=None, **nothing)
        unknown = sum(Batch.objects.filter(run=run).values_list("unknown", flat=True))
        Run.objects.filter(pk=run.pk).update(
            status=RunStatus.QUEUED,
            queued_at=timezone.now(),
            stage=RunStage.DELIVERING if run.prepared_at and not anew else RunStage.WAITING,
            unknown=unknown,
            bisections=0,
            refused_alike={},
            preparations=0,
            failures=0,
            error={},
            cancel_requested=False,
            finished_at=None,
            lease_until=None,
            lease_token="",
            credential=credential,
            skipped_by=None,
            skipped_at=None,
        )
        group_wake(run)
        audit_record(Action.RUN_RETRIED, run)
        ring(run)
    run.refresh_from_db()
    return run


def _inputs_anew(run: Run) -> dict[str, Any]:
    """Return the present inputs of a stream's run of which nothing has left, while it can be prepared anew."""
    left = run.accepted or run.refused or run.unknown
    if run.stream_id is None or run.replay_rows or left or not Chunk.objects.filter(run=run).exists():
        return {}
    address = run.inputs.get("address", {})
    return run_inputs(run.orchestration, settings_effective(run.orchestration) | address, address=address)


def group_wake(run: Run) -> None:
    """Let the group of a run go on where it stood still because of it.

    One that somebody cancelled stays so, and one that has run again since: what it did not do, the later one did.
    """
    group_run = run.group_run
    if group_run is None or GroupRun.objects.filter(group=group_run.group_id, pk__gt=group_run.pk).exists():
        return
    stopped = GroupRun.objects.filter(pk=group_run.pk, finished_at__isnull=False).exclude(status=RunStatus.CANCELLED)
    stopped.update(status=RunStatus.RUNNING, finished_at=None, error={})
    ring_group(run.tenant_id, group_run.pk)


def _refuse_outdated(run: Run) -> None:
    """Keep an old run from undoing what a later one did to the same audience."""
    mine = RunAudience.objects.filter(run=run).values("audience")
    later = RunAudience.objects.filter(audience__in=mine, folded=True, run__created_at__gt=run.created_at).first()
    if later is not None:
        raise ValidationError(
            f"Run {later.run_id} has changed the same audience since. Start a new run: it sends what is still missing."
        )
