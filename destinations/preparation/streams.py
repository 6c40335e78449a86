"""Rows as they stream out of the engine: each becomes one event."""

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa

from destinations.preparation.bodies import Cutter
from destinations.preparation.contract import Piece, Progress
from destinations.preparation.errors import PreparationError
from destinations.preparation.event_sql import EventSql
from destinations.preparation.issues import listed_issues, old_issues

BATCH = 20_480
"""Rows per Arrow batch: ten of the engine's vectors, some 15 MB of JSON."""


def row_by_row(con: duckdb.DuckDBPyConnection, sql: EventSql, cutter: Cutter) -> Iterator[Piece]:
    """Make one event of each row."""
    relation = f"(SELECT *, NULL::VARCHAR AS _ordinal FROM {sql.relation})"
    for batch in batches(con, sql.rows(relation)):
        rows = batch.column("_row")
        yield from listed_issues(rows, batch.column("issues"))
        numbers = rows.to_numpy()
        yield from old_issues(numbers[batch.column("old").to_numpy(zero_copy_only=False)])
        texts = batch.column("json")
        if texts.null_count:
            numbers, texts = numbers[texts.is_valid().to_numpy(zero_copy_only=False)], texts.drop_null()
        yield from cutter.add(texts, np.arange(len(texts)), numbers)
        yield Progress(int(rows[-1].as_py()))
    yield from cutter.flush()


def batches(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    """Stream a query's result, checking that its rows come in ascending order."""
    reader = con.sql(query).to_arrow_reader(BATCH)
    last = 0
    try:
        for batch in reader:
            if batch.num_rows:
                numbers = batch.column("_row").to_numpy()
                if numbers[0] <= last or (np.diff(numbers) <= 0).any():
                    raise PreparationError("The engine gave the rows in another order than the query's.")
                last = int(numbers[-1])
                yield batch
    finally:
        reader.close()
