"""Prepare conversion events: rows of a query in, complete request bodies and issues out."""

from collections.abc import Generator, Iterator, Mapping

import duckdb

from destinations.preparation import careful
from destinations.preparation.bodies import Cutter, body_events, body_slice, opening
from destinations.preparation.contract import Context, Declaration, Issues, Piece, Prepared, Progress, Settings
from destinations.preparation.errors import PreparationError, engine_errors
from destinations.preparation.event_sql import EventSql
from destinations.preparation.repeats import gathered, ordinals, repeats
from destinations.preparation.streams import grouped, row_by_row

__all__ = ["Context", "Issues", "Prepared", "Progress", "body_events", "body_slice", "prepare"]


def prepare(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Mapping[str, str],
    *,
    spec: Declaration,
    settings: Settings,
    context: Context,
) -> Generator[Piece, None, None]:
    """Turn the rows of a relation into request bodies, issues and signs of progress, in the order of the rows.

    `relation` is a FROM expression with the query's columns and a BIGINT `_row` (1-based, ascending); `columns` maps
    the columns' names to DuckDB types; `settings` are cleaned for an orchestration. Every row ends in exactly one of:
    a body, a reject, a duplicate. Memory does not grow with the number of rows. The generator may be closed at any
    time. Raises PreparationError where the engine fails; a bad row never does.
    """
    for needed in ("event_source", "event_source_id"):
        if not settings.get(needed):
            raise PreparationError(f"The setting {needed} is missing.")
    sql = EventSql(spec, settings, context, relation, columns)
    cutter = Cutter(opening(settings), context.limits)
    with engine_errors(), careful.registered(con):
        yield from _prepare(con, sql, cutter)


def _prepare(con: duckdb.DuckDBPyConnection, sql: EventSql, cutter: Cutter) -> Iterator[Piece]:
    """Take the short way where every row is an event by itself."""
    found = repeats(con, sql)
    with ordinals(con, sql.whole) as ordinal:
        if not found.found:
            yield from row_by_row(con, sql, ordinal, cutter)
            return
        relation = sql.relation if found.together else gathered(con, sql)
        yield from grouped(con, sql, relation, ordinal, cutter)
