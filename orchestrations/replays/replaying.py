"""Prepare a replay: the events of an earlier run that are meant, with their bytes, event ids and row numbers.

What was prepared is taken from the earlier run's spool. Rows that were rejected are not there: they are prepared
again, from the same query over the same files, but with the present settings, since these are what people put right.
Items that a stream rejected at its door are not kept: they are left out.
First they are prepared with the earlier settings: only where exactly the same rows are rejected for the same reasons
has the query given its rows in the same order, so that a row's number still means the same row.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from destinations.preparation.contract import Context, Issues, Limits, Piece, Prepared, Progress
from destinations.preparation.repacking import Kept
from destinations.specs import get as spec_get
from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.audiences.states import engine
from orchestrations.choices import ReplayRows
from orchestrations.datasets import engine_for
from orchestrations.models import Run
from orchestrations.replays.choosing import Verdicts, batches_with, duplicates, rows_by_batch
from orchestrations.runs.failures import FailureError
from orchestrations.runs.resolutions import LocalKey
from orchestrations.runs.spool import ISSUES, Spool, SpoolError, TableWriter
from orchestrations.sources import Snapshot
from orchestrations.sources.base import literal

REJECTED = "(FROM read_parquet({}) WHERE level = 'reject')"
# An event that was too old for an earlier replay has no value: it was not read from its row.
DIFFERENT = f"""SELECT count(*) FROM {REJECTED.format("$then")} AS a FULL JOIN {REJECTED.format("$now")} AS b
    ON a.row = b.row WHERE a.row IS NULL OR b.row IS NULL OR a.field IS DISTINCT FROM b.field
    OR a.reason IS DISTINCT FROM b.reason OR (a.value IS NOT NULL AND a.value IS DISTINCT FROM b.value)"""  # noqa: S608
GONE = "Run {run}, of which this is a replay, was deleted, and what it had prepared with it."
LOST = "The list of rows that run {run} has rejected is gone from storage."
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
        self.chosen = {
            batch.number: Verdicts(batch).chosen(run.replay_rows) for batch in batches_with(earlier.pk, run.replay_rows)
        }
        self.rejected = 0 if run.replay_rows == ReplayRows.UNKNOWN else preparable(earlier)
        self.issues = work / "earlier.parquet"
        self.snapshot: Snapshot | None = None

    def rows(self) -> int:
        """Return how many rows are meant, and get those ready that have to be prepared again."""
        if self.rejected:
            self.snapshot = self._same_rows()
        if self.run.replay_rows == ReplayRows.ALL:
            return (self.earlier.selected or 0) - self.earlier.rejected + self.rejected
        placed = ((number, positions) for number, positions, _ in rows_by_batch(self.spool) if number in self.chosen)
        return self.rejected + sum(int(self.chosen[number][positions].sum()) for number, positions in placed)

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
            yield from duplicates(self.spool)
        if self.snapshot is not None:
            yield from self._prepared(self.snapshot, self.run)

    def _kept(self) -> Iterator[Kept]:
        """Yield the events that are taken from the earlier run's requests."""
        for number, positions, rows in rows_by_batch(self.spool):
            if number in self.chosen and self.chosen[number].any():
                chosen = self.chosen[number]
                there = chosen[positions]
                try:
                    body = self.spool.body_read(number)
                except SpoolError as error:
                    raise FailureError(ResolutionKey.PREPARED_DATA_LOST, str(error)) from None
                yield Kept(body, np.flatnonzero(chosen), positions[there], rows[there])

    def _same_rows(self) -> Snapshot:
        """Run the earlier run's query once more; raise FailureError where it does not give the same rows again."""
        run, inputs, how = self.run, self.run.inputs, ""
        with engine_for(run.tenant, inputs["tables"], self.work, cancelled=self.cancelled) as source:
            snapshot = source.snapshot(inputs["sql"], self.work / "snapshot.parquet", sample=run.sample)
        try:
            self.spool.table_fetch("issues", self.issues)
        except FileNotFoundError:
            raise FailureError(ResolutionKey.PREPARED_DATA_LOST, LOST.format(run=self.earlier.pk)) from None
        if snapshot.rows != inputs["result_rows"]:
            how = f" ({snapshot.rows:,} instead of {inputs['result_rows']:,})"
        if how or not self._same_rejects(snapshot):
            raise FailureError(LocalKey.REPLAY_ROWS_CHANGED, CHANGED.format(run=self.earlier.pk, how=how))
        return snapshot

    def _same_rejects(self, snapshot: Snapshot) -> bool:
        """Say whether the earlier settings reject the same rows for the same reasons and (masked) values as then."""
        again = TableWriter(self.work, "again", ISSUES)
        for part in self._prepared(snapshot, self.earlier):
            if isinstance(part, Prepared):
                return False
            if isinstance(part, Issues):
                again.add(part.table)
        with engine(self.work) as connection:
            found = connection.execute(DIFFERENT, {"then": str(self.issues), "now": str(again.close())}).fetchone()
        return found == (0,)

    def _prepared(self, snapshot: Snapshot, as_in: Run) -> Iterator[Piece]:
        """Prepare the rejected rows, with the settings and at the time of a run."""
        whole, rejected = snapshot.relation(), REJECTED.format(literal(str(self.issues)))
        chosen = f"(SELECT * FROM {whole} WHERE _row IN (SELECT row FROM {rejected}) ORDER BY _row)"  # noqa: S608 - quoted
        with engine(self.work) as connection:
            yield from self.spec.prepare(
                connection, chosen, snapshot.columns, spec=self.spec, settings=as_in.inputs["settings"],
                context=context_of(as_in, self.work, among=whole),
            )  # fmt: skip


def preparable(run: Run) -> int:
    """Return how many rejected rows of a run can be prepared again: none that were posted, since they are not kept."""
    return 0 if run.stream_id else run.rejected


def context_of(run: Run, work: Path, among: str = "") -> Context:
    """Return what preparation must know of a run."""
    inputs: dict[str, Any] = run.inputs
    return Context(
        now=int(run.started_at.timestamp()) if run.started_at else 0, time_zone=inputs["time_zone"],
        default_country=inputs["country"] or None, limits=limits_of(inputs), work=work, among=among,
    )  # fmt: skip


def limits_of(inputs: dict[str, Any]) -> Limits:
    """Return what one request of a run may hold: what the plugin lets it, or less where its stream wants smaller ones.

    An event that is larger than the stream wants goes by itself.
    """
    limits = spec_get(inputs["plugin"]).limits
    if "stream" not in inputs:
        return limits
    rows, most = limits.rows_per_request, limits.bytes_per_request
    return Limits(min(rows, inputs["most_events"]), min(most, inputs["most_bytes"]), bytes_per_event=most)
