"""What the tests of preparation share: run a kernel on some values, or prepare some rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from destinations.preparation import careful
from destinations.preparation.contract import Context, Issues, Limits, Piece, Prepared
from destinations.preparation.event_sql import EventSql
from destinations.preparation.events import prepare
from destinations.specs.events import SPEC

NOW = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
SET, PIXEL = "7181537436256731137", "C3QEXAMPLEPIXELCODE0"
Issue = tuple[int, str, str, str | None, str]


@dataclass
class Outcome:
    """What came out of a preparation."""

    bodies: list[bytes] = field(default_factory=list)
    rows: list[list[tuple[int, int]]] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event of every body."""
        return [event for body in self.bodies for event in orjson.loads(body)["data"]]

    @property
    def event(self) -> dict[str, Any]:
        """The one event there must be."""
        (event,) = self.events
        return event

    @property
    def reasons(self) -> list[tuple[int, str, str]]:
        """Row, reason and level of every issue, in the order of rows."""
        return sorted((row, reason, level) for row, _, reason, _, level in self.issues)


def default_settings(source: str, **settings: object) -> dict[str, object]:
    """Settings as an orchestration would have them."""
    identity = SET if source == "offline" else PIXEL
    page = {"default_page_url": "https://shop.example.com/"} if source == "web" else {}
    return {"event_source": source, "event_source_id": identity, **page, **settings}


def table_of(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Make a table whose columns are all names that appear in the rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})


def described(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Name → DuckDB type of a relation's columns."""
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}


def prepare_table(
    table: pa.Table,
    source: str = "offline",
    *,
    country: str | None = None,
    time_zone: str = "UTC",
    limits: Limits = SPEC.limits,
    threads: int = 1,
    now: int = NOW,
    casts: str = "*",
    **settings: object,
) -> Outcome:
    """Prepare a table's rows; `casts` is the SELECT list that makes the query's columns of it."""
    con = duckdb.connect()
    con.execute(f"SET threads = {threads}")
    con.register("given", table)
    con.execute(f"CREATE TABLE rows AS SELECT row_number() OVER () AS _row, * FROM (SELECT {casts} FROM given)")
    columns = {name: kind for name, kind in described(con, "rows").items() if name != "_row"}
    context = Context(now, time_zone, country, limits)
    merged = default_settings(source, **settings)
    return collected(prepare(con, "rows", columns, spec=SPEC, settings=merged, context=context))


def collected(pieces: Any) -> Outcome:
    """Gather the pieces of a preparation."""
    outcome = Outcome()
    piece: Piece
    for piece in pieces:
        if isinstance(piece, Prepared):
            outcome.bodies.append(piece.body)
            pairs = zip(piece.rows["position"].to_pylist(), piece.rows["row"].to_pylist(), strict=True)
            outcome.rows.append(list(pairs))
        elif isinstance(piece, Issues):
            outcome.issues += [tuple(issue.values()) for issue in piece.table.to_pylist()]
    return outcome


def prepare_rows(rows: Sequence[Mapping[str, object]], source: str = "offline", **more: Any) -> Outcome:
    """Prepare rows given as dicts."""
    return prepare_table(table_of(rows), source, **more)


def good_row(**columns: object) -> dict[str, object]:
    """A row that can be sent anywhere, with some columns changed."""
    row = {"event": "Purchase", "event_id": "e1", "timestamp": "2026-03-01T12:00:00Z", "email": "a@example.com"}
    return row | columns


def kernel_of(
    column: str,
    value: object,
    duckdb_type: str = "VARCHAR",
    *,
    source: str = "web",
    country: str | None = None,
    time_zone: str = "UTC",
    **settings: object,
) -> tuple[object, str | None]:
    """Run a column's kernel on one value: (normalised value, reason it is bad)."""
    con = duckdb.connect()
    con.execute("CREATE TABLE given (_row BIGINT, x VARCHAR)")
    con.execute("INSERT INTO given VALUES (1, ?)", [value])
    relation = f'(SELECT _row, x::{duckdb_type} AS "{column}" FROM given)'
    context = Context(NOW, time_zone, country, SPEC.limits)
    sql = EventSql(SPEC, default_settings(source, **settings), context, relation, {column: duckdb_type})
    kernel = next(reading.kernel for reading in sql.parts.readings if reading.field.column == column)
    with careful.registered(con):
        rows = con.execute(f"{sql.parts.sql} SELECT {kernel.value}, {kernel.bad} FROM ready").fetchall()
    return rows[0][0], rows[0][1]
