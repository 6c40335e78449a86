"""Prepare a run: query → snapshot → request bodies in the spool, complete and recorded before anything is sent.

An interrupted preparation is begun anew from the same inputs; nothing has left by then. Rows with personal data exist
only in the snapshot, in a private folder that goes with the block. A replay has most of its request bodies from an
earlier run (see `replaying`), a stream's run has its events from chunks (see `streams.filling`). A plan ends here; a
run that would do what its guards forbid waits here until somebody releases it.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.db import DatabaseError, transaction
from django.utils import timezone

from destinations.preparation.contract import Context, Issues, Piece, Placed, Prepared, Progress, Tally, Target
from destinations.preparation.errors import PreparationError
from destinations.services import client_open
from destinations.specs import get as spec_get
from destinations.tiktok.errors import RetryableError, TikTokError
from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.audiences.finding import audience_survey
from orchestrations.audiences.guards import hold_reason
from orchestrations.audiences.states import engine, state_fetch
from orchestrations.audiences.turns import TurnError, turn_check, turn_wait
from orchestrations.choices import RunPurpose, RunStage, RunStatus
from orchestrations.datasets import engine_for
from orchestrations.models import Batch, Run, RunAudience
from orchestrations.replays.replaying import Replaying, context_of
from orchestrations.runs.failures import FailureError, failure_of
from orchestrations.runs.finishing import local_error, run_fail, run_finish, run_put_off
from orchestrations.runs.leases import Lease, LeaseLostError, lease_held
from orchestrations.runs.measuring import rows_count
from orchestrations.runs.resolutions import LocalKey
from orchestrations.runs.spool import IDS, ISSUES, ROWS, Spool, TableWriter, work_sweep, workdir
from orchestrations.runs.verdicts import error_record
from orchestrations.sources import QueryCancelledError, Snapshot
from orchestrations.streams.filling import StreamFilling
from orchestrations.streams.filling_audiences import AudienceFilling

logger = logging.getLogger(__name__)

MOST_TRIES = 5  # preparations of one run; a worker that dies in every one of them would die in the next
STAGES = (RunStage.WAITING, RunStage.QUERYING, RunStage.PREPARING)


class CancelledError(Exception):
    """Somebody asked for the run's end while it was being prepared."""


def run_prepare(run_id: int) -> bool:
    """Run the query and fill the spool; return whether there is something to deliver."""
    with lease_held(run_id, STAGES) as lease:
        if lease is None:
            return False
        try:
            return _prepare(lease)
        except LeaseLostError:
            logger.warning("run %s was taken over by another worker", run_id)
        except (CancelledError, QueryCancelledError):
            run_finish(lease)
        except TurnError:
            turn_wait(lease)
        except RetryableError as error:
            run_put_off(lease, error)
        except TikTokError as error:
            run_finish(lease, fatal=error_record(error))
        except DatabaseError:  # the sweeper hands the run on when the database is back
            raise
        except Exception as error:  # whatever it is, another try would end the same way
            _fail(lease, error)
        return False


def _fail(lease: Lease, error: Exception) -> None:
    """End a run that could not be prepared; nothing of it stays in storage half done."""
    if Run.objects.filter(lease.held()).exists():
        Spool(lease.run.spool).clear()
    if failure := failure_of(error):
        run_finish(lease, fatal=local_error(failure.key, str(failure)))
    else:
        run_fail(lease, error)


def _prepare(lease: Lease) -> bool:
    run = lease.run
    stop_if_asked(lease)
    turn_check(run)
    if run.preparations >= MOST_TRIES:
        raise PreparationError(
            f"The worker died each of the {MOST_TRIES} times this run was prepared. "
            "Probably the query needs more memory than the machine has: lower HUB_QUERY_MEMORY or select less."
        )
    _look(run)
    _stage(
        lease,
        RunStage.PREPARING if run.stream_id else RunStage.QUERYING,
        started_at=run.started_at or timezone.now(),
        preparations=run.preparations + 1,
        failures=0,
    )
    work_sweep()  # if a worker was killed over this very run, its rows lie there
    with workdir() as folder:
        filling = Filling(lease, Path(folder))
        rows, pieces = _source(filling)
        stop_if_asked(lease)
        _stage(lease, RunStage.PREPARING, selected=rows)
        batches = filling.fill(rows, pieces)
    return _hand_over(lease, batches)


