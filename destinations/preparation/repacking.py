"""Make new request bodies of events that were prepared before: each event byte for byte as it was."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from destinations.preparation.bodies import Cutter, body_times, list_parts, opening
from destinations.preparation.contract import REJECT, Context, Issues, Piece, Progress, Settings
from destinations.preparation.event_sql import WEEK, age_limit
from destinations.preparation.issues import issues_table, old_issues

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Kept:
    """Events of an earlier body that are wanted again.

    `positions` says which (ascending), `rows` which rows of the query are in them, and `position_of_row` in which of
    them each row is (ascending).
    """

    body: bytes
    positions: Ints
    position_of_row: Ints
    rows: Ints


def repack(kept: Iterable[Kept], *, settings: Settings, context: Context) -> Iterator[Piece]:
    """Put events into as few bodies as they fit in, in their order; what has become too old meanwhile is rejected.

    Ages are measured from the start of the run that sends them, as they are when rows are prepared.
    """
    cutter, oldest, read = Cutter(opening(settings), context.limits), context.now - age_limit(settings), 0
    for each in kept:
        times = body_times(each.body)[each.positions]
        event_of_row = np.searchsorted(each.positions, each.position_of_row)
        fresh = times >= oldest
        sent = fresh[event_of_row]
        if not sent.all():
            yield Issues(issues_table(each.rows[~sent], "timestamp", "timestamp_too_old", None, REJECT))
        yield from old_issues(each.rows[sent & (times < context.now - WEEK)[event_of_row]])
        if fresh.any():
            items = list_parts(each.body, "data")[1]
            texts = pa.array([items[position] + "," for position in each.positions[fresh]], pa.string())
            yield from cutter.add(texts, (np.cumsum(fresh) - 1)[event_of_row[sent]], each.rows[sent])
        read += len(each.rows)
        yield Progress(read)
    yield from cutter.flush()
