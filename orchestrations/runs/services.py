"""Start, release and cancel runs; see that an orchestration can run before it does."""

import logging
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from destinations.models import Credential, Destination, destinations_usable_by
from destinations.specs.base import SettingsError
from orchestrations.access import PLAN, RELEASE, RUN, access_check
from orchestrations.audiences.targets import (
    KEEPING,
    audience_conflict,
    audiences_lock,
    mode_of,
    overlap_refuse,
    targets_make,
)
from orchestrations.choices import (
    CHANGES,
    UNFINISHED_RUNS,
    QueryStatus,
    RunPurpose,
    RunStage,
    RunStatus,
    RunTrigger,
    SyncMode,
)
from orchestrations.doorbell import ring
from orchestrations.models import (
    Audience,
    Dataset,
    Orchestration,
    Query,
    Run,
)
from orchestrations.runs.finishing import run_finish
from orchestrations.runs.leases import ACTIVE, lease_held
from orchestrations.runs.sending import sending_check
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.models import Membership

logger = logging.getLogger(__name__)

SENDS_BY_ITSELF = (
    "A stream sends by itself what is posted to it, as soon as enough waits or the oldest has waited long enough. Post "
    "events to its address; to have them sent sooner, lower the stream's thresholds."
)


def settings_effective(orchestration: Orchestration) -> dict[str, Any]:
    """Return the destination's settings with the orchestration's own over them, complete and valid.

    Raise ValidationError, a sentence for each setting, where something that is required at orchestration is missing.
    """
    try:
        return orchestration.destination.spec.settings_clean(orchestration.settings_merged, stage="orchestration")
    except SettingsError as error:
        raise ValidationError({name: [sentence] for name, sentence in error.errors.items()}) from None


def orchestration_check(orchestration: Orchestration, membership: Membership | None) -> dict[str, Any]:
    """See that the orchestration can run for this member and return its effective settings.

    The same questions are asked on save, when somebody starts a run, and when a schedule does. Raise PermissionDenied
    for a destination that is not open to them, ValidationError with what to do for everything else.
    """
    destination, query = orchestration.destination, orchestration.query
    if not destinations_usable_by(membership).filter(pk=destination.pk).exists():
        raise PermissionDenied("This destination is not open to you. Ask an administrator of this tenant for access.")
    if not destination.enabled:
        raise ValidationError({"destination": f"The destination “{destination}” is disabled."})
    if query is not None and query.status != QueryStatus.ACTIVE:
        raise ValidationError({"query": f"The query “{query}” is a draft. Activate it first."})
    settings = settings_effective(orchestration)
    if query is not None:
        columns_check(query, destination.spec, settings)
    if destination.spec.keeps_audience:
        audience_check(orchestration, settings)
    return settings


def audience_check(orchestration: Orchestration, settings: dict[str, Any]) -> None:
    """See that the way in which an audience is to follow the query makes sense; raise ValidationError if not."""
    if orchestration.sync_mode == SyncMode.REPLACE and settings.get("transport") != "file":
        raise ValidationError(
            {"sync_mode": "An audience can be replaced only by files. Choose the file transport, or mirror the query."}
        )
    other = audience_conflict(orchestration, settings)
    if other is not None:
        raise ValidationError(
            {
                "settings": f"The orchestration “{other}” keeps the same audience equal to its own query; each would "
                "undo the other's work. Choose another audience name."
            }
        )


def columns_check(query: Query, spec: Any, settings: dict[str, Any]) -> Any:
    """Compare the query's columns with the plugin's fields; raise ValidationError where a required one is missing."""
    check = spec.columns_check({column["name"]: column["type"] for column in query.columns}, settings)
    if check.errors:
        raise ValidationError({"query": list(check.errors)})
    return check


@dataclass(frozen=True, slots=True)
class Replay:
    """Which rows (`ReplayRows`) of which earlier run are sent once more."""

    run: Run
    rows: str

    @property
    def inputs(self) -> dict[str, Any]:
        """Return what a replay has from the earlier run: query, files, and how many rows the query gave.

        A replay of a replay goes back to the run whose query it was. A stream's run has no query.
        """
        kept = {name: self.run.inputs[name] for name in ("sql", "tables") if name in self.run.inputs}
        return {**kept, "replay_of": self.run.pk, "result_rows": self.run.inputs.get("result_rows", self.run.selected)}