def _source(filling: "Filling") -> tuple[int, Iterator[Piece]]:
    """Return how many rows there are, and what comes out of their preparation."""
    if filling.run.replay_rows:
        return _replayed(filling)
    return _streamed(filling) if filling.run.stream_id else _queried(filling)


def _streamed(filling: "Filling") -> tuple[int, Iterator[Piece]]:
    """Look up what was posted to a stream; return how many items there are, and what becomes of them."""
    kind = AudienceFilling if filling.targets else StreamFilling
    found = kind(filling.run, filling.context)
    return found.rows(), found.pieces()


def _queried(filling: "Filling") -> tuple[int, Iterator[Piece]]:
    """Run the query; return how many rows it gave, and what comes out of their preparation."""
    run, work, cancelled = filling.run, filling.work, filling.lease.cancelled.is_set
    with engine_for(run.tenant, run.inputs["tables"], work, cancelled=cancelled) as source:
        snapshot = source.snapshot(run.inputs["sql"], work / "snapshot.parquet", sample=run.sample)
    check = filling.spec.columns_check(snapshot.columns, run.inputs["settings"])
    if check.errors:  # the query is as it was, but what it reads is not
        key = ResolutionKey.MISSING_COLUMN if check.missing else LocalKey.PREPARATION_FAILED
        raise FailureError(key, " ".join(check.errors))
    return snapshot.rows, filling.parts(snapshot)


def _replayed(filling: "Filling") -> tuple[int, Iterator[Piece]]:
    """Look up what an earlier run has prepared; return how many rows of it are meant, and what becomes of them."""
    replaying = Replaying(filling.run, filling.work, filling.lease.cancelled.is_set)
    return replaying.rows(), replaying.pieces()


def _look(run: Run) -> None:
    """See what TikTok has of the run's audiences, before the query is run: people are prepared for what is there."""
    targets = list(RunAudience.objects.filter(run=run).select_related("audience"))
    if targets and run.credential is not None:
        with client_open(run.credential) as client:
            for target in targets:
                audience_survey(client, target)


def _hand_over(lease: Lease, batches: list[Batch]) -> bool:
    """Record what was prepared, and say who goes on: nobody, somebody who releases the run, or delivery."""
    run = lease.run
    hold = hold_reason(run)
    planned = run.purpose == RunPurpose.PLAN
    with transaction.atomic():
        Batch.objects.filter(run=run).delete()
        if not planned:
            Batch.objects.bulk_create(batches, batch_size=500)
        _stage(lease, RunStage.DELIVERING, prepared_at=timezone.now(), hold=hold)
        if hold and not planned:
            Run.objects.filter(lease.held()).update(status=RunStatus.HELD, lease_until=None, lease_token="")
    logger.info("run %s is prepared: %s rows in %s requests", run.pk, run.selected, run.requests)
    if not planned:
        rows_count(run, selected=run.selected or 0, rejected=run.rejected, duplicate=run.duplicates)
    if planned or not (batches or hold):
        run_finish(lease)
    elif hold:
        logger.warning("run %s is held (%s)", run.pk, hold["reason"])
    else:
        Run.objects.filter(lease.held()).update(lease_until=None, lease_token="")
        return True
    return False


def stop_if_asked(lease: Lease) -> None:
    """Raise when somebody cancelled the run or another worker holds it."""
    lease.check()
    if lease.cancelled.is_set():
        raise CancelledError


def _stage(lease: Lease, stage: RunStage, **values: Any) -> None:
    if not Run.objects.filter(lease.held()).update(stage=stage, **values):
        raise LeaseLostError
    for name, value in values.items():
        setattr(lease.run, name, value)


