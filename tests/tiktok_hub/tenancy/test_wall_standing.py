"""The wall stands around every tenant-owned table, is put up again after migrations, and its holes are named."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, models, transaction
from django.db.models import ForeignKey

from destinations.models import Credential
from tiktok_hub.hub.prepare import database_prepare
from tiktok_hub.people.models import EmailDomain
from tiktok_hub.tenancy.models import Tenant, TenantModel
from tiktok_hub.tenancy.scope import hub_scope
from tiktok_hub.tenancy.wall import sqlite
from tiktok_hub.tenancy.wall.building import tables, wall_holes, wall_put_up
from tiktok_hub.tenancy.wall.checks import database_require, role_check, wall_check

POSTGRESQL = connection.vendor == "postgresql"
TABLE = Credential._meta.db_table


def wall_take_down() -> None:
    """Take the wall away around credentials, as somebody who may change tables could."""
    with connection.cursor() as cursor:
        if POSTGRESQL:
            cursor.execute(f"ALTER TABLE {TABLE} NO FORCE ROW LEVEL SECURITY")
        else:
            cursor.execute(f"DROP TRIGGER {next(iter(sqlite.triggers(credential_table())))}")


def credential_table():
    """Return what the wall knows of the table of credentials."""
    return next(table for table in tables(connection) if table.name == TABLE)


@contextmanager
def role_of_the_tests(attribute: str) -> Iterator[None]:
    """Be a role that the wall does not hold, until the block ends: a superuser of the server gives it."""
    parameters = connection.connection.info
    administrator = f"postgresql://postgres@/{quote(parameters.dbname)}?host={parameters.host}"
    with psycopg.connect(administrator, autocommit=True) as server:
        server.execute(f'ALTER ROLE "{parameters.user}" {attribute}')
        try:
            yield
        finally:
            server.execute(f'ALTER ROLE "{parameters.user}" NO{attribute}')


def test_every_model_that_belongs_to_a_tenant_is_tenant_owned():
    keyed = {
        model
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.related_model is Tenant and model is not Tenant
    }
    # The platform's own: a superuser gives a tenant its domains, which the log-in page reads before any tenant is open.
    assert {model for model in keyed if not issubclass(model, TenantModel)} == {EmailDomain}


def test_no_tenant_owned_model_has_a_table_between_that_belongs_to_nobody():
    owned = [model for model in apps.get_models() if issubclass(model, TenantModel)]
    between = [field.remote_field.through for model in owned for field in model._meta.local_many_to_many]
    assert [table for table in between if not issubclass(table, TenantModel)] == []


def test_the_wall_stands_around_every_tenant_owned_table(db):
    owned = {model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel)}
    assert {table.name for table in tables(connection)} == owned
    assert wall_holes(connection) == []


def test_a_table_that_migrations_rebuild_is_behind_the_wall_again(transactional_db):
    field = models.CharField(max_length=3, default="")
    field.set_attributes_from_name("extra")
    with connection.schema_editor() as editor:
        editor.add_field(Credential, field)
    with connection.schema_editor() as editor:
        editor.remove_field(Credential, field)
    assert wall_holes(connection) == ([] if POSTGRESQL else [TABLE])
    call_command("migrate", verbosity=0)
    assert wall_holes(connection) == []


def test_a_new_table_is_behind_the_wall_after_migrate(transactional_db):
    with hub_scope(), connection.schema_editor() as editor:
        editor.execute(f"CREATE TABLE {TABLE}_copy AS SELECT * FROM {TABLE}")
        editor.execute(f"ALTER TABLE {TABLE} RENAME TO {TABLE}_kept")
        editor.execute(f"ALTER TABLE {TABLE}_copy RENAME TO {TABLE}")
    try:
        assert wall_holes(connection) == [TABLE]
        call_command("migrate", verbosity=0)
        assert wall_holes(connection) == []
    finally:
        with connection.schema_editor() as editor:
            editor.execute(f"DROP TABLE {TABLE}")
            editor.execute(f"ALTER TABLE {TABLE}_kept RENAME TO {TABLE}")
        wall_put_up()


def test_a_hole_in_the_wall_is_named_and_nothing_starts(db):
    wall_take_down()
    (found,) = wall_check(databases=["default"])
    assert (found.id, TABLE in found.msg, bool(found.hint)) == ("hub.E011", True, True)
    with pytest.raises(ImproperlyConfigured, match=TABLE):
        database_require()
    wall_put_up()


def test_a_policy_that_somebody_added_is_a_hole_and_is_taken_away(db):
    with connection.cursor() as cursor:
        if POSTGRESQL:
            cursor.execute(f"CREATE POLICY door ON {TABLE} USING (true)")
        else:
            name = next(iter(sqlite.triggers(credential_table())))
            cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(f"CREATE TRIGGER {name} BEFORE INSERT ON {TABLE} BEGIN SELECT 1; END")
    assert wall_holes(connection) == [TABLE]
    wall_put_up()
    assert wall_holes(connection) == []


def test_the_hub_repairs_the_wall_before_it_starts(transactional_db):
    wall_take_down()
    assert database_prepare() is False
    assert wall_holes(connection) == []


def test_the_checks_of_a_database_include_the_wall(db):
    wall_take_down()
    assert "hub.E011" in {message.id for message in run_checks(databases=["default"])}
    assert "hub.E011" not in {message.id for message in run_checks()}
    wall_put_up()


def test_the_role_of_this_database_is_held_by_the_wall(db):
    assert role_check(databases=["default"]) == []


@pytest.mark.parametrize("attribute", ["SUPERUSER", "BYPASSRLS"])
@pytest.mark.parametrize(("debug", "expected"), [(False, ["hub.E010"]), (True, ["hub.W010"])], ids=["live", "debug"])
def test_a_role_that_would_pass_the_wall_is_refused_on_postgresql(
    transactional_db, settings, attribute, debug, expected
):
    settings.DEBUG = debug
    connection.ensure_connection()
    if not POSTGRESQL:
        assert role_check(databases=["default"]) == []
        return
    with role_of_the_tests(attribute):
        assert [message.id for message in role_check(databases=["default"])] == expected
        if not debug:
            with pytest.raises(ImproperlyConfigured, match="hub.E010"):
                database_require()
            with pytest.raises(CommandError, match="hub.E010"):
                call_command("migrate")


@pytest.mark.parametrize("table", ["audit_entry", "audit_seal"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_database_changes_and_deletes_nothing_of_the_audit_log(transactional_db, acme, table, statement):
    if "TRUNCATE" in statement and not POSTGRESQL:
        statement = "DELETE FROM {} WHERE 1 = 1"
    with hub_scope(), connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="can only be added to"), transaction.atomic():
            cursor.execute(statement.format(table))
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone()[0] > 0