def run_start(
    *,
    orchestration: Orchestration,
    membership: Membership | None,
    trigger: RunTrigger,
    sample: int | None = None,
    purpose: RunPurpose = RunPurpose.DELIVER,
    replay: Replay | None = None,
    **place: Any,
) -> Run:
    """Queue a run of an orchestration for a member and ring the doorbell once it is committed.

    `sample` limits it to the first rows of the query, a run to *plan* sends nothing, a `replay` sends rows of an
    earlier run (see `replays.run_replay`, which asks what only replays need). `place` says where it belongs: `slot`,
    when a scheduled run was due, `after`, the run that it follows, `group_run` and `position`. Raise PermissionDenied
    or ValidationError (see `orchestration_check`), also while a credential waits to be reauthorised, or another run of
    the orchestration or for the same audience is not finished. What a stream sends is started by `streams.flushing`.
    """
    access_check(membership, orchestration.destination, PLAN if purpose == RunPurpose.PLAN else RUN)
    if not orchestration.enabled:
        raise ValidationError(f"The orchestration “{orchestration}” is disabled.")
    if orchestration.query_id is None and replay is None:
        raise ValidationError(SENDS_BY_ITSELF)
    address = replay.run.inputs.get("address", {}) if replay else {}
    settings = orchestration_check(orchestration, membership) | address
    sending_check(orchestration, settings, purpose=purpose, sample=sample, trigger=trigger)
    credential = credential_usable(orchestration.destination)
    with transaction.atomic():
        if replay is not None:
            deleted_refuse(Run.objects.select_for_update().get(pk=replay.run.pk))
        active_refuse(orchestration, replay)
        audiences = audiences_free(orchestration, settings)
        run = Run.objects.create(
            tenant=orchestration.tenant,
            orchestration=orchestration,
            credential=credential,
            purpose=purpose,
            trigger=trigger,
            started_by=membership.user if membership else None,
            sample=sample,
            replay_of=replay.run if replay else None,
            replay_rows=replay.rows if replay else "",
            inputs=run_inputs(orchestration, settings, sample, address) | (replay.inputs if replay else {}),
            **place,
        )
        targets_make(run, audiences)
        audit_record(Action.RUN_REPLAYED if replay else Action.RUN_STARTED, run, changes=_told(run))
        ring(run)
    return run


def _told(run: Run) -> list[dict[str, Any]]:
    """Return what the audit log says of a run that was started."""
    told = {
        "orchestration": str(run.orchestration), "destination": str(run.orchestration.destination),
        "purpose": run.purpose, "trigger": run.trigger, "sample": run.sample,
        "replay of": str(run.replay_of) if run.replay_of else None, "rows": run.replay_rows or None,
        "in the name of": run.started_by.email if run.started_by else None,
    }  # fmt: skip
    return [{"field": name, "old": None, "new": value} for name, value in told.items() if value is not None]


def audiences_free(orchestration: Orchestration, settings: dict[str, Any]) -> list[Audience]:
    """Return the audiences a run would be for, locked; none where the destination keeps no audience.

    Raise ValidationError while another run is for one of them; one of a query waits until a stream's has ended.
    """
    if not orchestration.destination.spec.keeps_audience:
        return []
    audiences = audiences_lock(orchestration.tenant, settings)
    overlap_refuse(audiences, behind_streams=orchestration.query_id is not None)
    return audiences


def credential_usable(destination: Destination) -> Credential:
    """Return the credential of a destination; raise ValidationError while it waits to be authorised again."""
    credential = destination.credential
    if not credential.is_usable:
        raise ValidationError(
            f"The credential “{credential}” is {credential.get_status_display().lower()}. "
            "An administrator has to authorise it again before anything can be sent."
        )
    return credential


def active_refuse(orchestration: Orchestration, replay: Replay | None = None) -> None:
    """Let one run of an orchestration be active at a time, whoever starts them together.

    Runs of a stream of events do not wait for each other; a run of its is replayed once at a time.
    """
    Orchestration.objects.select_for_update().get(pk=orchestration.pk)
    if orchestration.query_id is None and not orchestration.destination.spec.keeps_audience:
        again = Run.objects.filter(replay_of=replay.run if replay else None, replay_of__isnull=False)
        active = again.filter(status__in=UNFINISHED_RUNS).first()
    else:
        active = run_active(orchestration)
    if active is not None:
        raise ValidationError(f"Run {active.pk} of “{orchestration}” is not finished yet. Wait for it, or cancel it.")


