"""Issues as Arrow tables: row, field, reason, masked value, level."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from destinations.preparation.contract import ISSUES_SCHEMA, WARNING, Issues


def issues_table(rows: npt.NDArray[np.int64], field: str, reason: str, value: str | None, level: str) -> pa.Table:
    """Say the same of many rows."""
    size = len(rows)
    texts = [pa.repeat(pa.scalar(text, pa.string()), size) for text in (field, reason, value, level)]
    return pa.Table.from_arrays([pa.array(rows, pa.int64()), *texts], schema=ISSUES_SCHEMA)


def listed_issues(rows: pa.Array, lists: pa.ListArray) -> Iterator[Issues]:
    """Unfold a column of lists of STRUCT(field, reason, value, level)."""
    if lists.null_count == len(lists):
        return
    structs = pc.list_flatten(lists)
    parents = rows.take(pc.list_parent_indices(lists))
    names = ISSUES_SCHEMA.names[1:]
    yield Issues(pa.Table.from_arrays([parents, *(structs.field(name) for name in names)], schema=ISSUES_SCHEMA))


def old_issues(rows: npt.NDArray[np.int64]) -> Iterator[Issues]:
    """Warn about rows of events older than seven days."""
    if len(rows):
        yield Issues(issues_table(rows, "timestamp", "older_than_7_days", None, WARNING))
