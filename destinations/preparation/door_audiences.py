"""Prepare posted changes of audiences: who is added or removed, as digests, by the same SQL as people of queries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson
import pyarrow as pa

from destinations.preparation.audience_sql import AudienceSql, digest_name, hexed
from destinations.preparation.contract import ID_TYPES, Context, Declaration, Settings
from destinations.preparation.door import Admitted, Row
from destinations.preparation.errors import engine_errors
from destinations.preparation.issues import listed_issues
from destinations.preparation.planned import Planned
from destinations.preparation.sql import literal

ACTION, PEOPLE = "action", "people"


@dataclass(slots=True)
class Changes(Admitted):
    """What became of some items: as of events, but the texts are people to add or remove."""

    def body(self, settings: Settings) -> bytes:
        """Return the people as one JSON object."""
        return b'{"%b":[%b]}' % (PEOPLE.encode(), ",".join(self.texts).encode())


class AudienceDoor:
    """Turns items into changes of an audience; belongs to one thread. Close it when done."""

    def __init__(self) -> None:
        self._planned = Planned[AudienceSql]()

    def close(self) -> None:
        """End the engine."""
        self._planned.close()

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
        settings = orjson.dumps(sql.settings, option=orjson.OPT_SORT_KEYS)
        names = [field.column for field in sql.fields]

        def plan(relation: str) -> tuple[AudienceSql, str]:
            made = replace(sql, relation=relation, columns=dict.fromkeys(names, "VARCHAR"))
            ids = " || ".join(_member(kind) for kind in made.kinds)
            return made, f"SELECT _row, issues, {ids} AS ids FROM ({made.reading()})"  # noqa: S608 - all parts are quoted

        schema = pa.schema([(name, pa.string()) for name in names])
        key = (id(sql.spec.fields), settings, sql.context.default_country)
        columns = [pa.array([row.get(name) for row in rows], pa.string()) for name in names]
        return self._planned.execute(self._planned.statement(key, schema, plan), columns)


def _member(kind: int) -> str:
    """Write an id as a member of a JSON object; nothing where there is none."""
    before = literal(f',"{ID_TYPES[kind].lower()}":"')
    return f"""CASE WHEN {digest_name(kind)} IS NULL THEN '' ELSE {before} || {hexed(kind)} || '"' END"""