def run_active(orchestration: Orchestration) -> Run | None:
    """Return the run that keeps another one of an orchestration from starting: its own, or one for its audience.

    Behind brief runs of streams it may wait, see `audiences.turns`.
    """
    same = Q(orchestration=orchestration) | Q(audiences__audience__runs__run__orchestration=orchestration)
    behind = Q(trigger=RunTrigger.STREAM, status__in=ACTIVE) & ~Q(orchestration=orchestration)
    return Run.objects.filter(same, status__in=UNFINISHED_RUNS).exclude(behind).first()


def run_inputs(
    orchestration: Orchestration,
    settings: dict[str, Any],
    sample: int | None = None,
    address: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what a run is to remember of the configuration; `address` is what of the settings its events named."""
    inputs = _rows_inputs(orchestration, settings)
    if address:
        inputs["address"] = address
    if orchestration.destination.spec.keeps_audience:
        inputs["sync_mode"] = _mode(orchestration, sample)
        # Who is removed one by one is not removed by mistake.
        inputs["max_removal_percent"] = orchestration.max_removal_percent if orchestration.query_id else 100
        inputs["when_deleted"] = orchestration.when_deleted
    return inputs


def _mode(orchestration: Orchestration, sample: int | None) -> str:
    if orchestration.query_id is None:
        return CHANGES
    mode = mode_of(orchestration)
    # The first rows are not the whole query: who is not among them must not leave for that.
    return SyncMode.ADD if sample and mode in KEEPING else mode


def _rows_inputs(orchestration: Orchestration, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "plugin": orchestration.destination.plugin,
        "settings": settings,
        "time_zone": orchestration.tenant.time_zone,
        "country": orchestration.destination.country,
        **_source_inputs(orchestration),
    }


def _source_inputs(orchestration: Orchestration) -> dict[str, Any]:
    """Return where the rows of a run come from: a query, or a stream, which says how large requests may be."""
    if orchestration.query is not None:
        tables = dict(Dataset.objects.values_list("name", "path"))
        return {"sql": orchestration.query.sql, "tables": tables}
    stream = orchestration.stream
    return {"stream": stream.pk, "most_events": stream.max_events, "most_bytes": stream.max_bytes}


def run_release(*, run: Run, membership: Membership | None) -> Run:
    """Let a held run do what it has planned.

    Raise ValidationError where it is not held or nothing may be sent now, PermissionDenied for those who may not say
    so.
    """
    access_check(membership, run.orchestration.destination, RELEASE)
    if not run.orchestration.destination.enabled:
        raise ValidationError(f"The destination “{run.orchestration.destination}” is disabled.")
    sandbox_refuse(run)
    credential = credential_usable(run.orchestration.destination)
    with transaction.atomic():
        released = Run.objects.filter(pk=run.pk, status=RunStatus.HELD).update(
            status=RunStatus.QUEUED,
            queued_at=timezone.now(),
            released_by=membership.user if membership else None,
            released_at=timezone.now(),
            credential=credential,
            lease_until=None,
            lease_token="",
        )
        if not released:
            raise ValidationError(f"Run {run.pk} is not held.")
        run.refresh_from_db()
        audit_record(Action.RUN_RELEASED, run)
        ring(run)
    return run


def run_cancel(*, run: Run) -> Run:
    """End a run: at once when no worker holds it, else at the worker's next look, within seconds."""
    if run.status not in UNFINISHED_RUNS:
        raise ValidationError(f"Run {run.pk} has ended already.")
    with transaction.atomic():
        if Run.objects.filter(pk=run.pk, cancel_requested=False).update(cancel_requested=True):
            audit_record(Action.RUN_CANCELLED, run)
    Run.objects.filter(pk=run.pk, status=RunStatus.HELD).update(status=RunStatus.QUEUED, lease_token="")
    Run.objects.filter(pk=run.pk, lease_token="").update(lease_until=None)
    with lease_held(run.pk, tuple(RunStage)) as lease:
        if lease is not None:
            run_finish(lease)
    run.refresh_from_db()
    return run


def sandbox_refuse(run: Run) -> None:
    """Ask again whether this may be sent here: a run may have been started while an emulator stood for TikTok."""
    sending_check(run.orchestration, run.inputs["settings"], purpose=run.purpose, sample=run.sample)


def deleted_refuse(run: Run) -> None:
    """Say that there is nothing left to send from; the caller who must be sure of it holds the run's row."""
    if run.spool_deleted_at is not None:
        raise ValidationError(
            f"The prepared requests of run {run.pk} were deleted on {run.spool_deleted_at:%d %B %Y}, after the time "
            "for which they are kept. Start a new run: it prepares everything anew."
        )
