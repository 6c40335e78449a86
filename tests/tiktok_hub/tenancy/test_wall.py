"""The database keeps tenants apart where the managers do not reach.

PostgreSQL holds reading and writing. SQLite has nothing that could hold reading: there the scoped managers are the one
wall for it, and `READ` says what then comes through.
"""

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction

from destinations.models import Credential
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.models import Membership, TenantMismatchError, TenantModel, User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

POSTGRESQL = connection.vendor == "postgresql"
TABLE = Credential._meta.db_table


@pytest.fixture
def ours(acme) -> Credential:
    """A credential of Acme."""
    with tenant_scope(acme):
        return Credential.objects.create(tenant=acme, name="ours")


@pytest.fixture
def theirs(globex) -> Credential:
    """A credential of Globex."""
    with tenant_scope(globex):
        return Credential.objects.create(tenant=globex, name="theirs")


def stored() -> set[tuple[str, str]]:
    """Return all credentials that there are: name and tenant."""
    with hub_scope():
        return set(Credential.objects.values_list("name", "tenant__slug"))


def raw(statement: str, *values: object) -> list[tuple[object, ...]]:
    """Run SQL past the managers. Returns what it answers."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


READERS = {
    "base manager": lambda: Credential._base_manager.values_list("name", flat=True),
    "raw SQL": lambda: [name for (name,) in raw(f"SELECT name FROM {TABLE}")],
    "raw query set": lambda: [row.name for row in Credential._base_manager.raw(f"SELECT * FROM {TABLE}")],
    "join in raw SQL": lambda: [
        name for (name,) in raw(f"SELECT c.name FROM tenancy_tenant t JOIN {TABLE} c ON c.tenant_id = t.id")
    ],
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_reading_past_the_managers_is_held_by_postgresql_and_not_by_sqlite(ours, theirs, acme, reader):
    with tenant_scope(acme):
        assert set(reader()) == ({"ours"} if POSTGRESQL else {"ours", "theirs"})


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_reading_past_the_managers_without_a_tenant_finds_nothing_on_postgresql(ours, theirs, reader):
    assert set(reader()) == (set() if POSTGRESQL else {"ours", "theirs"})


def test_a_join_from_people_leads_into_other_tenants_on_sqlite_alone(acme, globex, ada, charlie):
    with tenant_scope(globex):
        Membership.objects.create(tenant=globex, user=ada)
    with tenant_scope(acme):
        found = set(User.objects.filter(memberships__isnull=False).values_list("email", "memberships__tenant__slug"))
    held = {(ada.email, "acme")}
    assert found == (held if POSTGRESQL else held | {(ada.email, "globex"), (charlie.email, "globex")})


def test_the_audit_log_of_another_tenant_is_empty(acme, globex, ours, theirs):
    with tenant_scope(acme):
        assert set(Entry.objects.values_list("tenant", flat=True)) == {acme.pk}
        past_the_manager = set(Entry._base_manager.values_list("tenant", flat=True))
    assert past_the_manager == ({acme.pk} if POSTGRESQL else {acme.pk, globex.pk})


def test_an_entry_of_the_installation_is_written_whatever_is_opened_and_not_read_by_a_tenant(acme):
    audit_record(Action.LOGIN_FAILED, name="stranger@nowhere.example")
    with tenant_scope(acme):
        assert not Entry.objects.filter(action=Action.LOGIN_FAILED).exists()
    with hub_scope():
        assert Entry.objects.get(action=Action.LOGIN_FAILED).tenant_id is None


WRITERS = {
    "bulk_create": lambda ours, theirs: Credential._base_manager.bulk_create(
        [Credential(tenant=theirs.tenant, name="stray")]
    ),
    "update of theirs": lambda ours, theirs: Credential._base_manager.filter(pk=theirs.pk).update(name="taken"),
    "update of all": lambda ours, theirs: Credential._base_manager.exclude(pk=ours.pk).update(name="taken"),
    "bulk_update": lambda ours, theirs: Credential._base_manager.bulk_update(
        [Credential(pk=theirs.pk, name="taken")], ["name"]
    ),
    "giving ours away": lambda ours, theirs: Credential._base_manager.filter(pk=ours.pk).update(tenant=theirs.tenant),
    "taking theirs": lambda ours, theirs: Credential._base_manager.filter(pk=theirs.pk).update(tenant=ours.tenant),
    "delete": lambda ours, theirs: Credential._base_manager.filter(pk=theirs.pk).delete(),
    "upsert": lambda ours, theirs: Credential._base_manager.bulk_create(
        [Credential(pk=theirs.pk, tenant=ours.tenant, name="taken")],
        update_conflicts=True,
        update_fields=["name"],
        unique_fields=["pk"],
    ),
    "raw update": lambda ours, theirs: raw(f"UPDATE {TABLE} SET name = 'taken' WHERE name = 'theirs'"),
    "raw delete": lambda ours, theirs: raw(f"DELETE FROM {TABLE} WHERE name = 'theirs'"),
    "raw truncate": lambda ours, theirs: raw(
        f"TRUNCATE {TABLE} CASCADE" if POSTGRESQL else f"DELETE FROM {TABLE} WHERE name <> 'ours'"
    ),
    "replace": lambda ours, theirs: raw(
        f"UPDATE {TABLE} SET id = %s WHERE id = %s"
        if POSTGRESQL
        else f"UPDATE OR REPLACE {TABLE} SET id = %s WHERE id = %s",
        theirs.pk,
        ours.pk,
    ),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_writing_past_the_managers_changes_nothing_of_another_tenant(ours, theirs, acme, write):
    before = stored()
    with tenant_scope(acme):
        try:
            with transaction.atomic():
                write(ours, theirs)
        except DatabaseError:
            assert stored() == before
    assert stored() == before


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_writing_past_the_managers_without_a_tenant_changes_nothing(ours, theirs, write):
    before = stored()
    try:
        with transaction.atomic():
            write(ours, theirs)
    except DatabaseError:
        assert stored() == before
    assert stored() == before


def test_a_row_saved_for_another_tenant_is_refused(acme, globex):
    with tenant_scope(acme), pytest.raises(TenantMismatchError):
        Credential(tenant=globex, name="stray").save()
    assert stored() == set()


def test_a_row_saved_with_nothing_open_is_refused(acme):
    with pytest.raises(DatabaseError), transaction.atomic():
        Credential(tenant=acme, name="stray").save()
    assert stored() == set()


def test_the_wall_alone_refuses_a_row_of_another_tenant(acme, globex):
    with tenant_scope(acme), pytest.raises(DatabaseError), transaction.atomic():
        models.Model.save(Credential(tenant=globex, name="stray"))
    assert stored() == set()


def test_a_tenant_posted_with_a_form_is_not_looked_at(acme, globex, ada, client_of):
    form = {"name": "posted", "type": "tiktok", "tenant": globex.pk, "tenant_id": globex.pk}
    client_of(ada).post("/acme/destinations/credential/add/", form)
    assert stored() == {("posted", "acme")}


def test_no_form_or_filter_names_other_tenants(acme, globex, ada, client_of):
    browser = client_of(ada)
    for model in (model for model in apps.get_models() if issubclass(model, TenantModel)):
        for page in ("", "add/"):
            answer = browser.get(f"/acme/{model._meta.app_label}/{model._meta.model_name}/{page}")
            assert globex.name not in answer.content.decode()


@pytest.mark.parametrize("kind", ["tenant", "user"])
def test_deleting_on_the_platform_reaches_into_tenants_that_nobody_opened(root, acme, ada, ben, client_of, kind):
    subject = acme if kind == "tenant" else ben
    address = f"/platform/tenancy/{kind}/{subject.pk}/delete/"
    browser = client_of(root)
    assert "Membership" in browser.get(address).content.decode()
    browser.post(address, {"post": "yes"})
    assert not type(subject).objects.filter(pk=subject.pk).exists()
    with hub_scope():
        assert not Membership.objects.filter(user=ben).exists()
