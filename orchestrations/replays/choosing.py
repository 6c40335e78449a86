"""Which events and rows of a run that has ended are sent again: by a retry, and by a replay of some of them."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from django.db.models import QuerySet
from django.utils import timezone

from destinations.preparation.contract import DUPLICATE, Issues
from destinations.specs import get as spec_get
from orchestrations.choices import BatchStatus, ReplayRows
from orchestrations.models import Batch, Run
from orchestrations.runs.spool import Spool

Ints = npt.NDArray[np.int64]
AGAIN = (BatchStatus.UNSENT, BatchStatus.UNKNOWN)
Flags = npt.NDArray[np.bool_]


class Verdicts:
    """What became of each event of one batch, as flags over the positions in its body.

    An event is accepted, refused, unknown, or none of these: then it was not sent.
    """

    def __init__(self, batch: Batch) -> None:
        self.refused = np.zeros(batch.events, np.bool_)
        self.refused[[position for position, *_ in batch.refused_positions]] = True
        still_open = np.zeros(batch.events, np.bool_)
        for start, stop in batch.open_ranges:
            still_open[start:stop] = True
        self.unknown = still_open & (batch.status == BatchStatus.UNKNOWN)
        self.accepted = ~(self.refused | still_open)

    def chosen(self, rows: str) -> Flags:
        """Return which events are sent once more."""
        if rows == ReplayRows.ALL:
            return np.ones_like(self.accepted)
        return self.refused if rows == ReplayRows.REJECTED else self.unknown


def batches_with(run_id: int, rows: str) -> Iterator[Batch]:
    """Yield the batches of a run, in their order, that may hold events which are meant."""
    batches = Batch.objects.filter(run=run_id).order_by("number").defer("error", "halves", "message")
    if rows == ReplayRows.REJECTED:
        batches = batches.filter(refused__gt=0)
    elif rows == ReplayRows.UNKNOWN:
        batches = batches.filter(status=BatchStatus.UNKNOWN)
    yield from batches.iterator(chunk_size=200)


def batches_again(run: Run) -> QuerySet[Batch]:
    """Return the batches that a retry sends: what was not sent, and what is unknown while TikTok would know it again.

    Events whose answer was lost longer ago are left to a replay, which says beforehand that they may count twice.
    """
    batches = Batch.objects.filter(run=run, status__in=AGAIN)
    resending = spec_get(run.inputs["plugin"]).resending if run.inputs else None
    if resending is None:
        return batches
    known = timezone.now() - timedelta(hours=resending.known_hours)
    return batches.exclude(status=BatchStatus.UNKNOWN, sent_at__lt=known)


def rows_by_batch(spool: Spool) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield for each batch its number, the positions of its rows (ascending) and the rows."""
    held: pa.Table | None = None
    for piece in spool.table_read("rows"):
        table = pa.Table.from_batches([piece])
        table = pa.concat_tables([held, table]) if held is not None else table
        edges = [0, *(np.flatnonzero(np.diff(table["batch"].to_numpy())) + 1)]
        for start, stop in zip(edges[:-1], edges[1:], strict=True):
            yield _placed(table.slice(start, stop - start))
        held = table.slice(edges[-1])
    if held is not None and held.num_rows:
        yield _placed(held)


def _placed(table: pa.Table) -> tuple[int, Ints, Ints]:
    return table["batch"][0].as_py(), table["position"].to_numpy().astype(np.int64), table["row"].to_numpy()


def duplicates(spool: Spool) -> Iterator[Issues]:
    """Yield the rows that were left out because another one says the same."""
    for piece in spool.table_read("issues"):
        yield Issues(pa.Table.from_batches([piece.filter(pc.equal(piece["level"], DUPLICATE))]))
