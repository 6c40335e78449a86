"""Item rows to events: rows with the same event and event_id become one event with several contents.

Rows arrive with those of one event together. Work is done on columns: the first value of each field per group, contents
joined, values summed exactly. Only the rows of an event that is still open are held back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from destinations.preparation.assembly import Assembly
from destinations.preparation.contract import DUPLICATE, ISSUES_SCHEMA, REJECT, Issues, Piece, Receiver
from destinations.preparation.issues import issues_table, listed_issues, old_issues

HELD = 50_000
"""Rows of one open event that are held before its size is judged."""

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def flags(column: pa.Array) -> Flags:
    """Read a column of booleans without NULLs."""
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.bool_)


@dataclass
class Grouper:
    """Group rows that arrive in batches and hand the events to a cutter."""

    cutter: Receiver
    assembly: Assembly
    _open: list[pa.Table] = field(default_factory=list)
    _overflown: tuple[str, str] | None = None

    def add(self, batch: pa.RecordBatch) -> Iterator[Piece]:
        """Take a batch: rejected rows are reported at once, the others wait for the end of their event."""
        table = pa.Table.from_batches([batch])
        valid = batch.column("valid")
        yield from _row_rejects(table.filter(pc.invert(valid)))
        table = table.filter(valid).combine_chunks()
        if self._overflown:
            table, pieces = self._still_overflown(table)
            yield from pieces
        if not table.num_rows:
            return
        last = int(self._starts(table)[-1])
        if last or (self._open and not self._continues(table)):
            yield from self._close(table.slice(0, last))
            table = table.slice(last)
        self._open.append(table)
        if sum(held.num_rows for held in self._open) > HELD:
            yield from self._judge()

    def finish(self) -> Iterator[Piece]:
        """End the last event."""
        yield from self._close(None)
        yield from self.cutter.flush()

    def _starts(self, table: pa.Table) -> Ints:
        """Give the indices at which a new event begins; a row without event_id is one by itself."""
        fresh = np.ones(table.num_rows, np.bool_)
        size = table.num_rows - 1
        if size > 0:
            changed = np.zeros(size, np.bool_)
            for name in ("key_event", "key_id"):
                column = table.column(name)
                different = pc.not_equal(column.slice(1), column.slice(0, size))
                changed |= flags(pc.fill_null(different, True))
            fresh[1:] = changed
        return np.flatnonzero(fresh)

    def _continues(self, table: pa.Table) -> bool:
        key = _key(table, 0)
        return key is not None and key == _key(self._open[-1], -1)

    def _close(self, table: pa.Table | None) -> Iterator[Piece]:
        parts = [*self._open, *([table] if table is not None else [])]
        self._open = []
        if parts:
            whole = pa.concat_tables(parts).combine_chunks()
            yield from self._events(whole)

    def _events(self, table: pa.Table) -> Iterator[Piece]:
        """Make the events of complete groups."""
        if not table.num_rows:
            return
        starts = self._starts(table)
        sizes = np.diff(np.append(starts, table.num_rows))
        group = np.repeat(np.arange(len(starts)), sizes)
        lacking = self._lacking(table, starts)
        if (lacking >= 0).any():
            yield from self._lacking_rejects(table, lacking[group])
            table = table.filter(pa.array(lacking[group] < 0)).combine_chunks()
            sizes = sizes[lacking < 0]
            starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
            group = np.repeat(np.arange(len(sizes)), sizes)
            if not len(sizes):
                return
        if (sizes > 1).any():
            again = _duplicates(table, group)
            if again.any():
                rows = table.column("_row").to_numpy()[again]
                yield Issues(issues_table(rows, "event_id", "duplicate_row", None, DUPLICATE))
                table, group = table.filter(pa.array(~again)).combine_chunks(), group[~again]
                starts = np.flatnonzero(np.diff(group, prepend=-1))
        yield from _warnings(table)
        texts = self.assembly.texts(table, starts, group)
        yield from self.cutter.add(texts, group, table.column("_row").to_numpy())

    def _lacking(self, table: pa.Table, starts: Ints) -> Ints:
        """Give for each group the first requirement that none of its rows meets, -1 where all are met."""
        lacking = np.full(len(starts), -1)
        for index in reversed(range(self.assembly.needs)):
            met = np.logical_or.reduceat(flags(pc.is_null(table.column(f"need_{index}"))), starts)
            lacking[~met] = index
        return lacking

    def _lacking_rejects(self, table: pa.Table, lacking: Ints) -> Iterator[Piece]:
        for index in range(self.assembly.needs):
            some = table.filter(pa.array(lacking == index)).combine_chunks()
            if some.num_rows:
                needs = some.column(f"need_{index}").combine_chunks()
                parts = [needs.field(name) for name in ISSUES_SCHEMA.names[1:]]
                yield Issues(pa.Table.from_arrays([some.column("_row"), *parts], schema=ISSUES_SCHEMA))

    def _judge(self) -> Iterator[Piece]:
        """Drop repeats from an open event of many rows; give it up where it cannot fit into a request."""
        whole = pa.concat_tables(self._open).combine_chunks()
        again = _duplicates(whole, np.zeros(whole.num_rows, np.int64))
        distinct = whole.filter(pa.array(~again)).combine_chunks()
        items = distinct.column("item") if "item" in distinct.column_names else None
        size = pc.sum(pc.binary_length(items)).as_py() or 0 if items is not None else 0
        if size > self.cutter.limits.bytes_per_request:
            self._overflown, self._open = _key(whole, 0), []
            yield _too_large(whole)
        elif again.any():
            self._open = [distinct]
            rows = whole.column("_row").to_numpy()[again]
            yield Issues(issues_table(rows, "event_id", "duplicate_row", None, DUPLICATE))

    def _still_overflown(self, table: pa.Table) -> tuple[pa.Table, list[Piece]]:
        """Take off the rows that go on with an event already given up."""
        if not table.num_rows or _key(table, 0) != self._overflown:
            return table, []
        starts = self._starts(table)
        end = int(starts[1]) if len(starts) > 1 else table.num_rows
        if end < table.num_rows:
            self._overflown = None
        return table.slice(end), [_too_large(table.slice(0, end))]


def _too_large(table: pa.Table) -> Issues:
    return Issues(issues_table(table.column("_row").to_numpy(), "event_id", "event_too_large", None, REJECT))


def _key(table: pa.Table, index: int) -> tuple[str, str] | None:
    event, identity = table.column("key_event")[index].as_py(), table.column("key_id")[index].as_py()
    return None if identity is None else (event, identity)


def _duplicates(table: pa.Table, group: Ints) -> Flags:
    """Mark rows equal to an earlier one of their group in every column of the query."""
    same = table.column("same").to_numpy()
    order = np.lexsort((same, group))
    equal = (np.diff(group[order]) == 0) & (same[order][1:] == same[order][:-1])
    again = np.zeros(len(group), np.bool_)
    again[order[1:][equal]] = True
    return again


def _row_rejects(table: pa.Table) -> Iterator[Piece]:
    if table.num_rows:
        table = table.combine_chunks()
        yield from listed_issues(table.column("_row").combine_chunks(), table.column("issues").combine_chunks())


def _warnings(table: pa.Table) -> Iterator[Piece]:
    rows = table.column("_row").combine_chunks()
    yield from listed_issues(rows, table.column("issues").combine_chunks())
    yield from old_issues(rows.to_numpy()[flags(table.column("old"))])
