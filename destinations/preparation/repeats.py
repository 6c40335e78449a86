"""Cheap tests before the main pass: are there item rows to group, and equal rows that need an ordinal?

Most queries have neither, and then every row is an event by itself. The tests read few columns; what they keep of a row
are eight bytes, or is spilled to disk by the engine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from destinations.preparation.event_sql import LEAD, EventSql

ORDINAL = "careful_ordinal"
BATCH = 65_536
MOST = 25_000_000
"""Rows that are tested in memory (200 MB); more than that are sorted on disk without asking."""


@dataclass(frozen=True)
class Repeats:
    """Whether (event, event_id) pairs repeat, and if so whether their rows stand together."""

    found: bool
    together: bool


def repeats(con: duckdb.DuckDBPyConnection, sql: EventSql) -> Repeats:
    """Test whether rows must be grouped, and whether those of one event follow each other.

    Rows without event name are left out: one of them between two items does no harm. A 64-bit hash stands for the pair
    (eight bytes a row); a collision only costs the slower way.
    """
    event, given = sql.parts.value("event"), sql.parts.value("event_id")
    if given == "NULL":
        return Repeats(found=False, together=True)
    pair = f"CASE WHEN {given} IS NULL THEN hash(_row) ELSE hash({event}, {given}) END"
    query = f"{sql.parts.sql} SELECT {pair} AS pair FROM ready WHERE {event} IS NOT NULL"  # noqa: S608 - quoted
    parts, runs, last = [np.empty(0, np.uint64)], 0, None
    reader = con.sql(query).to_arrow_reader(BATCH)
    try:
        for batch in reader:
            pairs = batch.column(0).to_numpy()
            runs += int(np.count_nonzero(pairs[1:] != pairs[:-1])) + int(len(pairs) > 0 and pairs[0] != last)
            last = pairs[-1] if len(pairs) else last
            parts.append(pairs)
            if len(parts) > MOST // BATCH:
                return Repeats(found=True, together=False)
    finally:
        reader.close()
    every = np.concatenate(parts)
    every.sort()
    distinct = np.count_nonzero(every[1:] != every[:-1]) + int(len(every) > 0)
    return Repeats(found=bool(distinct < len(every)), together=bool(runs == distinct))


@contextmanager
def ordinals(con: duckdb.DuckDBPyConnection, sql: EventSql) -> Iterator[str]:
    """Lend SQL that gives the ordinal (from 2) of a row among equal rows without event_id, NULL for all others.

    Rejected rows are counted too: mending a row must not change the ids of its neighbours.
    """
    given = sql.parts.value("event_id")
    query = f"""CREATE OR REPLACE TEMP TABLE hub_keys AS
        {sql.parts.sql}
        SELECT _row, hash({sql.key}) AS key FROM ready WHERE {given} IS NULL"""  # noqa: S608 - all parts are quoted
    con.execute(query)
    numbered = """SELECT _row, ordinal::VARCHAR AS ordinal FROM
        (SELECT _row, row_number() OVER (PARTITION BY key ORDER BY _row) AS ordinal FROM hub_keys
            WHERE key IN (SELECT key FROM hub_keys GROUP BY key HAVING count(*) > 1))
        WHERE ordinal > 1 ORDER BY _row"""
    table = con.sql(numbered).to_arrow_table()
    con.execute("DROP TABLE hub_keys")
    if not table.num_rows:
        yield "NULL::VARCHAR"
        return
    rows, texts = table.column("_row").to_numpy(), table.column("ordinal").combine_chunks()
    con.create_function(
        ORDINAL,
        lambda asked: _looked_up(asked, rows, texts),
        ["BIGINT"],
        "VARCHAR",
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )
    try:
        yield f"{ORDINAL}(_row)"
    finally:
        con.remove_function(ORDINAL)


def _looked_up(asked: pa.ChunkedArray, rows: npt.NDArray[np.int64], texts: pa.StringArray) -> pa.Array:
    numbers = asked.to_numpy()
    at = np.minimum(np.searchsorted(rows, numbers), len(rows) - 1)
    return texts.take(pa.array(at, mask=rows[at] != numbers))


def gathered(con: duckdb.DuckDBPyConnection, sql: EventSql) -> str:
    """Give a relation in which the rows of an event stand together, at the place of its first row."""
    event, given = sql.parts.value("event"), sql.parts.value("event_id")
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE hub_pairs AS {sql.parts.sql}
        SELECT _row, hash({event}, {given}) AS one, hash({given}, {event}) AS two FROM ready
        WHERE {given} IS NOT NULL AND {event} IS NOT NULL"""  # noqa: S608 - all parts are quoted
    )
    con.execute(
        """CREATE OR REPLACE TEMP TABLE hub_leads AS SELECT _row, lead FROM
        (SELECT _row, min(_row) OVER (PARTITION BY one, two) AS lead FROM hub_pairs) WHERE lead <> _row"""
    )
    con.execute("DROP TABLE hub_pairs")
    return f"""(SELECT r.*, coalesce(l.lead, r._row) AS {LEAD} FROM {sql.relation} AS r
        LEFT JOIN hub_leads AS l ON r._row = l._row ORDER BY coalesce(l.lead, r._row), r._row)"""  # noqa: S608 - all parts are quoted
