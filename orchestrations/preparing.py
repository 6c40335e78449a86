"""Prepare a run: query → snapshot → request bodies in the spool, complete and recorded before anything is sent.

An interrupted preparation is begun anew from the same inputs; nothing has left by then. Rows with personal data
exist only in the snapshot, in a private folder that goes with the block.
"""

import logging
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from destinations.preparation.contract import Context, Issues, Prepared, Progress
from destinations.preparation.errors import PreparationError
from destinations.specs import get as spec_get
from orchestrations.choices import RunStage
from orchestrations.datasets import engine_for
from orchestrations.finishing import local_error, run_fail, run_finish
from orchestrations.leases import Lease, LeaseLostError, lease_held
from orchestrations.models import Batch, Run
from orchestrations.sources import QueryCancelledError, Snapshot, SourceError
from orchestrations.spool import ISSUES, ROWS, Spool, TableWriter, workdir

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
        except CancelledError:
            run_finish(lease)
        except SourceError as error:
            cancelled = isinstance(error, QueryCancelledError)
            run_finish(
                lease, fatal=None if cancelled else local_error("query_failed", error.sentence, detail=error.hint)
            )
        except PreparationError as error:
            run_finish(lease, fatal=local_error("preparation_failed", str(error)))
        except DatabaseError:  # the sweeper hands the run on when the database is back
            raise
        except Exception as error:  # whatever it is, another try would end the same way
            run_fail(lease, error)
        return False


def _prepare(lease: Lease) -> bool:
    run = lease.run
    stop_if_asked(lease)
    if run.preparations >= MOST_TRIES:
        raise PreparationError(
            f"The worker died each of the {MOST_TRIES} times this run was prepared. "
            "Probably the query needs more memory than the machine has: lower HUB_QUERY_MEMORY or select less."
        )
    _stage(
        lease,
        RunStage.QUERYING,
        started_at=run.started_at or timezone.now(),
        preparations=run.preparations + 1,
    )
    with workdir() as folder:
        work = Path(folder)
        with engine_for(run.tenant, run.inputs["tables"], work, cancelled=lease.cancelled.is_set) as engine:
            snapshot = engine.snapshot(run.inputs["sql"], work / "snapshot.parquet", sample=run.sample)
        stop_if_asked(lease)
        _stage(lease, RunStage.PREPARING, selected=snapshot.rows)
        batches = Filling(lease, work).fill(snapshot)
    with transaction.atomic():
        Batch.objects.filter(run=run).delete()
        Batch.objects.bulk_create(batches, batch_size=500)
        _stage(lease, RunStage.DELIVERING, prepared_at=timezone.now())
    if batches:
        Run.objects.filter(lease.held()).update(lease_until=None, lease_token="")
        return True
    run_finish(lease)
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
        self.rows = TableWriter(work, "rows", ROWS)
        self.issues = TableWriter(work, "issues", ISSUES)
        self.batches: list[Batch] = []
        self.in_events = 0
        self.counts: dict[str, dict[str, int]] = {"reject": {}, "warning": {}, "duplicate": {}}

    def fill(self, snapshot: Snapshot) -> list[Batch]:
        """Write bodies, rows and issues, and the run's counts; return the batches (not saved)."""
        self.spool.clear()
        for part in self._parts(snapshot):
            stop_if_asked(self.lease)
            if isinstance(part, Prepared):
                self._body(part)
            elif isinstance(part, Issues):
                self._issues(part)
            elif isinstance(part, Progress):
                Run.objects.filter(self.lease.held()).update(prepared=part.rows)
        for table in (self.rows, self.issues):
            self.spool.table_write(table.name, table.close())
        self._totals(snapshot)
        return self.batches

    def _parts(self, snapshot: Snapshot):  # type: ignore[no-untyped-def]
        context = Context(
            now=int(self.run.started_at.timestamp()) if self.run.started_at else 0,
            time_zone=self.run.inputs["time_zone"],
            default_country=self.run.inputs["country"] or None,
            limits=self.spec.limits,
        )
        with duckdb.connect() as connection:
            connection.execute(f"SET memory_limit = '{settings.HUB_QUERY_MEMORY}'")
            connection.execute(f"SET threads = {int(settings.HUB_QUERY_THREADS)}")
            connection.execute("SET temp_directory = $folder", {"folder": str(self.work / "temp")})
            yield from self.spec.prepare(
                connection,
                snapshot.relation(),
                snapshot.columns,
                spec=self.spec,
                settings=self.run.inputs["settings"],
                context=context,
            )

    def _body(self, part: Prepared) -> None:
        self.spool.body_write(part.number, part.body)
        number = pa.array([part.number] * part.rows.num_rows, pa.int32())
        self.in_events += part.rows.num_rows
        self.rows.add(part.rows.append_column("batch", number))
        self.batches.append(
            Batch(
                tenant=self.run.tenant,
                run=self.run,
                number=part.number,
                events=part.events,
                bytes=len(part.body),
                open_ranges=[[0, part.events]],
            )
        )

    def _issues(self, part: Issues) -> None:
        self.issues.add(part.table)
        for pair in part.table.group_by(["level", "reason"]).aggregate([("row", "count")]).to_pylist():
            reasons = self.counts[pair["level"]]
            reasons[pair["reason"]] = reasons.get(pair["reason"], 0) + pair["row_count"]

    def _totals(self, snapshot: Snapshot) -> None:
        """Record the counts; a row that is nowhere would be a defect, and nothing is sent then."""
        rejected, warned, duplicate = (self.counts[level] for level in ("reject", "warning", "duplicate"))
        known = self.in_events + sum(rejected.values()) + sum(duplicate.values())
        if known != snapshot.rows:
            raise PreparationError(f"{snapshot.rows:,} rows were selected, but {known:,} came out of preparation.")
        _stage(
            self.lease,
            RunStage.PREPARING,
            selected=snapshot.rows,
            prepared=snapshot.rows,
            in_events=self.in_events,
            rejected=sum(rejected.values()),
            rejected_by_reason=rejected,
            warnings=sum(warned.values()),
            warnings_by_reason=warned,
            duplicates=sum(duplicate.values()),
            events=sum(batch.events for batch in self.batches),
            requests=len(self.batches),
        )
