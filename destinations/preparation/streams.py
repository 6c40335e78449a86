"""Rows as they stream out of the engine, each an event by itself or an item of one."""

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa

from destinations.preparation.bodies import Cutter
from destinations.preparation.contract import Piece, Progress
from destinations.preparation.errors import PreparationError
from destinations.preparation.event_sql import EventSql
from destinations.preparation.grouping import Grouper, flags
from destinations.preparation.issues import listed_issues, old_issues

BATCH = 8_192
"""Rows per Arrow batch: four of the engine's vectors, some 6 MB of JSON."""


def row_by_row(con: duckdb.DuckDBPyConnection, sql: EventSql, ordinal: str, cutter: Cutter) -> Iterator[Piece]:
    """Make one event of each row."""
    read = 0
    for batch in batches(con, sql.rows(ordinal), "_row"):
        rows = batch.column("_row")
        yield from listed_issues(rows, batch.column("issues"))
        numbers = rows.to_numpy()
        yield from old_issues(numbers[flags(batch.column("old"))])
        texts, valid = batch.column("json"), batch.column("valid")
        if valid.false_count:
            numbers, texts = numbers[flags(valid)], texts.filter(valid)
        yield from cutter.add(texts, np.arange(len(texts)), numbers)
        read += batch.num_rows
        yield Progress(read)
    yield from cutter.flush()


def grouped(
    con: duckdb.DuckDBPyConnection, sql: EventSql, relation: str, ordinal: str, cutter: Cutter
) -> Iterator[Piece]:
    """Make one event of the rows with the same event and event_id."""
    grouper = Grouper(cutter, sql.assembly)
    read = 0
    for batch in batches(con, sql.groups(relation, ordinal), "_lead"):
        yield from grouper.add(batch)
        read += batch.num_rows
        yield Progress(read)
    yield from grouper.finish()


def batches(con: duckdb.DuckDBPyConnection, query: str, ordered: str, size: int = BATCH) -> Iterator[pa.RecordBatch]:
    """Stream a query's result, checking that the engine kept it in order."""
    reader = con.sql(query).to_arrow_reader(size)
    last = 0
    try:
        for batch in reader:
            if batch.num_rows:
                numbers = batch.column(ordered).to_numpy()
                if numbers[0] < last or (np.diff(numbers) < 0).any():
                    raise PreparationError("The engine gave the rows in another order than the query's.")
                last = int(numbers[-1])
                yield batch
    finally:
        reader.close()
