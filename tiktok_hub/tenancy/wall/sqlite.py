"""The wall on SQLite: triggers that ask our own connection what is opened. Reading is left to the managers."""

from django.db.backends.utils import CursorWrapper

from tiktok_hub.tenancy.wall.connecting import SQLITE_FUNCTION
from tiktok_hub.tenancy.wall.tables import APPEND_REFUSAL, TENANT_REFUSAL, Table

PREFIX = "hub_wall_"


def triggers(table: Table) -> dict[str, str]:
    """Return the triggers of a table: name → the statement that makes it."""
    found: dict[str, str] = {}
    for event, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
        refused = " OR ".join(f'NOT {SQLITE_FUNCTION}({row}."{table.column}")' for row in rows)
        condition, text = f" WHEN {refused}", TENANT_REFUSAL
        if table.append_only and event != "INSERT":
            condition, text = "", APPEND_REFUSAL
        name = f"{PREFIX}{event.lower()}_{table.name}"
        found[name] = (
            f'CREATE TRIGGER "{name}" BEFORE {event} ON "{table.name}"{condition} '
            f"BEGIN SELECT RAISE(ABORT, '{text}'); END"
        )
    return found


def lacking(cursor: CursorWrapper, tables: list[Table]) -> list[Table]:
    """Return the tables whose triggers are not exactly what they should be."""
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    present = dict(cursor.fetchall())
    return [table for table in tables if not triggers(table).items() <= present.items()]


def put_up(cursor: CursorWrapper, table: Table) -> None:
    """Make a table's triggers anew."""
    for name, statement in triggers(table).items():
        cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')
        cursor.execute(statement)
