"""Audiences are read back from TikTok on their schedule, once, whatever gets in the way."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential
from destinations.tiktok.audience_calls import RemoteAudience
from destinations.tiktok.errors import CredentialError
from orchestrations import tasks
from orchestrations.audiences.readings import audience_read, audiences_read, reading_next, status_of, tenants_due
from orchestrations.choices import AudienceStatus, RunStage, RunStatus
from orchestrations.models import Audience, AudienceReading, Run
from tests.orchestrations.audiences.made import TikTok, audience_made, orchestration_made, people, run_made, state_held
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def tiktok(emulator, acme) -> TikTok:
    """TikTok as Acme sees it."""
    return TikTok(emulator, acme)


def read(tenant: Tenant) -> int:
    """Read a tenant's audiences that are due, as the task does."""
    with tenant_scope(tenant):
        return audiences_read()


def fresh(audience: Audience) -> Audience:
    """Return an audience as the database has it."""
    with tenant_scope(audience.tenant):
        return Audience.objects.get(pk=audience.pk)


def readings(audience: Audience) -> list[AudienceReading]:
    """Return the series of an audience."""
    with tenant_scope(audience.tenant):
        return list(AudienceReading.objects.filter(audience=audience))


def remote(**changes: Any) -> RemoteAudience:
    """Make what TikTok says of a good audience, but for the changes."""
    good: dict[str, Any] = {
        "id": "1", "name": "members", "type": "Partner", "calculate_type": "MULTIPLE_TYPES", "size": 1_000,
        "is_valid": True, "is_expiring": False, "expired_at": NOW + timedelta(days=300), "message": "Available",
        "error_message": "", "is_creator": True,
    }  # fmt: skip
    return RemoteAudience(**{**good, **changes})


@pytest.mark.parametrize(
    ("said", "status"),
    [
        pytest.param(None, AudienceStatus.DELETED, id="left out of the answer"),
        pytest.param(remote(), AudienceStatus.READY, id="at the floor"),
        pytest.param(remote(size=999), AudienceStatus.TOO_SMALL, id="below the floor"),
        pytest.param(remote(size=0), AudienceStatus.TOO_SMALL, id="nobody matched"),
        pytest.param(remote(size=None), AudienceStatus.CALCULATING, id="not counted yet"),
        pytest.param(remote(is_valid=False), AudienceStatus.CALCULATING, id="being calculated"),
        pytest.param(remote(is_expiring=True), AudienceStatus.EXPIRING, id="expiring"),
        pytest.param(remote(is_expiring=True, size=5), AudienceStatus.TOO_SMALL, id="expiring and small"),
        pytest.param(remote(is_valid=False, expired_at=NOW), AudienceStatus.EXPIRED, id="expired by date"),
        pytest.param(remote(is_valid=False, message="Expired"), AudienceStatus.EXPIRED, id="expired by word"),
        pytest.param(
            remote(is_valid=False, message="Audience is not editable"), AudienceStatus.NOT_EDITABLE, id="not editable"
        ),
        pytest.param(remote(error_message="APPEND failed"), AudienceStatus.FAILED, id="failed though valid"),
        pytest.param(remote(is_valid=False, error_message="failed"), AudienceStatus.FAILED, id="failed and not valid"),
    ],
)
def test_status_follows_what_tiktok_says(said, status):
    assert status_of(said, NOW) == status


@pytest.mark.parametrize(
    ("hours_ago", "wait"),
    [
        pytest.param(0, 1, id="just changed"),
        pytest.param(1, 5, id="at the first step"),
        pytest.param(7, 17, id="between steps"),
        pytest.param(48, 24, id="after the last step"),
        pytest.param(500, 24, id="long ago"),
        pytest.param(None, 24, id="never changed"),
    ],
)
def test_next_reading_is_some_hours_after_the_change_then_daily(settings, hours_ago, wait):
    settings.HUB_READING_HOURS = [1, 6, 24, 48]
    changed = None if hours_ago is None else NOW - timedelta(hours=hours_ago)
    assert reading_next(changed=changed, now=NOW) == NOW + timedelta(hours=wait)


def test_steps_may_be_fractions_of_an_hour(settings):
    settings.HUB_READING_HOURS = [0.001, 0.002]
    assert reading_next(changed=NOW, now=NOW) == NOW + timedelta(seconds=3.6)


