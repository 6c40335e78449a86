"""Take the database's own triggers off the audit log, as somebody who may change tables could."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from tiktok_hub.tenancy.scope import hub_scope
from tiktok_hub.tenancy.wall import sqlite
from tiktok_hub.tenancy.wall.building import tables, wall_put_up


@contextmanager
def log_unguarded() -> Iterator[None]:
    """Let rows of the log be changed and deleted until the block ends."""
    with connection.cursor() as cursor:
        for table in (table for table in tables(connection) if table.append_only):
            if connection.vendor == "postgresql":
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute(f'ALTER TABLE "{table.name}" DISABLE TRIGGER USER')
            else:
                for name in sqlite.triggers(table):
                    cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')
    yield
    wall_put_up()


@contextmanager
def flush_allowed() -> Iterator[None]:
    """Let Django empty the tables between tests that commit: the log refuses to be emptied, the wall asks for a scope.

    Only the flush of this process's own connection is let through.
    """
    flush = connection.ops.execute_sql_flush

    def flush_unguarded(statements: list[str]) -> None:
        with hub_scope(), transaction.atomic(), log_unguarded():
            flush(statements)

    connection.ops.execute_sql_flush = flush_unguarded
    try:
        yield
    finally:
        connection.ops.execute_sql_flush = flush
