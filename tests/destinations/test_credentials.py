"""Tokens are taken, checked, parked and brought back; nothing that is in use is deleted."""

import pytest
from celery.signals import task_prerun
from django.core.exceptions import ValidationError
from django.db import connection

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from destinations.services import (
    InUseError,
    client_open,
    credential_check,
    credential_delete,
    credential_expire,
    credential_token_set,
    destination_delete,
)
from destinations.tasks import credentials_check_task
from destinations.tiktok.errors import ConfigurationError, CredentialError
from orchestrations.models import Orchestration, Query
from tiktok_hub.celery import app
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

ACME = "7654321098765432109"
AUTHORISED, EXPIRED, FAILED = CredentialStatus.AUTHORISED, CredentialStatus.EXPIRED, CredentialStatus.FAILED


def stored(credential: Credential) -> Credential:
    with tenant_scope(credential.tenant):
        return Credential.objects.select_related("tenant").get(pk=credential.pk)


@pytest.fixture
def pending(acme, credential_of) -> Credential:
    return credential_of(acme, access_token="", status=CredentialStatus.PENDING)


@pytest.fixture(autouse=True)
def opened(acme):
    with tenant_scope(acme):
        yield


def test_a_pasted_token_authorises_a_credential_and_shows_what_it_reaches(pending, ada):
    credential_token_set(credential=pending, token=" emulator-token-acme\n", by=ada)
    found = stored(pending)
    assert (found.status, found.pasted, found.authorised_by) == (AUTHORISED, True, "Ada (pasted token)")
    assert found.advertisers[0] == {"id": ACME, "name": "Acme Retail", "role": "ADMIN"}
    assert found.access_token.reveal() == "emulator-token-acme"


def test_a_token_is_ciphertext_in_the_database(pending, ada):
    credential_token_set(credential=pending, token="emulator-token-acme", by=ada)
    with hub_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM destinations_credential")
        assert "emulator-token" not in str(cursor.fetchall())


def test_a_token_that_may_send_but_not_read_is_authorised(pending, ada):
    found = credential_token_set(credential=pending, token="emulator-token-events-only", by=ada)
    assert "Events Manager" in found.note
    assert stored(pending).status == AUTHORISED


@pytest.mark.parametrize("token", ["emulator-token-revoked", "two words", "", "tökén"])
def test_a_token_that_tiktok_cannot_accept_changes_nothing(acme, credential_of, ada, token):
    credential = credential_of(acme)
    with pytest.raises(ValidationError):
        credential_token_set(credential=credential, token=token, by=ada)
    found = stored(credential)
    assert (found.status, found.access_token.reveal()) == (AUTHORISED, "emulator-token-acme")


def test_a_parked_credential_becomes_usable_with_a_new_token(acme, credential_of, ada):
    credential = credential_of(acme, access_token="emulator-token-revoked", status=EXPIRED, problem="gone")
    credential_token_set(credential=credential, token="emulator-token-acme", by=ada)
    found = stored(credential)
    assert found.is_usable
    assert found.problem == ""


def test_a_check_parks_a_revoked_token_and_brings_back_a_live_one(acme, credential_of):
    credential = credential_of(acme, access_token="emulator-token-revoked")
    credential_check(credential=credential)
    assert stored(credential).status == EXPIRED
    alive = credential_of(acme, "alive", status=EXPIRED, problem="gone")
    credential_check(credential=alive)
    assert (stored(alive).status, stored(alive).problem) == (AUTHORISED, "")


def test_a_check_does_not_take_a_token_for_dead_that_may_not_read(acme, credential_of):
    credential = credential_of(acme, access_token="emulator-token-events-only", pasted=True)
    assert credential_check(credential=credential).alive is None
    assert stored(credential).status == AUTHORISED


def test_a_check_says_that_an_analyst_cannot_send(acme, credential_of):
    credential = credential_of(acme, access_token="emulator-token-analyst")
    credential_check(credential=credential)
    assert stored(credential).status == FAILED
    assert "only an Analyst on Acme Retail" in stored(credential).problem