@pytest.mark.parametrize(("count", "status"), [(1_000, AudienceStatus.READY), (999, AudienceStatus.TOO_SMALL)])
def test_reading_keeps_size_and_status(tiktok, acme, count, status):
    audience = audience_made(acme, people(5), audience_id=tiktok.streamed(count))
    tiktok.later()
    assert read(acme) == 1
    seen, [reading] = fresh(audience), readings(audience)
    assert (seen.status, seen.size, reading.status, reading.size, reading.told) == (status, count, status, count, 5)


def test_reading_keeps_the_expiry_and_the_next_time(tiktok, acme):
    audience = audience_made(acme, people(5), audience_id=tiktok.streamed(5))
    read(acme)
    seen = fresh(audience)
    assert seen.expires_at > timezone.now() + timedelta(days=360)
    assert seen.next_reading_at == audience.state_at + timedelta(hours=6)
    assert seen.status == AudienceStatus.CALCULATING


def test_audience_that_is_not_due_is_not_read(tiktok, acme):
    audience_made(acme, audience_id="1", next_reading_at=timezone.now() + timedelta(minutes=1))
    audience_made(acme, audience_id="2", name="others", next_reading_at=None)
    assert (read(acme), tiktok.asked()) == (0, 0)


def test_deleted_audience_is_told_and_asked_for_again_later(tiktok, acme):
    audience = audience_made(acme, people(5), audience_id=tiktok.streamed(5))
    tiktok.steer("audiences/forget", {"audience_id": audience.audience_id})
    read(acme)
    assert fresh(audience).status == AudienceStatus.DELETED
    assert fresh(audience).next_reading_at > timezone.now()


def test_a_hundred_audiences_share_a_request(tiktok, acme):
    with tenant_scope(acme):
        orchestration = orchestration_made(acme)
        for number in range(101):
            audience = Audience.objects.create(
                tenant=acme, advertiser_id=tiktok.advertiser, name=f"members {number}", transport="streaming",
                audience_id=str(7_100_000_000_000_000_000 + number), next_reading_at=timezone.now(),
            )  # fmt: skip
            run_made(audience, orchestration)
    assert (read(acme), tiktok.asked()) == (101, 2)


def test_each_tenant_reads_its_own_with_its_own_token(emulator, tiktok, acme, globex):
    theirs = TikTok(emulator, globex)
    ours = audience_made(acme, audience_id=tiktok.streamed(3))
    other = audience_made(globex, audience_id=theirs.streamed(4))
    assert tenants_due() == sorted([acme.pk, globex.pk])
    read(acme)
    assert (len(readings(ours)), len(readings(other))) == (1, 0)
    assert tenants_due() == [globex.pk]
    read(globex)
    assert fresh(other).status == AudienceStatus.CALCULATING


def test_beat_hands_each_tenant_to_a_task_of_its_own(monkeypatch, acme, globex):
    audience_made(globex, audience_id="1")
    sent: list[Any] = []
    monkeypatch.setattr("orchestrations.tasks.task_send", lambda *call: sent.append(call))
    tasks.audiences_read()
    assert sent == [("tenant_audiences_read", globex.pk)]


