"""Tell the database what is opened, statement by statement, so that nothing has to be kept in step.

PostgreSQL gets it as a setting that ends with the transaction, in the same message as the statement: true in
autocommit, after a savepoint, and behind a pooler that gives each transaction another connection. A statement that
reaches the server by another way (a raw psycopg cursor) finds nothing opened. SQLite asks back, through a function
that only our own connections have.
"""

import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.sql import SQL, Composable

from tiktok_hub.tenancy.scope import opened

TENANT_SETTING, ALL_SETTING = "hub.tenant", "hub.all"
SQLITE_FUNCTION = "hub_tenant_ok"

Execute = Callable[[Any, Any, bool, dict[str, Any]], Any]

# They touch no rows, and cannot stand behind another statement: in a transaction that failed, or in any at all.
_ALONE = re.compile(
    r"\s*(SAVEPOINT|RELEASE|ROLLBACK|COMMIT|BEGIN|SET|SHOW|VACUUM|REINDEX|(CREATE|DROP|ALTER)\s+(DATABASE|SYSTEM)"
    r"|(CREATE|DROP)\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY)\b",
    re.IGNORECASE,
)


def connection_prepare(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Teach a new connection to tell the database what is opened."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(SQLITE_FUNCTION, 1, lambda tenant_id: opened().admits(tenant_id))
        # Without it, INSERT OR REPLACE would delete a row past the triggers.
        connection.connection.execute("PRAGMA recursive_triggers = ON")
    elif connection.vendor == "postgresql" and setting_tell not in connection.execute_wrappers:
        connection.execute_wrappers.append(setting_tell)


def setting_tell(execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Run a statement on PostgreSQL with what is opened before it, in one message and one transaction."""
    if isinstance(sql, str) and _ALONE.match(sql):
        return execute(sql, params, many, context)
    if many:
        return _many(execute, sql, params, context)
    told: Any = SQL(setting_sql()) + sql if isinstance(sql, Composable) else setting_sql() + sql
    answer = execute(told, params, many, context)
    context["cursor"].nextset()
    return answer


def _many(execute: Execute, sql: Any, params: Any, context: dict[str, Any]) -> Any:
    """Run a statement for many parameters: the driver sends each alone, so the setting goes before them all."""
    connection: BaseDatabaseWrapper = context["connection"]
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return execute(sql, params, True, context)


def setting_sql() -> str:
    """Return the statement that says what is opened, until the transaction ends."""
    now = opened()
    tenant = "" if now.tenant_id is None else int(now.tenant_id)
    settings = ((TENANT_SETTING, tenant), (ALL_SETTING, "1" if now.all else ""))
    return "SELECT " + ",".join(f"set_config('{name}','{value}',true)" for name, value in settings) + ";"
