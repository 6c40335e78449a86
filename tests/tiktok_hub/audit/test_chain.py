"""Whatever somebody with all rights does to the log is found, and the first broken record is named."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.tiktok_hub.audit.conftest import records
from tests.walls import intrusion
from tiktok_hub.acting import Via
from tiktok_hub.audit.chain import START, chain_seal, chain_verify, chains, chains_seal, entry_digest
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry, Seal
from tiktok_hub.audit.services import audit_record
from tiktok_hub.tenancy.scope import hub_scope


def test_a_log_that_nobody_touched_is_whole(acme, globex, log):
    for tenant in (acme, globex):
        verdict = chain_verify(tenant.pk)
        assert (verdict.number, verdict.fault, verdict.late) == (6, "", [])


CHANGES = {
    "at": timezone.now() - timedelta(days=1),
    "actor_id": 7,
    "actor": "somebody.else@acme.example",
    "via": Via.SCHEDULE,
    "ip": "203.0.113.7",
    "action": Action.RUN_CANCELLED,
    "object_type": "orchestrations.query",
    "object_id": "99",
    "object_name": "another run",
    "changes": [],
    "tenant_id": None,
}


@pytest.mark.parametrize(("field", "value"), CHANGES.items(), ids=CHANGES)
def test_a_changed_field_is_found(acme, log, field, value):
    with intrusion():
        Entry.objects.filter(pk=log[2].pk).update(**{field: value})
        verdict = chain_verify(acme.pk)
    assert (verdict.number, verdict.entry_id) == (2, log[2].pk)
    assert "record 3" in verdict.fault


def test_a_changed_seal_is_found(acme, log):
    with intrusion():
        Seal.objects.filter(entry=log[3]).update(digest=START)
        assert "record 4" in chain_verify(acme.pk).fault


def test_a_deleted_record_is_found(acme, log):
    with intrusion():
        Seal.objects.filter(entry=log[2]).delete()
        Entry.objects.filter(pk=log[2].pk).delete()
        verdict = chain_verify(acme.pk)
    assert (verdict.number, verdict.fault) == (2, "record 3 is missing: the next one is number 4")


def test_a_deleted_record_whose_number_is_given_to_the_next_is_found(acme, log):
    with intrusion():
        Seal.objects.filter(entry=log[2]).delete()
        Entry.objects.filter(pk=log[2].pk).delete()
        for seal in Seal.objects.filter(chain=acme.pk, number__gt=3).order_by("number"):
            Seal.objects.filter(pk=seal.pk).update(number=seal.number - 1)
        verdict = chain_verify(acme.pk)
    assert (verdict.number, verdict.entry_id) == (2, log[3].pk)


def test_an_entry_deleted_under_its_seal_is_found(acme, log):
    with intrusion():
        Entry.objects.filter(pk=log[2].pk).delete()
        verdict = chain_verify(acme.pk)
    assert verdict.fault == f"record 3 is missing: its seal is of entry {log[2].pk}, which is gone"


def test_the_first_record_missing_is_found(acme, log):
    with intrusion():
        Seal.objects.filter(entry=log[0]).delete()
        verdict = chain_verify(acme.pk)
    assert (verdict.number, verdict.digest) == (0, START)
    assert "record 1 is missing" in verdict.fault


def test_a_record_slipped_in_with_a_right_digest_breaks_the_next_one(acme, log):
    with intrusion():
        for seal in Seal.objects.filter(chain=acme.pk, number__gte=3).order_by("-number"):
            Seal.objects.filter(pk=seal.pk).update(number=seal.number + 1)
        before = Seal.objects.get(chain=acme.pk, number=2)
        entry = Entry.objects.create(tenant=acme, action=Action.RUN_STARTED, via=Via.WEB, object_name="slipped in")
        digest = entry_digest(entry, 3, before.digest, before.at)
        Seal.objects.create(tenant=acme, entry=entry, chain=acme.pk, number=3, digest=digest, at=before.at)
        verdict = chain_verify(acme.pk)
    assert (verdict.number, verdict.entry_id) == (3, log[2].pk)


def test_an_entry_slipped_in_with_an_old_date_is_named_as_late(acme, log):
    with intrusion():
        old = timezone.now() - timedelta(days=30)
        entry = Entry.objects.create(tenant=acme, action=Action.RUN_STARTED, via=Via.WEB, at=old)
        chains_seal()
        verdict = chain_verify(acme.pk)
    assert (verdict.fault, verdict.late) == ("", [entry.pk])


def test_swapped_records_are_found(acme, log):
    with intrusion():
        first, second = Seal.objects.filter(entry__in=log[1:3]).order_by("number")
        Seal.objects.filter(pk=first.pk).update(number=-1)
        Seal.objects.filter(pk=second.pk).update(number=first.number)
        Seal.objects.filter(pk=first.pk).update(number=second.number)
        verdict = chain_verify(acme.pk)
    assert (verdict.number, verdict.entry_id) == (1, log[2].pk)


def test_a_record_of_another_tenant_is_found_in_a_chain(acme, globex, log):
    with intrusion():
        Seal.objects.filter(entry=log[5]).update(chain=globex.pk, number=7)
        assert "record 7" in chain_verify(globex.pk).fault


def tail_cut(log: list[Entry], number: int) -> None:
    """Delete the last records with their seals."""
    Seal.objects.filter(entry__in=log[-number:]).delete()
    Entry.objects.filter(pk__in=[entry.pk for entry in log[-number:]]).delete()


def test_a_tail_that_was_cut_off_is_found_by_a_head_noted_elsewhere(acme, log):
    noted = chain_verify(acme.pk)
    with intrusion():
        tail_cut(log, 2)
        assert chain_verify(acme.pk).fault == ""
        verdict = chain_verify(acme.pk, (noted.number, noted.digest))
    assert verdict.fault == "record 5 is missing: record 6 was noted, the tail was cut off"


@pytest.mark.parametrize("grown", [False, True], ids=["cut", "cut and grown again"])
def test_a_chain_written_anew_is_found_by_a_head_noted_elsewhere(acme, log, grown):
    noted = chain_verify(acme.pk)
    with intrusion():
        Entry.objects.filter(pk=log[2].pk).update(object_name="something else")
        Seal.objects.filter(chain=acme.pk).delete()
        if grown:
            audit_record(Action.RUN_STARTED, name="one more", tenant=acme)
        chain_seal(acme.pk)
        assert chain_verify(acme.pk).fault == ""
        verdict = chain_verify(acme.pk, (noted.number, noted.digest))
    assert "record 6 is not the one that was noted" in verdict.fault


def test_a_head_noted_earlier_holds_while_the_chain_grows(acme, log):
    noted = chain_verify(acme.pk)
    audit_record(Action.RUN_STARTED, tenant=acme)
    chains_seal()
    verdict = chain_verify(acme.pk, (noted.number, noted.digest))
    assert (verdict.number, verdict.fault) == (7, "")


def test_the_log_of_a_deleted_tenant_stays_and_is_sealed_and_verified(acme, log):
    chain = acme.pk
    acme.delete()
    assert chains_seal() > 0
    assert chain_verify(chain).number == 7
    assert chains()[chain] == f"(deleted tenant {chain})"
    with hub_scope():
        assert Entry.objects.filter(tenant=chain).latest("pk").action == Action.DELETED


def test_verifying_asks_the_database_for_thousands_at_a_time(acme, django_assert_max_num_queries):
    with hub_scope():
        Entry.objects.bulk_create([Entry(tenant=acme, action=Action.ADDED, via=Via.WEB) for _ in range(4100)])
    chain_seal(acme.pk)
    with django_assert_max_num_queries(8):
        assert chain_verify(acme.pk).number == 4101


def test_entries_get_their_places_when_the_transaction_has_ended(transactional_db, acme):
    audit_record(Action.RUN_STARTED, tenant=acme)
    assert [entry.action for entry in records(acme)] == [Action.ADDED, Action.RUN_STARTED]
