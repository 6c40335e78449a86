"""Prepare posted events a few at a time, by the same SQL as events of queries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from destinations.preparation.bodies import SUFFIX, opening
from destinations.preparation.contract import (
    DUPLICATE,
    REJECT,
    WARNING,
    Context,
    Declaration,
    Issues,
    Limits,
    Piece,
    Settings,
)
from destinations.preparation.errors import engine_errors
from destinations.preparation.event_sql import EventSql
from destinations.preparation.grouping import Grouper, flags
from destinations.preparation.issues import listed_issues, old_issues
from destinations.preparation.planned import Planned, Statement

Row = Mapping[str, object]
Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Admitted:
    """What became of some items: `texts` are the events' JSON, `numbers` the items they are of, in their order.

    `issues` are `[number, field, reason, masked value, level]`.
    """

    texts: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    issues: list[list[Any]] = field(default_factory=list)

    def settle(self) -> None:
        """Put events in the order of the items; an item of which any row is bad is not an event."""
        bad = {issue[0] for issue in self.issues if issue[4] == REJECT}
        events = sorted(pair for pair in zip(self.numbers, self.texts, strict=True) if pair[0] not in bad)
        self.numbers, self.texts = [number for number, _ in events], [text for _, text in events]

    def body(self, settings: Settings) -> bytes:
        """Return a request body of the events."""
        return opening(settings) + ",".join(self.texts).encode() + SUFFIX


class EventDoor:
    """Turns items into events; belongs to one thread. Close it when done."""

    def __init__(self) -> None:
        self._planned = Planned[EventSql]()
        self._columns: dict[object, set[str]] = {}

    def close(self) -> None:
        """End the engine."""
        self._planned.close()

    def prepare(
        self, items: Sequence[Sequence[Row]], *, spec: Declaration, settings: Settings, context: Context
    ) -> Admitted:
        """Prepare items, each the rows of one event (several where it has several contents), in their order.

        Rows map names of the declaration's columns to texts, or e-mails, phones and external ids to lists of texts.
        Every row of an item of several has the same event and event_id. Raise PreparationError where the engine fails;
        a bad item never does.
        """
        admitted = Admitted()
        with engine_errors():
            for (lists, grouped), chosen in _alike(items).items():
                rows = [(number, row) for number in chosen for row in items[number]]
                statement = self._statement(rows, lists, grouped=grouped, sql=(spec, settings, context))
                item_of_row = np.array([number for number, _ in rows], np.int64)
                taker = Taker(admitted, item_of_row, Limits(1, context.limits.bytes_per_request))
                result = self._planned.execute(statement, _columns(rows, statement.schema))
                for piece in _pieces(result, statement.sql, taker, grouped=grouped):
                    taker.issues(piece)
        admitted.settle()
        return admitted

    def _statement(
        self,
        rows: list[tuple[int, Row]],
        lists: frozenset[str],
        *,
        grouped: bool,
        sql: tuple[Declaration, Settings, Context],
    ) -> Statement[EventSql]:
        """Return the statement that reads these rows' columns under these settings.

        It reads every column that was seen under them so far, so that few statements serve items of all shapes.
        """
        spec, settings, context = sql
        alike = (id(spec.fields), orjson.dumps(settings, option=orjson.OPT_SORT_KEYS), lists, grouped)
        seen = self._columns.setdefault(alike, set())
        seen.update(name for _, row in rows for name in row)
        columns = {name: "VARCHAR[]" if name in lists else "VARCHAR" for name in sorted(seen)}

        def plan(relation: str) -> tuple[EventSql, str]:
            made = EventSql(spec, settings, context, relation, columns)
            return made, made.groups(relation, "NULL::VARCHAR") if grouped else made.rows("NULL::VARCHAR")

        fields = [(column, pa.list_(pa.string()) if column in lists else pa.string()) for column in columns]
        return self._planned.statement((alike, context, len(seen)), pa.schema(fields), plan)


def _pieces(result: pa.Table, sql: EventSql, taker: "Taker", *, grouped: bool) -> Iterator[Piece]:
    """Give what a statement found to a taker, and yield what is wrong."""
    batch = next(iter(result.combine_chunks().to_batches()), None)
    if batch is None:
        return
    if grouped:
        grouper = Grouper(taker, sql.assembly)
        yield from grouper.add(batch)
        yield from grouper.finish()
        return
    rows = batch.column("_row")
    numbers, valid = rows.to_numpy(), batch.column("valid")
    yield from listed_issues(rows, batch.column("issues"))
    yield from old_issues(numbers[flags(batch.column("old"))])
    texts = batch.column("json").filter(valid)
    yield from taker.add(texts, np.arange(len(texts)), numbers[flags(valid)])


class Taker:
    """Takes finished events where queries have a cutter: it makes no bodies, and remembers whose they are."""

    def __init__(self, admitted: Admitted, item_of_row: Ints, limits: Limits) -> None:
        self.admitted, self.item_of_row, self.limits = admitted, item_of_row, limits
        self.told: set[tuple[object, ...]] = set()

    def add(self, texts: pa.StringArray, event_of_row: Ints, rows: Ints) -> Iterator[Piece]:
        """Take events; `event_of_row` (ascending) says for each row which text it is part of."""
        first = np.searchsorted(event_of_row, np.arange(len(texts)))
        sizes = pc.binary_length(texts).to_numpy()
        for text, number, size in zip(
            texts.to_pylist(), self.item_of_row[rows[first] - 1].tolist(), sizes, strict=True
        ):
            if size > self.limits.bytes_per_request:
                self.admitted.issues.append([number, "event_id", "event_too_large", None, REJECT])
            else:
                self.admitted.texts.append(text[:-1])
                self.admitted.numbers.append(number)
        yield from ()

    def flush(self) -> Iterator[Piece]:
        """End: nothing is held back."""
        yield from ()

    def issues(self, piece: Piece) -> None:
        """Take what was found wrong, once per item."""
        if isinstance(piece, Issues):
            for issue in piece.table.to_pylist():
                number = int(self.item_of_row[issue["row"] - 1])
                level = WARNING if issue["level"] == DUPLICATE else issue["level"]
                told = (number, issue["field"], issue["reason"], issue["value"], level)
                if told not in self.told:
                    self.told.add(told)
                    self.admitted.issues.append(list(told))


def _alike(items: Iterable[Sequence[Row]]) -> dict[tuple[frozenset[str], bool], list[int]]:
    """Sort the numbers of items by what their statement must be able to do."""
    found: dict[tuple[frozenset[str], bool], list[int]] = {}
    for number, rows in enumerate(items):
        lists = frozenset(name for name, value in rows[0].items() if isinstance(value, list))
        found.setdefault((lists, len(rows) > 1), []).append(number)
    return found


def _columns(rows: list[tuple[int, Row]], schema: pa.Schema) -> list[pa.Array]:
    return [pa.array([row.get(name) for _, row in rows], schema.field(name).type) for name in schema.names[1:]]
