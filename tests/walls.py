"""Take the database's own triggers off the audit log, as somebody who may change tables could."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.base.operations import BaseDatabaseOperations

from tiktok_hub.tenancy.scope import hub_scope
from tiktok_hub.tenancy.wall import sqlite
from tiktok_hub.tenancy.wall.building import tables, wall_put_up


def log_unguard() -> None:
    """Let rows of the log be changed and deleted."""
    with connection.cursor() as cursor:
        for table in (table for table in tables(connection) if table.append_only):
            if connection.vendor == "postgresql":
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute(f'ALTER TABLE "{table.name}" DISABLE TRIGGER USER')
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            else:
                for name in sqlite.triggers(table):
                    cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')


@contextmanager
def intrusion() -> Iterator[None]:
    """Be somebody who may change tables, with everything in reach, until the block ends; then nothing has happened."""
    with transaction.atomic(), hub_scope():
        log_unguard()
        yield
        transaction.set_rollback(True)


@contextmanager
def flush_allowed() -> Iterator[None]:
    """Let Django empty the tables between tests that commit: the log refuses to be emptied, the wall asks for a scope.

    The operations' class is changed, not one connection's: a browser's event loop has a connection of its own.
    """
    kind = type(connection.ops)
    flush = kind.execute_sql_flush

    def flush_unguarded(operations: BaseDatabaseOperations, statements: list[str]) -> None:
        with hub_scope(), transaction.atomic():
            log_unguard()
            flush(operations, statements)
        wall_put_up()

    kind.execute_sql_flush = flush_unguarded
    try:
        yield
    finally:
        kind.execute_sql_flush = flush
