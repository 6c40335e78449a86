"""Prepare posted changes of audiences: who is added or removed, as digests, by the same SQL as people of queries."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import duckdb
import orjson
import pyarrow as pa

from destinations.preparation import careful
from destinations.preparation.audience_sql import AudienceSql, digest_name, hexed
from destinations.preparation.contract import ID_TYPES, Context, Declaration, Settings
from destinations.preparation.door import STATEMENTS, Admitted, Relation, Row
from destinations.preparation.errors import engine_errors
from destinations.preparation.issues import listed_issues
from destinations.preparation.sql import literal

ACTION, PEOPLE = "action", "people"


@dataclass(slots=True)
class Changes(Admitted):
    """What became of some items: as of events, but the texts are people to add or remove."""

    def body(self, settings: Settings) -> bytes:
        """Return the people as one JSON object."""
        return b'{"%b":[%b]}' % (PEOPLE.encode(), ",".join(self.texts).encode())


@dataclass(slots=True)
class Statement:
    """A prepared statement, the relation that it reads and its columns."""

    name: str
    relation: Relation
    schema: pa.Schema


class AudienceDoor:
    """Turns items into changes of an audience; belongs to one thread. Close it when done."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._con = self._stack.enter_context(duckdb.connect())
        self._con.execute("SET threads = 1")
        self._stack.enter_context(careful.registered(self._con))
        self._statements: dict[object, Statement] = {}
        self._made = 0

    def close(self) -> None:
        """End the engine."""
        self._stack.close()

    def prepare(
        self, items: Sequence[Sequence[Row]], *, spec: Declaration, settings: Settings, context: Context
    ) -> "Changes":
        """Prepare items in their order, each of one row: its `action` (add or remove) and columns of the declaration.

        All are texts; 64 hexadecimal digits are a hash that the customer made. The texts of what is admitted are JSON
        objects: the action, and the digests (hex) by the names of the columns. Raise PreparationError where the engine
        fails; a bad item never does.
        """
        admitted = Changes()
        rows = [row for [row] in items]
        with engine_errors():
            table = self._read(rows, AudienceSql(spec, settings, context, "", {}))
        for issues in listed_issues(table["_row"].combine_chunks(), table["issues"].combine_chunks()):
            admitted.issues += [[issue.pop("row") - 1, *issue.values()] for issue in issues.table.to_pylist()]
        for row, ids in zip(table["_row"].to_pylist(), table["ids"].to_pylist(), strict=True):
            if ids:
                admitted.numbers.append(row - 1)
                admitted.texts.append(f'{{"{ACTION}":"{rows[row - 1][ACTION]}"{ids}}}')
        return admitted

    def _read(self, rows: Sequence[Row], sql: AudienceSql) -> pa.Table:
        """Return _row (from 1), issues, and the ids as members of a JSON object, each with a comma before it."""
        statement = self._statement(sql)
        columns = [pa.array([row.get(name) for row in rows], pa.string()) for name in statement.schema.names[1:]]
        numbers = pa.array(range(1, len(rows) + 1), pa.int64())
        statement.relation.table = pa.Table.from_arrays([numbers, *columns], schema=statement.schema)
        return self._con.sql(f"EXECUTE {statement.name}").to_arrow_table()

    def _statement(self, sql: AudienceSql) -> Statement:
        """Return the statement that reads items under these settings, made if there is none."""
        settings = orjson.dumps(sql.settings, option=orjson.OPT_SORT_KEYS)
        key = (id(sql.spec.fields), settings, sql.context.default_country)
        made = self._statements.pop(key, None) or self._make(sql)
        self._statements[key] = made
        if len(self._statements) > STATEMENTS:
            oldest = self._statements.pop(next(iter(self._statements)))
            self._con.execute(f"DEALLOCATE {oldest.name}")
            self._con.unregister(oldest.name)
        return made

    def _make(self, sql: AudienceSql) -> Statement:
        self._made += 1
        name, columns = f"hub_door_{self._made}", [field.column for field in sql.fields]
        schema = pa.schema([("_row", pa.int64()), *((column, pa.string()) for column in columns)])
        relation = Relation(schema.empty_table())
        self._con.register(name, relation)
        reading = AudienceSql(sql.spec, sql.settings, sql.context, name, dict.fromkeys(columns, "VARCHAR")).reading()
        ids = " || ".join(_member(kind) for kind in sql.kinds)
        self._con.execute(f"PREPARE {name} AS SELECT _row, issues, {ids} AS ids FROM ({reading})")  # noqa: S608 - all parts are quoted
        return Statement(name, relation, schema)


def _member(kind: int) -> str:
    """Write an id as a member of a JSON object; nothing where there is none."""
    before = literal(f',"{ID_TYPES[kind].lower()}":"')
    return f"""CASE WHEN {digest_name(kind)} IS NULL THEN '' ELSE {before} || {hexed(kind)} || '"' END"""
