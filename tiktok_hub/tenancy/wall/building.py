"""Put the wall up: after every migrate, for every table that exists of a model that a tenant owns.

Django's migrations know nothing of it, so that a new model is behind it without anybody's doing; on SQLite they drop
triggers whenever they rebuild a table, which is why it is looked after each time. What stands as it should is left
alone: no locks are taken where nothing is to do.
"""

import logging
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tiktok_hub.tenancy.models import TenantModel
from tiktok_hub.tenancy.wall import postgres, sqlite
from tiktok_hub.tenancy.wall.tables import Table

logger = logging.getLogger(__name__)


def tables(connection: BaseDatabaseWrapper) -> list[Table]:
    """Return the tables of all tenant-owned models that exist in the database."""
    existing = set(connection.introspection.table_names())
    found = [
        Table(model._meta.db_table, model._meta.get_field("tenant").column, model.append_only)
        for model in apps.get_models()
        if issubclass(model, TenantModel) and model._meta.managed and not model._meta.proxy
    ]
    return sorted(table for table in found if table.name in existing)


def wall_holes(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of the tables that are not, or not wholly, behind the wall."""
    vendor = _vendor(connection)
    with connection.cursor() as cursor:
        return [table.name for table in vendor.lacking(cursor, tables(connection))]


def wall_put_up(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Put up what is missing of the wall, and take away what would be a door in it."""
    connection = connections[using]
    vendor = _vendor(connection)
    with transaction.atomic(using=using), connection.cursor() as cursor:
        lacking = vendor.lacking(cursor, tables(connection))
        for table in lacking:
            vendor.put_up(cursor, table)
    if lacking:
        logger.info("the wall between tenants was put up around %s", ", ".join(table.name for table in lacking))


def _vendor(connection: BaseDatabaseWrapper) -> Any:
    return postgres if connection.vendor == "postgresql" else sqlite
