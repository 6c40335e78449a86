"""Prepare changes of audiences that were posted one by one: people to add or remove, as digests, in their order.

The last change that names an id decides about it, so that the result is what the changes would come to one after
another, however many of them are sent together. In a run no id is both added and removed.
"""

from collections.abc import Generator, Iterable, Iterator
from itertools import chain

import duckdb
import numpy as np
import pyarrow as pa

from destinations.preparation.audience_sql import AudienceSql, digest_name
from destinations.preparation.audiences import READ_ROWS, Preparation
from destinations.preparation.contract import (
    DUPLICATE,
    ID_TYPES,
    REJECT,
    Context,
    Declaration,
    Issues,
    Piece,
    Progress,
    Settings,
    Target,
)
from destinations.preparation.digests import Flags, Index
from destinations.preparation.door_audiences import ACTION
from destinations.preparation.errors import PreparationError, engine_errors
from destinations.preparation.issues import issues_table
from destinations.preparation.matching import CHANGES, REMOVE, Side
from destinations.preparation.people import People
from destinations.preparation.spills import Scratch, Split
from destinations.preparation.streams import batches
from destinations.preparation.told import StateReader

RELATION, TABLE = "hub_posted", "hub_changes"
COLUMNS = [name.lower() for name in ID_TYPES]
CHANGES_SCHEMA = pa.schema(
    [("_row", pa.int64()), ("removing", pa.bool_()), *((name, pa.binary(32)) for name in COLUMNS)]
)
"""The row of a change, whether it removes, and its ids."""


def changes_batch(people: Iterable[dict[str, str]], rows: Iterable[int]) -> pa.RecordBatch:
    """Make a part of the table of changes of what the door has written; `rows` are their rows."""
    people = list(people)
    ids = [[bytes.fromhex(each[name]) if name in each else None for each in people] for name in COLUMNS]
    removing = [each[ACTION] == REMOVE for each in people]
    return pa.record_batch([list(rows), removing, *ids], schema=CHANGES_SCHEMA)


def prepare_changes(
    con: duckdb.DuckDBPyConnection,
    changes: Iterable[pa.RecordBatch],
    *,
    spec: Declaration,
    settings: Settings,
    context: Context,
) -> Generator[Piece, None, None]:
    """Turn changes, in ascending order of their rows, into the requests that bring each target to them.

    People are added where the target is not told all of their ids. Who is removed is sent in any case: TikTok may have
    it from elsewhere. Every row is in exactly one of: rows_in_people of the tally, rejects (nothing of it is of a type
    that is selected), duplicates. Else as `audiences.prepare`. Raise PreparationError for file audiences.
    """
    if settings.get("transport") == "file":
        raise PreparationError("A file audience takes no single changes. Choose the streaming transport.")
    with engine_errors(), Scratch(context.work) as scratch:
        _table(con, changes)
        sql = AudienceSql(spec, settings, context, TABLE, {})
        yield from ChangesPreparation(con, sql, scratch).run()


def _table(con: duckdb.DuckDBPyConnection, changes: Iterable[pa.RecordBatch]) -> None:
    """Put changes into a table, part by part: the engine would ask for them from a thread of its own."""
    parts: Iterable[pa.RecordBatch] = chain([pa.RecordBatch.from_pylist([], CHANGES_SCHEMA)], changes)
    for number, part in enumerate(parts):
        con.register(RELATION, part)
        put = f"INSERT INTO {TABLE}" if number else f"CREATE OR REPLACE TEMP TABLE {TABLE} AS"
        con.execute(f"{put} FROM {RELATION}")  # noqa: S608 - constants
        con.unregister(RELATION)


def decided(kinds: Iterable[int]) -> str:
    """Select each row's ids but those about which a later row says the opposite; `given` says whether it had any."""
    kinds = list(kinds)
    own = [
        f"""CASE WHEN arg_max(removing, _row) OVER (PARTITION BY {COLUMNS[kind]}) = removing THEN {COLUMNS[kind]} END
            AS {digest_name(kind)}"""
        for kind in kinds
    ]
    given = " OR ".join(f"{COLUMNS[kind]} IS NOT NULL" for kind in kinds)
    return f"SELECT _row, removing, {given} AS given, {', '.join(own)} FROM {TABLE} ORDER BY _row"  # noqa: S608 - constants


class ChangesPreparation(Preparation):
    """A preparation of changes: like one of a query's rows, each of which also says what is to be done."""

    def __init__(self, con: duckdb.DuckDBPyConnection, sql: AudienceSql, scratch: Scratch) -> None:
        super().__init__(con, sql, scratch)
        self.removing = bytearray()

    def _reading(self, people: People) -> Iterator[Piece]:
        names = [digest_name(kind) for kind in people.kinds]
        for batch in batches(self.con, decided(people.kinds), "_row", READ_ROWS):
            rows = batch.column("_row").to_numpy()
            yield from _left_out(batch, rows, names)
            people.add(rows, [batch.column(name) for name in names])
            removing = np.zeros(int(rows[-1]) - len(self.removing), np.bool_)
            removing[rows - 1 - len(self.removing)] = _flags(batch.column("removing"))
            self.removing += removing.data
            self.read += batch.num_rows
            yield Progress(self.read)

    def _side(self, target: Target, split: Split, rows: int) -> Side:
        reader = StateReader(self.con, target.state, split, self.scratch.path)
        return Side(target, CHANGES, reader, rows, self.scratch, np.frombuffer(self.removing, np.bool_))


def _left_out(batch: pa.RecordBatch, rows: Index, names: list[str]) -> Iterator[Piece]:
    """Say which rows later ones have decided about entirely, and which have no id of a selected type."""
    left = np.logical_and.reduce([_flags(batch.column(name).is_null()) for name in names])
    given = _flags(batch.column("given"))
    if (left & given).any():
        yield Issues(issues_table(rows[left & given], ACTION, "superseded_change", None, DUPLICATE))
    if (left & ~given).any():
        yield Issues(issues_table(rows[left & ~given], ACTION, "missing_identity", None, REJECT))


def _flags(column: pa.Array) -> Flags:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.bool_)
