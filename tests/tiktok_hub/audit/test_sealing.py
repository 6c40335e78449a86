"""Entries are sealed after their transaction, by many at once, and by the hourly task where nobody did."""

import threading

from django.db import connection, connections, transaction

from tests.tiktok_hub.audit.conftest import records
from tiktok_hub.audit.chain import chain_verify
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry, Seal
from tiktok_hub.audit.services import audit_record
from tiktok_hub.audit.tasks import audit_seal_task
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

THREADS, EACH = 6, 15


def test_entries_of_one_transaction_are_sealed_together_in_their_order(transactional_db, acme):
    with tenant_scope(acme), transaction.atomic():
        for number in range(3):
            audit_record(Action.RUN_STARTED, name=str(number))
        assert len(connection.run_on_commit) == 1
        assert len(records(acme)) == 1
    assert [entry.object_name for entry in records(acme)[1:]] == ["0", "1", "2"]


def test_what_a_savepoint_took_back_has_no_place(transactional_db, acme):
    with tenant_scope(acme), transaction.atomic():
        audit_record(Action.RUN_STARTED, name="kept")
        with transaction.atomic():
            audit_record(Action.RUN_STARTED, name="taken back")
            transaction.set_rollback(True)
        audit_record(Action.RUN_STARTED, name="kept too")
    assert [entry.object_name for entry in records(acme)[1:]] == ["kept", "kept too"]
    assert chain_verify(acme.pk).number == 3


def test_what_began_in_a_savepoint_that_was_taken_back_is_sealed(transactional_db, acme):
    with tenant_scope(acme), transaction.atomic():
        with transaction.atomic():
            audit_record(Action.RUN_STARTED, name="taken back")
            transaction.set_rollback(True)
        audit_record(Action.RUN_STARTED, name="kept")
    assert [entry.object_name for entry in records(acme)[1:]] == ["kept"]


def test_many_at_once_make_one_whole_chain(transactional_db, acme, globex):
    def work(tenant: Tenant) -> None:
        with tenant_scope(tenant):
            for number in range(EACH):
                with transaction.atomic():
                    audit_record(Action.RUN_STARTED, name=str(number))
        connections.close_all()

    threads = [threading.Thread(target=work, args=[tenant]) for tenant in (acme, globex) for _ in range(THREADS // 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tenant in (acme, globex):
        verdict = chain_verify(tenant.pk)
        assert (verdict.number, verdict.fault) == (1 + EACH * THREADS // 2, "")
    with hub_scope():
        assert Seal.objects.count() == Entry.objects.count()


def test_many_that_seal_the_same_entries_give_each_one_place(transactional_db, acme):
    with hub_scope():
        Entry.objects.bulk_create([Entry(tenant=acme, action=Action.ADDED, via="web") for _ in range(200)])

    def work() -> None:
        audit_seal_task()
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chain_verify(acme.pk).number == 201


def test_what_a_dead_process_left_is_sealed_by_the_task(acme):
    audit_record(Action.RUN_STARTED, tenant=acme)  # the test's transaction never ends, like that of a dead process
    assert records(acme) == []
    audit_seal_task()
    assert chain_verify(acme.pk).number == 2
