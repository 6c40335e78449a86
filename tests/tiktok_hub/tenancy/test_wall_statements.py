"""The wall follows what is opened, statement by statement, and is otherwise not noticed."""

import sqlite3
import threading

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django_scopes.exceptions import ScopeError

from destinations.models import Credential
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import Opened, hub_scope, opened, tenant_scope

POSTGRESQL = connection.vendor == "postgresql"
TABLE = Credential._meta.db_table


def seen() -> set[str]:
    """Return whose credentials SQL can read (PostgreSQL) or the scope would let it (SQLite)."""
    if POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT name FROM {TABLE}")
            return {name for (name,) in cursor.fetchall()}
    with hub_scope():
        rows = list(Credential.objects.values_list("name", "tenant_id"))
    now = opened()
    return {name for name, tenant_id in rows if now.admits(tenant_id)}


def writable(tenant: Tenant) -> bool:
    """Say whether the database lets a row be written for this tenant now."""
    try:
        with transaction.atomic():
            Credential._base_manager.bulk_create([Credential(tenant=tenant, name="written")])
            transaction.set_rollback(True)
    except DatabaseError:
        return False
    return True


@pytest.fixture
def both(transactional_db, acme, globex) -> None:
    """A credential at each tenant, named after it."""
    for tenant in (acme, globex):
        with tenant_scope(tenant):
            Credential.objects.create(tenant=tenant, name=tenant.slug)


def test_nothing_is_open_outside_of_a_scope(both, acme):
    assert (opened(), seen(), writable(acme)) == (Opened(), set(), False)


def test_scopes_in_scopes_open_and_close_in_turn(both, acme, globex):
    found = []
    with tenant_scope(acme):
        found.append(seen())
        with tenant_scope(globex):
            found.append(seen())
            with hub_scope():
                found.append(seen())
                with tenant_scope(acme):
                    found.append(seen())
            found.append(seen())
        found.append(seen())
    assert found == [{"acme"}, {"globex"}, {"acme", "globex"}, {"acme"}, {"globex"}, {"acme"}]


def test_a_scope_that_ends_inside_a_transaction_is_closed_at_once(both, acme, globex):
    with transaction.atomic():
        with tenant_scope(acme):
            assert (seen(), writable(acme), writable(globex)) == ({"acme"}, True, False)
        assert (seen(), writable(acme)) == (set(), False)


def test_an_exception_closes_the_scope(both, acme):
    with pytest.raises(RuntimeError), tenant_scope(acme), transaction.atomic():
        raise RuntimeError
    assert (seen(), writable(acme)) == (set(), False)


def test_a_savepoint_that_is_rolled_back_changes_nothing_of_what_is_open(both, acme, globex):
    with tenant_scope(acme), transaction.atomic():
        with pytest.raises(DatabaseError), transaction.atomic(), tenant_scope(globex):
            Credential.objects.create(tenant=globex, name="globex")
        assert (seen(), writable(acme), writable(globex)) == ({"acme"}, True, False)


def test_a_query_made_inside_a_scope_and_run_outside_finds_nothing(both, acme):
    with tenant_scope(acme):
        later = Credential._base_manager.all()
    assert {row.name for row in later} == (set() if POSTGRESQL else {"acme", "globex"})


def test_a_tenant_that_is_not_stored_cannot_be_opened():
    with pytest.raises(ValueError, match="not stored"), tenant_scope(Tenant(slug="ghost")):
        seen()


def test_a_thread_begins_with_nothing_open(both, acme):
    found: list[object] = []

    def work() -> None:
        found.extend([opened(), seen(), writable(acme)])
        with pytest.raises(ScopeError):
            Credential.objects.count()
        connections.close_all()

    with tenant_scope(acme):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found == [Opened(), set(), False]


def test_threads_side_by_side_open_tenants_of_their_own(both, acme, globex):
    found: dict[str, list[set[str]]] = {}
    together = threading.Barrier(2)

    def work(tenant: Tenant) -> None:
        with tenant_scope(tenant):
            together.wait(10)
            found[tenant.slug] = [seen() for _ in range(50)]
        connections.close_all()

    threads = [threading.Thread(target=work, args=[tenant]) for tenant in (acme, globex)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {slug: [{slug}] * 50 for slug in ("acme", "globex")}


def test_a_connection_that_served_one_tenant_shows_the_next_only_its_own(both, acme, globex, ada, charlie, client_of):
    for user, own, other in ((ada, "acme", "globex"), (charlie, "globex", "acme")):
        page = client_of(user).get(f"/{own}/destinations/credential/").content.decode()
        assert f">{own}<" in page.replace("\n", "").replace(" ", "")
        assert f">{other}<" not in page.replace("\n", "").replace(" ", "")
    assert seen() == set()


def test_the_drivers_own_connection_has_nothing_open_after_a_statement(both, acme):
    with tenant_scope(acme):
        assert seen() == {"acme"}
    if POSTGRESQL:
        driver = connection.connection
        assert driver.execute("SELECT current_setting('hub.tenant', true)").fetchone()[0] in {None, ""}
        assert driver.execute(f"SELECT name FROM {TABLE}").fetchall() == []
    else:
        with pytest.raises(sqlite3.IntegrityError, match="not opened"):
            connection.connection.execute(f"DELETE FROM {TABLE}")


def test_counts_columns_and_keys_are_those_of_the_statement(both, acme):
    with tenant_scope(acme), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET name = %s WHERE tenant_id = %s", ["renamed %", acme.pk])
        assert cursor.rowcount == 1
        cursor.execute(f"SELECT id, name FROM {TABLE} WHERE tenant_id = {acme.pk}")
        assert [column[0] for column in cursor.description] == ["id", "name"]
        assert cursor.fetchone()[1] == "renamed %"
        assert cursor.fetchone() is None


def test_a_statement_for_many_rows_is_held_too(both, acme, globex):
    statement = f"UPDATE {TABLE} SET name = %s WHERE tenant_id = %s"
    with tenant_scope(acme), connection.cursor() as cursor:
        cursor.executemany(statement, [["one", acme.pk], ["two", acme.pk]])
        with pytest.raises(DatabaseError) if not POSTGRESQL else transaction.atomic():
            cursor.executemany(statement, [["three", globex.pk]])
    with hub_scope():
        assert set(Credential.objects.values_list("name", flat=True)) == {"two", "globex"}


def test_an_error_in_a_transaction_is_the_databases_own(both, acme):
    with tenant_scope(acme), transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            Credential.objects.create(tenant=acme, name="acme")
        assert Credential.objects.count() == 1


def test_reading_in_pieces_and_locking_rows_work_as_ever(both, acme):
    with tenant_scope(acme):
        assert list(Credential.objects.iterator(chunk_size=1)) == list(Credential.objects.all())
        with transaction.atomic():
            assert Credential.objects.select_for_update().get().name == "acme"
