"""Streams that cannot send keep what they accept, say why, and go on once the cause is gone."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.choices import RunStatus
from orchestrations.models import Chunk, Orchestration, Run, Stream
from orchestrations.streams.flushing import streams_tick
from orchestrations.streams.parking import stream_unpark
from tests.orchestrations.conftest import run_through
from tests.orchestrations.streams.conftest import items, runs_of
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

ACME_SET = "7654321098765432100"
TRACK = {"path": "/event/track/"}


def tick(stream: Stream) -> Stream:
    """Look at all streams when everything that waits is due, do what workers do, and return this one as it is then."""
    streams_tick(timezone.now() + timedelta(days=1))
    with tenant_scope(stream.tenant):
        for run in runs_of(stream):
            run_through(run)
        stream.refresh_from_db()
    return stream


def waiting(stream: Stream) -> int:
    with tenant_scope(stream.tenant):
        return Chunk.objects.filter(stream=stream, run=None).count()


def credential_set(tenant: Tenant, status: CredentialStatus) -> None:
    """Let the tenant's credentials be in a state."""
    with tenant_scope(tenant):
        Credential.objects.update(status=status)


def test_a_dead_credential_parks_before_anything_is_tried(acme, stream_new, chunk_new, emulator, held):
    stream = stream_new(acme)
    chunk_new(stream, items(3))
    credential_set(acme, CredentialStatus.EXPIRED)
    assert "expired" in tick(stream).parked["sentence"].lower()
    assert (runs_of(stream), waiting(stream)) == ([], 1)
    credential_set(acme, CredentialStatus.AUTHORISED)
    assert tick(stream).parked_at is None
    assert len(held(ACME_SET)) == 3


def test_a_credential_that_dies_on_the_way_parks_and_its_run_is_retried(acme, stream_new, chunk_new, fault, held):
    stream = stream_new(acme)
    fault({"match": TRACK, "action": {"code": 40105}})
    chunk_new(stream, items(3))
    parked = tick(stream)
    assert (parked.parked["resolution"], runs_of(stream)[0].status) == ("invalid_credentials", RunStatus.FAILED)
    chunk_new(stream, items(3, 3))
    tick(stream)
    assert (len(runs_of(stream)), waiting(stream)) == (1, 1)
    fault()
    credential_set(acme, CredentialStatus.AUTHORISED)
    tick(tick(stream))
    assert {run.status for run in runs_of(stream)} == {RunStatus.SUCCEEDED}
    assert {row["held"] for row in held(ACME_SET).values()} == {1}
    assert len(held(ACME_SET)) == 6


def test_a_wrong_event_set_waits_for_somebody_and_is_sent_to_the_right_one(acme, stream_new, chunk_new, held):
    stream = stream_new(acme)
    with tenant_scope(acme):
        Orchestration.objects.update(settings={"event_source_id": "7654321098765439999"})
    chunk_new(stream, items(3))
    assert tick(stream).parked["resolution"] == "missing_permissions"
    assert tick(stream).parked_at is not None
    with tenant_scope(acme):
        Orchestration.objects.update(settings={"event_source_id": ACME_SET})
        assert stream_unpark(stream) == 1
    assert tick(stream).parked_at is None
    (run,) = runs_of(stream)
    assert (run.status, run.accepted, run.selected, len(held(ACME_SET))) == (RunStatus.SUCCEEDED, 3, 3, 3)


def test_a_disabled_destination_parks_until_it_is_enabled(acme, stream_new, chunk_new, emulator):
    stream = stream_new(acme)
    chunk_new(stream, items(1))
    with tenant_scope(acme):
        Destination.objects.update(enabled=False)
    assert "is disabled" in tick(stream).parked["sentence"]
    with tenant_scope(acme), pytest.raises(ValidationError, match="is disabled"):
        stream_unpark(stream)
    with tenant_scope(acme):
        Destination.objects.update(enabled=True)
    assert tick(stream).parked_at is None
    assert waiting(stream) == 0


@pytest.mark.parametrize(
    ("code", "parked"), [({}, True), ({"test_event_code": "TEST1"}, False)], ids=["plain", "test events"]
)
def test_a_sandbox_sends_no_more_than_by_hand(acme, stream_new, chunk_new, settings, code, parked):
    stream = stream_new(acme)
    chunk_new(stream, items(1), **code)
    production = Tenant.objects.create(slug="production", name="Production")
    Tenant.objects.filter(pk=acme.pk).update(sandbox_of=production)
    settings.TIKTOK_API_URL = "https://tiktok.example/open_api/v1.3/"
    streams_tick(timezone.now() + timedelta(days=1))
    with tenant_scope(acme):
        stream.refresh_from_db()
    assert (stream.parked_at is not None, len(runs_of(stream))) == (parked, 0 if parked else 1)


def test_data_that_tiktok_refuses_parks_nothing(acme, stream_new, chunk_new, fault):
    stream = stream_new(acme)
    fault({"match": TRACK, "action": {"code": 40002, "message": "bad"}})
    chunk_new(stream, items(1))
    assert tick(stream).parked_at is None
    assert runs_of(stream)[0].refused == 1


def test_a_failed_run_that_somebody_left_as_it_is_is_not_retried(acme, stream_new, chunk_new, fault):
    stream = stream_new(acme)
    fault({"match": TRACK, "action": {"code": 40105}})
    chunk_new(stream, items(1))
    tick(stream)
    with tenant_scope(acme):
        Run.objects.update(skipped_at=timezone.now())
    credential_set(acme, CredentialStatus.AUTHORISED)
    tick(stream)
    assert [run.status for run in runs_of(stream)] == [RunStatus.FAILED]


def test_a_parked_stream_that_somebody_has_paused_stays_as_it_is(acme, stream_new, chunk_new, emulator):
    stream = stream_new(acme)
    chunk_new(stream, items(1))
    credential_set(acme, CredentialStatus.EXPIRED)
    tick(stream)
    with tenant_scope(acme):
        Stream.objects.update(paused=True)
    credential_set(acme, CredentialStatus.AUTHORISED)
    assert tick(stream).parked_at is not None
    assert waiting(stream) == 1
