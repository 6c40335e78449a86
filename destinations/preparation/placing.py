"""Positions as columns: the texts that the engine makes of them, and the tables that say what is where."""

from collections.abc import Iterator, Sequence

import duckdb
import numpy as np
import pyarrow as pa

from destinations.preparation.audience_sql import digest_name
from destinations.preparation.contract import PLACED_IDS_SCHEMA, PLACED_ROWS_SCHEMA, Placed
from destinations.preparation.digests import WORDS, Flags, Index, digest_column
from destinations.preparation.people import Positions
from destinations.preparation.spills import Partitions, Words

SHEET = "hub_positions"


def texts(con: duckdb.DuckDBPyConnection, positions: Positions, kinds: Sequence[int], sql: str) -> pa.StringArray:
    """Write a text for each position."""
    columns = {digest_name(kind): _column(positions, kind) for kind in kinds}
    con.register(SHEET, pa.table(columns))
    try:
        made = con.sql(f"SELECT {sql} AS text FROM {SHEET}").to_arrow_table()  # noqa: S608 - made of constants
    finally:
        con.unregister(SHEET)
    return made.column("text").combine_chunks()


def _column(positions: Positions, kind: int) -> pa.Array:
    if kind in positions.digests:
        return digest_column(positions.digests[kind], positions.there[kind])
    return pa.nulls(positions.count, pa.binary(32))


def placed(positions: Positions, batches: Index, places: Index) -> Placed:
    """Say in which batch, and where in it, the rows and ids of some positions are."""
    batches, places = batches.astype(np.int32), places.astype(np.int32)
    rows = None
    if positions.rows is not None:
        columns = [pa.array(batches), pa.array(places), pa.array(positions.rows, pa.int64())]
        rows = pa.Table.from_arrays(columns, schema=PLACED_ROWS_SCHEMA)
    tables = [
        _ids(kind, positions.digests[kind], positions.persons[kind], there, batches, places)
        for kind, there in positions.there.items()
    ]
    return Placed(rows, pa.concat_tables(tables))


def without_rows(positions: Iterator[Positions]) -> Iterator[Positions]:
    """Take positions for what is removed: no row is brought to the audience by it."""
    for some in positions:
        yield Positions(some.digests, some.there, some.persons, None)


def _ids(kind: int, digests: Words, persons: Words, there: Flags, batches: Index, places: Index) -> pa.Table:
    columns = [
        pa.array(batches[there]),
        pa.array(places[there]),
        pa.array(np.full(int(there.sum()), kind, np.uint8)),
        digest_column(digests[there]),
        pa.array(persons[there]),
    ]
    return pa.Table.from_arrays(columns, schema=PLACED_IDS_SCHEMA)


def state_positions(left: Partitions, parts: int) -> Iterator[Positions]:
    """Give what only a state has, person by person: one position per person, more where one has ids of a type twice.

    The order depends on persons and digests alone.
    """
    for part in range(parts):
        for records in left.chunks(part):
            yield _of_persons(records)


def _of_persons(records: Words) -> Positions:
    """Make positions of records of person, type and digest."""
    order = np.argsort(records[:, 0])
    persons = records[order, 0]
    if (persons[1:] == persons[:-1]).any():
        order = np.lexsort((*records.T[:1:-1], records[:, 1], records[:, 0]))
        records = records[order]
        rank = _rank(records[:, 0], records[:, 1])
        if rank.any():
            order = np.lexsort((records[:, 1], rank, records[:, 0]))
            records, rank = records[order], rank[order]
    else:
        records, rank = records[order], np.zeros(len(records), np.int64)
    new = np.ones(len(records), np.bool_)
    new[1:] = (records[1:, 0] != records[:-1, 0]) | (rank[1:] != rank[:-1])
    place, owners = np.cumsum(new) - 1, records[new, 0]
    digests, there = {}, {}
    for kind in np.unique(records[:, 1]).tolist():
        mine = records[:, 1] == kind
        digests[kind] = np.zeros((len(owners), WORDS), np.uint64)
        digests[kind][place[mine]] = records[mine, 2:]
        there[kind] = np.zeros(len(owners), np.bool_)
        there[kind][place[mine]] = True
    return Positions(digests, there, dict.fromkeys(there, owners), None)


def _rank(persons: Words, kinds: Words) -> Index:
    """Number the ids of one person and type, which stand together, from 0."""
    new = np.ones(len(persons), np.bool_)
    new[1:] = (persons[1:] != persons[:-1]) | (kinds[1:] != kinds[:-1])
    starts = np.flatnonzero(new)
    numbers = np.arange(len(persons))
    return numbers - np.repeat(starts, np.diff(np.append(starts, len(persons))))