def test_task_reads_the_tenants_audiences(tiktok, acme):
    audience = audience_made(acme, audience_id=tiktok.streamed(3))
    tasks.tenant_audiences_read(acme.pk)
    assert len(readings(audience)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_reading(tiktok, acme):
    audience = audience_made(acme, audience_id=tiktok.streamed(3))
    tiktok.steer("latency", {"seconds": 0.3})
    workers = [threading.Thread(target=worker, args=(acme,)) for _ in range(3)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    assert (len(readings(audience)), tiktok.asked()) == (1, 1)


def worker(tenant: Tenant) -> None:
    """Read in a thread of its own."""
    try:
        read(tenant)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_run_that_ends_during_a_reading_keeps_its_own_schedule(tiktok, acme):
    audience = audience_made(acme, audience_id=tiktok.streamed(3))
    tiktok.steer("latency", {"seconds": 0.5})
    thread = threading.Thread(target=worker, args=(acme,))
    thread.start()
    time.sleep(0.25)
    soon = timezone.now() + timedelta(hours=1)
    with tenant_scope(acme):
        Audience.objects.filter(pk=audience.pk).update(next_reading_at=soon)
    thread.join()
    assert (fresh(audience).next_reading_at, readings(audience)) == (soon, [])


@pytest.mark.parametrize(
    ("action", "least", "most"),
    [
        pytest.param({"http": 502, "body": "bad gateway"}, 0.2, 1, id="TikTok is down"),
        pytest.param({"code": 40105, "message": "revoked"}, 3, 24, id="token is revoked"),
        pytest.param({"reset": True}, 0.2, 1, id="connection is lost"),
    ],
)
def test_trouble_puts_a_reading_off_and_does_not_lose_it(tiktok, acme, action, least, most):
    audience = audience_made(acme, audience_id=tiktok.streamed(3), status=AudienceStatus.READY, size=5)
    tiktok.steer("faults", [{"match": {}, "action": action}])
    assert [read(acme), read(acme)] == [0, 0]
    seen = fresh(audience)
    assert timedelta(hours=least) < seen.next_reading_at - timezone.now() < timedelta(hours=most)
    assert (seen.status, seen.size, readings(audience), bool(seen.problem)) == (AudienceStatus.READY, 5, [], True)
    assert tiktok.asked() <= 2


def test_good_reading_forgets_why_the_one_before_failed(tiktok, acme):
    audience = audience_made(acme, audience_id=tiktok.streamed(3), problem="It could not be read.")
    read(acme)
    assert fresh(audience).problem == ""


def test_audience_that_nobody_keeps_is_left_alone(tiktok, acme):
    audience = audience_made(acme, audience_id=tiktok.streamed(3))
    with tenant_scope(acme):
        Run.objects.all().delete()
    assert (read(acme), tiktok.asked(), fresh(audience).next_reading_at) == (0, 0, None)


def test_present_credential_of_the_destination_is_used(tiktok, acme):
    audience = audience_made(acme, audience_id=tiktok.streamed(3))
    with tenant_scope(acme):
        renewed = Credential.objects.create(
            tenant=acme, name="renewed", access_token=tiktok.token, status=CredentialStatus.AUTHORISED
        )
        Credential.objects.filter(name="audiences").update(access_token="")
        Run.objects.get().orchestration.destination.__class__.objects.update(credential=renewed)
    assert (read(acme), fresh(audience).status) == (1, AudienceStatus.CALCULATING)


def test_failed_file_is_seen_and_everything_told_becomes_unsure(tiktok, acme):
    audience = audience_made(acme, people(9), audience_id=tiktok.filed(9))
    tiktok.later()
    read(acme)
    seen = fresh(audience)
    assert (seen.status, seen.unsure, seen.people) == (AudienceStatus.FAILED, 9, 9)
    assert "fewer than" in seen.problem
    assert set(state_held(seen).values()) == {False}


def test_failure_that_is_known_is_not_doubted_again(tiktok, acme):
    audience = audience_made(acme, people(9), audience_id=tiktok.filed(9))
    tiktok.later()
    read(acme)
    before = fresh(audience).state_path
    with tenant_scope(acme):
        audience_read(audience=fresh(audience))
    assert (fresh(audience).state_path, len(readings(audience))) == (before, 2)


def test_failure_waits_for_a_run_that_works_on_the_state(tiktok, acme):
    audience = audience_made(acme, people(9), audience_id=tiktok.filed(9))
    tiktok.later()
    with tenant_scope(acme):
        Run.objects.update(status=RunStatus.RUNNING, stage=RunStage.DELIVERING)
    assert (read(acme), fresh(audience).unsure) == (0, 0)
    assert timedelta(0) < fresh(audience).next_reading_at - timezone.now() < timedelta(hours=1)
    with tenant_scope(acme):
        Run.objects.update(status=RunStatus.SUCCEEDED, stage=RunStage.FINISHED)
        Audience.objects.update(next_reading_at=timezone.now())
    assert (read(acme), fresh(audience).unsure) == (1, 9)


def test_reading_now_needs_an_audience_at_tiktok(acme):
    audience = audience_made(acme)
    with tenant_scope(acme), pytest.raises(ValidationError, match="no such audience yet"):
        audience_read(audience=audience)


def test_reading_now_tells_what_tiktok_answers(tiktok, acme):
    audience = audience_made(acme, audience_id=tiktok.streamed(3), next_reading_at=None)
    tiktok.steer("faults", [{"match": {}, "action": {"code": 40105, "message": "revoked"}}])
    with tenant_scope(acme), pytest.raises(CredentialError):
        audience_read(audience=audience)