class Filling:
    """Fill one run's spool from a snapshot of its rows."""

    def __init__(self, lease: Lease, work: Path) -> None:
        self.lease = lease
        self.run = lease.run
        self.work = work
        self.spec = spec_get(self.run.inputs["plugin"])
        self.spool = Spool(self.run.spool)
        self.targets = {t.number: t for t in RunAudience.objects.filter(run=self.run).select_related("audience")}
        self.rows = TableWriter(work, "rows", ROWS)
        self.issues = TableWriter(work, "issues", ISSUES)
        self.ids = TableWriter(work, "ids", IDS) if self.targets else None
        self.batches: list[Batch] = []
        self.in_events = 0
        self.tally: dict[str, int] = {}
        self.counts: dict[str, dict[str, int]] = {"reject": {}, "warning": {}, "duplicate": {}}

    def fill(self, rows: int, pieces: Iterator[Piece]) -> list[Batch]:
        """Write bodies, rows and issues, and the run's counts; return the batches (not saved)."""
        self.spool.clear()
        for part in pieces:
            stop_if_asked(self.lease)
            if isinstance(part, Prepared):
                self._body(part)
            elif isinstance(part, Placed):
                self._placed(part)
            elif isinstance(part, Issues):
                self._issues(part)
            elif isinstance(part, Tally):
                self._tally(part)
            elif isinstance(part, Progress):
                Run.objects.filter(self.lease.held()).update(prepared=part.rows)
        for table in filter(None, (self.rows, self.issues, self.ids)):
            self.spool.table_write(table.name, table.close())
        self._totals(rows)
        return self.batches

    @property
    def context(self) -> Context:
        """Return what preparation must know; states of audiences are fetched for it."""
        told = (
            Target(number, state_fetch(target.audience, self.work), anew=target.anew)
            for number, target in self.targets.items()
        )
        mode = self.run.inputs.get("sync_mode", "")
        return replace(context_of(self.run, self.work), targets=tuple(told), mode=mode)

    def parts(self, snapshot: Snapshot) -> Iterator[Piece]:
        """Prepare the rows of a query's result."""
        with engine(self.work) as connection:
            yield from self.spec.prepare(
                connection,
                snapshot.relation(),
                snapshot.columns,
                spec=self.spec,
                settings=self.run.inputs["settings"],
                context=self.context,
            )

    def _body(self, part: Prepared) -> None:
        if self.run.purpose != RunPurpose.PLAN:
            self.spool.body_write(part.number, part.body)
        self.batches.append(
            Batch(
                tenant=self.run.tenant,
                run=self.run,
                number=part.number,
                target=self.targets.get(part.target),
                kind=part.kind,
                action=part.action,
                phase=part.phase,
                events=part.events,
                bytes=len(part.body),
                open_ranges=[[0, part.events]],
            )
        )
        if not self.targets:
            self.in_events += part.rows.num_rows
            self.rows.add(part.rows.append_column("batch", pa.array([part.number] * part.rows.num_rows, pa.int32())))

    def _placed(self, part: Placed) -> None:
        if part.rows is not None:
            self.rows.add(part.rows)
        if part.ids is not None and self.ids is not None:
            self.ids.add(part.ids)

    def _tally(self, part: Tally) -> None:
        counts = dict(part.counts)
        if part.target is None:
            self.in_events = counts.pop("rows_in_people")
            self.tally = counts
            return
        target = self.targets[part.target]
        for name in ("before", "added", "removed", "unchanged", "after"):
            setattr(target, name, counts[name])
        target.save(update_fields=["before", "added", "removed", "unchanged", "after"])

    def _issues(self, part: Issues) -> None:
        self.issues.add(part.table)
        for pair in part.table.group_by(["level", "reason"]).aggregate([("row", "count")]).to_pylist():
            reasons = self.counts[pair["level"]]
            reasons[pair["reason"]] = reasons.get(pair["reason"], 0) + pair["row_count"]

    def _totals(self, rows: int) -> None:
        """Record the counts; a row that is nowhere would be a defect, and nothing is sent then."""
        rejected, warned, duplicate = (self.counts[level] for level in ("reject", "warning", "duplicate"))
        known = self.in_events + sum(rejected.values()) + sum(duplicate.values())
        if known != rows:
            raise PreparationError(f"{rows:,} rows were selected, but {known:,} came out of preparation.")
        _stage(
            self.lease,
            RunStage.PREPARING,
            selected=rows,
            prepared=rows,
            in_events=self.in_events,
            people=self.tally.pop("people", None),
            tally=self.tally,
            rejected=sum(rejected.values()),
            rejected_by_reason=rejected,
            warnings=sum(warned.values()),
            warnings_by_reason=warned,
            duplicates=sum(duplicate.values()),
            events=sum(batch.events for batch in self.batches),
            requests=len(self.batches),
        )
