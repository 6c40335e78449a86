"""Cheap tests before the main pass: are there item rows to group, and equal rows that need an ordinal?

Most queries have neither, and then every row is an event by itself. The tests read few columns, run in the engine and
spill to disk where they must.
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
TOGETHER = "SELECT count(*) > 0, coalesce(bool_and(last - first + 1 = size), true) FROM pairs"


@dataclass(frozen=True)
class Repeats:
    """Whether (event, event_id) pairs repeat, and if so whether their rows stand together."""

    found: bool
    together: bool


def repeats(con: duckdb.DuckDBPyConnection, sql: EventSql) -> Repeats:
    """Test whether rows must be grouped. A 64-bit hash stands for the pair: a collision only costs the slower way."""
    event, given = sql.parts.value("event"), sql.parts.value("event_id")
    if given == "NULL":
        return Repeats(found=False, together=True)
    query = f"""{sql.parts.sql}, pairs AS (SELECT count(*) AS size, min(_row) AS first, max(_row) AS last FROM ready
            WHERE {given} IS NOT NULL AND {event} IS NOT NULL GROUP BY hash({event}, {given}) HAVING count(*) > 1)
        {TOGETHER}"""  # noqa: S608 - all parts are quoted
    found, together = con.sql(query).fetchall()[0]
    return Repeats(found, together or _together_but_for_rejects(con, sql))


def _together_but_for_rejects(con: duckdb.DuckDBPyConnection, sql: EventSql) -> bool:
    """Test again without the rows that cannot be part of any event: one of them between two items does no harm."""
    event, given = sql.parts.value("event"), sql.parts.value("event_id")
    query = f"""{sql.parts.sql}, places AS (SELECT row_number() OVER (ORDER BY _row) AS place,
                hash({event}, {given}) AS pair, {given} IS NOT NULL AS named FROM ready WHERE {event} IS NOT NULL),
            pairs AS (SELECT count(*) AS size, min(place) AS first, max(place) AS last FROM places
            WHERE named GROUP BY pair HAVING count(*) > 1)
        {TOGETHER}"""  # noqa: S608 - all parts are quoted
    _, together = con.sql(query).fetchall()[0]
    return bool(together)


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