def test_a_check_that_cannot_reach_tiktok_changes_no_status(acme, credential_of, settings):
    credential = credential_of(acme)
    settings.TIKTOK_API_URL = "http://127.0.0.1:9/"
    assert credential_check(credential=credential).alive is None
    assert stored(credential).status == AUTHORISED
    assert "cannot be reached" in stored(credential).problem


def test_a_wrong_app_secret_of_the_operator_kills_no_credential(acme, credential_of, settings):
    credential = credential_of(acme)
    settings.TIKTOK_APP_ID = "7000000000000000009"
    credential_check(credential=credential)
    assert stored(credential).status == AUTHORISED


def test_a_refusal_parks_the_credential(acme, credential_of):
    credential = credential_of(acme)
    credential_expire(credential=credential, problem="TikTok no longer accepts it.")
    found = stored(credential)
    assert (found.status, found.is_usable, found.problem) == (EXPIRED, False, "TikTok no longer accepts it.")


def test_a_refusal_of_the_old_token_does_not_park_the_new_one(acme, credential_of, ada):
    before = credential_of(acme)
    credential_token_set(credential=stored(before), token="emulator-token-acme", by=ada)
    credential_expire(credential=before, problem="TikTok no longer accepts it.")
    assert stored(before).status == AUTHORISED


def test_a_client_cannot_be_opened_without_a_token(pending):
    with pytest.raises(CredentialError, match="not authorised yet"), client_open(pending):
        pass


def test_a_client_cannot_be_opened_when_no_key_fits(acme, credential_of, settings):
    credential = credential_of(acme)
    settings.HUB_ENCRYPTION_KEYS = ["another"]
    with pytest.raises(ConfigurationError, match="cannot be decrypted"), client_open(credential):
        pass


def test_deleting_a_credential_in_use_is_refused_and_names_the_destinations(acme, destination_of):
    destination = destination_of(acme, "store purchases")
    with pytest.raises(InUseError, match="“store purchases”"):
        credential_delete(credential=destination.credential)
    assert Credential.objects.filter(pk=destination.credential_id).exists()


def test_deleting_a_destination_in_use_is_refused_and_names_the_orchestrations(acme, destination_of):
    destination = destination_of(acme)
    query = Query.objects.create(tenant=acme, name="q", sql="SELECT 1")
    Orchestration.objects.create(tenant=acme, name="daily purchases", query=query, destination=destination)
    with pytest.raises(InUseError, match="“daily purchases”"):
        destination_delete(destination=destination)
    assert Destination.objects.filter(pk=destination.pk).exists()


def test_what_nothing_uses_is_deleted(acme, destination_of):
    destination = destination_of(acme)
    credential = destination.credential
    destination_delete(destination=destination)
    credential_delete(credential=credential)
    assert not Credential.objects.exists()


@pytest.fixture
def eager():
    """Run tasks where they are called."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.mark.usefixtures("eager")
def test_the_daily_check_looks_at_the_credentials_of_all_tenants(acme, globex, credential_of):
    mine = credential_of(acme, access_token="emulator-token-revoked")
    theirs = credential_of(globex, access_token="emulator-token-revoked")
    credentials_check_task()
    assert [stored(mine).status, stored(theirs).status] == [EXPIRED, EXPIRED]


@pytest.mark.usefixtures("eager")
def test_tasks_are_given_ids_only(acme, credential_of):
    credential = credential_of(acme)
    given = []

    def note(args, **_):
        given.extend(args)

    task_prerun.connect(note)
    credentials_check_task()
    task_prerun.disconnect(note)
    assert given == [acme.pk, credential.pk]


def test_a_token_is_in_no_error(acme, credential_of):
    credential = credential_of(acme, access_token="emulator-token-revoked")
    error = credential_check(credential=credential).error
    assert isinstance(error, CredentialError)
    assert "emulator-token" not in f"{error!r} {error} {vars(error)} {stored(credential).problem}"
