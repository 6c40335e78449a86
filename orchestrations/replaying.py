"""Prepare a replay: the events of an earlier run that are meant, with their bytes, event ids and row numbers.

What was prepared is taken from the earlier run's spool. Rows that were rejected are not there: they are prepared
again, from the same query over the same files, but with the present settings, since these are what people put right.
First they are prepared with the earlier settings: only where exactly the same rows are rejected for the same reasons
has the query given its rows in the same order, so that a row's number still means the same row.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from destinations.preparation.contract import REJECT, Context, Issues, Piece, Prepared, Progress
from destinations.preparation.repacking import Kept
from destinations.specs import get as spec_get
from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.audiences.states import engine
from orchestrations.choices import ReplayRows
from orchestrations.choosing import Verdicts, batches_with, duplicates, rejects, rows_by_batch
from orchestrations.datasets import engine_for
from orchestrations.failures import FailureError
from orchestrations.models import Run
from orchestrations.resolutions import LocalKey
from orchestrations.sources import Snapshot
from orchestrations.spool import Spool, SpoolError

CHOSEN = "hub_chosen"
GONE = "Run {run}, of which this is a replay, was deleted, and what it had prepared with it."
CHANGED = "The query no longer gives the rows that it gave to run {run}{how}: its rejected rows cannot be told apart."


class Replaying:
    """One replay's way from an earlier run to pieces that fill a spool."""

    def __init__(self, run: Run, work: Path, cancelled: Callable[[], bool]) -> None:
        earlier = Run.objects.filter(pk=run.replay_of_id).first() if run.replay_of_id else None
        if earlier is None:
            raise FailureError(ResolutionKey.PREPARED_DATA_LOST, GONE.format(run=run.inputs["replay_of"]))
        self.run = run
        self.earlier = earlier
        self.work = work
        self.cancelled = cancelled
        self.spec = spec_get(run.inputs["plugin"])
        self.spool = Spool(earlier.spool)
        self.wanted = {
            batch.number: np.flatnonzero(Verdicts(batch).chosen(run.replay_rows))
            for batch in batches_with(earlier.pk, run.replay_rows)
        }
        found = rejects(self.spool)
        self.rejected = found.slice(0, 0) if run.replay_rows == ReplayRows.UNKNOWN else found
        self.snapshot: Snapshot | None = None

    def rows(self) -> int:
        """Return how many rows are meant, and get those ready that have to be prepared again."""
        if self.rejected.num_rows:
            self.snapshot = self._same_rows()
        if self.run.replay_rows == ReplayRows.ALL:
            return self.earlier.selected or 0
        placed = ((number, positions) for number, positions, _ in rows_by_batch(self.spool) if number in self.wanted)
        kept = sum(int(np.isin(positions, self.wanted[number]).sum()) for number, positions in placed)
        return kept + int(self.rejected.num_rows)

    def pieces(self) -> Iterator[Piece]:
        """Yield what was kept, then what is prepared again; requests and progress are counted through."""
        number = before = read = 0
        for part in self._parts():
            if isinstance(part, Prepared):
                number += 1
                yield replace(part, number=number)
            elif isinstance(part, Progress):
                before += read if part.rows < read else 0
                read = part.rows
                yield Progress(before + read)
            else:
                yield part

    def _parts(self) -> Iterator[Piece]:
        settings, context = self.run.inputs["settings"], context_of(self.run, self.work)
        if self.spec.resending is None:
            raise TypeError(f"{self.spec.key} has no replays.")
        yield from self.spec.resending.repack(self._kept(), settings=settings, context=context)
        if self.run.replay_rows == ReplayRows.ALL:
            yield duplicates(self.spool)
        if self.snapshot is not None:
            yield from self._prepared(self.snapshot, self.run)

    def _kept(self) -> Iterator[Kept]:
        """Yield the events that are taken from the earlier run's requests."""
        for number, positions, rows in rows_by_batch(self.spool):
            if len(wanted := self.wanted.get(number, ())):
                chosen = np.isin(positions, wanted)
                try:
                    body = self.spool.body_read(number)
                except SpoolError as error:
                    raise FailureError(ResolutionKey.PREPARED_DATA_LOST, str(error)) from None
                yield Kept(body, np.asarray(wanted), positions[chosen], rows[chosen])

    def _same_rows(self) -> Snapshot:
        """Run the earlier run's query once more; raise FailureError where it does not give the same rows again."""
        run, inputs = self.run, self.run.inputs
        with engine_for(run.tenant, inputs["tables"], self.work, cancelled=self.cancelled) as source:
            snapshot = source.snapshot(inputs["sql"], self.work / "snapshot.parquet", sample=run.sample)
        if snapshot.rows != inputs["result_rows"]:
            how = f" ({snapshot.rows:,} instead of {inputs['result_rows']:,})"
            raise FailureError(LocalKey.REPLAY_ROWS_CHANGED, CHANGED.format(run=self.earlier.pk, how=how))
        if not self._same_rejects(snapshot):
            raise FailureError(LocalKey.REPLAY_ROWS_CHANGED, CHANGED.format(run=self.earlier.pk, how=""))
        return snapshot

    def _same_rejects(self, snapshot: Snapshot) -> bool:
        """Say whether the earlier settings reject the same rows for the same reasons and (masked) values as then.

        An event that was too old for an earlier replay has no value: it was not read from its row.
        """
        found = list(self._prepared(snapshot, self.earlier))
        issues = [part.table for part in found if isinstance(part, Issues)]
        now = pa.concat_tables([self.rejected.slice(0, 0), *issues])
        now = now.filter(pc.equal(now["level"], REJECT)).sort_by("row")
        if any(isinstance(part, Prepared) for part in found) or now.num_rows != self.rejected.num_rows:
            return False
        value = pc.if_else(pc.is_null(self.rejected["value"]), self.rejected["value"], now["value"])
        now = now.set_column(now.column_names.index("value"), "value", value)
        return bool(now.combine_chunks().equals(self.rejected.combine_chunks()))

    def _prepared(self, snapshot: Snapshot, as_in: Run) -> Iterator[Piece]:
        """Prepare the rejected rows, with the settings and at the time of a run."""
        whole = snapshot.relation()
        chosen = f"(SELECT * FROM {whole} WHERE _row IN (SELECT row FROM {CHOSEN}) ORDER BY _row)"  # noqa: S608 - quoted
        with engine(self.work) as connection:
            connection.register(CHOSEN, self.rejected.select(["row"]))
            yield from self.spec.prepare(
                connection, chosen, snapshot.columns, spec=self.spec, settings=as_in.inputs["settings"],
                context=context_of(as_in, self.work, among=whole),
            )  # fmt: skip


def context_of(run: Run, work: Path, among: str = "") -> Context:
    """Return what preparation must know of a run."""
    inputs: dict[str, Any] = run.inputs
    return Context(
        now=int(run.started_at.timestamp()) if run.started_at else 0, time_zone=inputs["time_zone"],
        default_country=inputs["country"] or None, limits=spec_get(inputs["plugin"]).limits, work=work, among=among,
    )  # fmt: skip
