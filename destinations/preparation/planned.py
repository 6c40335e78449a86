"""An engine that plans once and executes often, for a few rows at a time.

Planning costs several times what a few hundred rows do. So the engine is given relations whose content changes, objects
that hand out an Arrow stream, and prepared statements over them.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

import duckdb
import pyarrow as pa

from destinations.preparation import careful

MOST = 32
"""Prepared statements that are kept; the one used longest ago makes room."""

Sql = TypeVar("Sql")


class Relation:
    """A relation whose content is put in from outside; the engine asks for it anew with each execution."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the present content to the engine."""
        return self.table.__arrow_c_stream__(requested_schema)


@dataclass(slots=True)
class Statement(Generic[Sql]):
    """A prepared statement, what it was made from, and the columns of the relation that it reads."""

    name: str
    sql: Sql
    schema: pa.Schema
    relation: Relation


class Planned(Generic[Sql]):
    """Prepared statements by key; belongs to one thread. Close it when done."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._con = self._stack.enter_context(duckdb.connect())
        self._con.execute("SET threads = 1")
        self._stack.enter_context(careful.registered(self._con))
        self._kept: dict[object, Statement[Sql]] = {}
        self._made = 0

    def __len__(self) -> int:
        return len(self._kept)

    def close(self) -> None:
        """End the engine."""
        self._stack.close()

    def statement(self, key: object, schema: pa.Schema, plan: Callable[[str], tuple[Sql, str]]) -> Statement[Sql]:
        """Return the statement of a key, made if there is none.

        `plan` gives, for the name of the relation, what the statement is made from and its text.
        """
        found = self._kept.pop(key, None) or self._make(schema, plan)
        self._kept[key] = found
        if len(self._kept) > MOST:
            oldest = self._kept.pop(next(iter(self._kept)))
            self._con.execute(f"DEALLOCATE {oldest.name}")
            self._con.unregister(oldest.name)
        return found

    def execute(self, statement: Statement[Sql], columns: list[pa.Array]) -> pa.Table:
        """Return what a statement gives for these columns; rows are numbered from 1 as `_row`."""
        numbers = pa.array(range(1, len(columns[0]) + 1 if columns else 1), pa.int64())
        statement.relation.table = pa.Table.from_arrays([numbers, *columns], schema=statement.schema)
        return self._con.sql(f"EXECUTE {statement.name}").to_arrow_table()

    def _make(self, schema: pa.Schema, plan: Callable[[str], tuple[Sql, str]]) -> Statement[Sql]:
        self._made += 1
        name = f"hub_planned_{self._made}"
        schema = pa.schema([("_row", pa.int64()), *schema])
        relation = Relation(schema.empty_table())
        self._con.register(name, relation)
        sql, text = plan(name)
        self._con.execute(f"PREPARE {name} AS {text}")
        return Statement(name, sql, schema, relation)
