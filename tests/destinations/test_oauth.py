"""The authorization round trip: from the link over TikTok's consent page and back, and every way it is refused."""

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from destinations.choices import CredentialStatus, LinkStatus
from destinations.models import Credential, CredentialLink
from destinations.services import AuthorizationError, authorization, link_create, link_withdraw
from tests.destinations.conftest import ANALYST
from tiktok_hub.tenancy.scope import tenant_scope

CALLBACK = "/oauth/tiktok/callback/"


@pytest.fixture
def pending(acme, credential_of) -> Credential:
    return credential_of(acme, access_token="", status=CredentialStatus.PENDING)


@pytest.fixture
def link_of(ada):
    """Make a link for a credential; return the row and the path of its page."""

    def make(credential: Credential, days: float | None = None) -> tuple[CredentialLink, str]:
        with tenant_scope(credential.tenant):
            link, address = link_create(credential=credential, by=ada, days=days, site_url="http://testserver")
        return link, address.removeprefix("http://testserver")

    return make


def start(browser: Client, path: str) -> str:
    """Press the button on the link's page; return TikTok's address."""
    answer = browser.post(path)
    assert answer.status_code == 302, answer.content
    return str(answer.url)


def stored(thing):
    with tenant_scope(thing.tenant):
        return type(thing).objects.get(pk=thing.pk)


def test_somebody_without_an_account_authorises_a_credential(pending, link_of, consent, client):
    link, path = link_of(pending)
    assert "Ad Account Operator or Admin" in client.get(path).content.decode()
    answer = client.get(CALLBACK, consent(start(client, path)))
    assert answer.status_code == 200
    assert "TikTok is connected" in answer.content.decode()
    credential = stored(pending)
    assert (credential.status, credential.authorised_by) == (CredentialStatus.AUTHORISED, "Ada Admin")
    assert [row["name"] for row in credential.advertisers] == ["Acme Retail"]
    assert 7224195155857866754 in credential.scopes
    assert (stored(link).status, stored(link).state_hash != "") == (LinkStatus.USED, True)


def test_the_token_that_was_granted_works(pending, link_of, consent, client, emulator):
    _, path = link_of(pending)
    client.get(CALLBACK, consent(start(client, path)))
    with tenant_scope(pending.tenant):
        token = stored(pending).access_token.reveal()
    assert emulator.state.registry.tokens[token].advertiser_ids == ["7654321098765432109"]


def test_reauthorising_replaces_the_token_in_place(acme, destination_of, credential_of, link_of, consent, client):
    parked = credential_of(acme, access_token="emulator-token-revoked", status="expired", problem="gone")
    destination = destination_of(acme, credential=parked)
    _, path = link_of(parked)
    client.get(CALLBACK, consent(start(client, path)))
    credential = stored(parked)
    assert credential.is_usable
    assert credential.access_token.reveal() != "emulator-token-revoked"
    assert stored(destination).credential_id == parked.pk


def test_a_used_link_is_gone(pending, link_of, consent, client):
    _, path = link_of(pending)
    back = consent(start(client, path))
    client.get(CALLBACK, back)
    assert client.get(path).status_code == 410
    assert client.post(path).status_code == 410
    assert client.get(CALLBACK, back).status_code == 410


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_expired_link_is_gone(pending, link_of, client, method):
    _, path = link_of(pending, days=-1)
    answer = getattr(client, method)(path)
    assert answer.status_code == 410
    assert "expired" in answer.content.decode()


def test_a_withdrawn_link_is_gone(acme, pending, link_of, client):
    link, path = link_of(pending)
    with tenant_scope(acme):
        link_withdraw(link=link)
    assert client.get(path).status_code == 410


@pytest.mark.parametrize("token", ["x", "a.b", "a:b", "%2e%2e", "é"], ids=str)
def test_an_unknown_link_is_not_found(db, client, token):
    assert client.get(f"/authorize/{token}/").status_code == 404


def test_a_link_with_a_forged_signature_is_not_found(pending, link_of, client):
    _, path = link_of(pending)
    assert client.get(path[:-3] + ("AA" if path[-3:-1] != "AA" else "BB") + "/").status_code == 404


def test_a_link_that_expires_while_somebody_is_at_tiktok_is_gone(acme, pending, link_of, consent, client):
    link, path = link_of(pending)
    back = consent(start(client, path))
    with tenant_scope(acme):
        CredentialLink.objects.filter(pk=link.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(CALLBACK, back).status_code == 410
    assert stored(pending).status == CredentialStatus.PENDING


@pytest.mark.parametrize("state", ["", "unknown", "é"], ids=["none", "unknown", "not ascii"])
def test_an_unknown_state_is_refused(pending, link_of, consent, client, state):
    _, path = link_of(pending)
    back = consent(start(client, path))
    assert client.get(CALLBACK, {**back, "state": state}).status_code == 400
    assert stored(pending).status == CredentialStatus.PENDING


def test_a_state_is_used_once_even_when_the_exchange_failed(pending, link_of, consent, client):
    _, path = link_of(pending)
    back = consent(start(client, path))
    assert client.get(CALLBACK, {**back, "auth_code": "wrong", "code": "wrong"}).status_code == 400
    assert client.get(CALLBACK, back).status_code == 400
    assert stored(pending).status == CredentialStatus.PENDING


def test_a_state_from_another_browser_is_refused(pending, link_of, consent, client):
    _, path = link_of(pending)
    back = consent(start(client, path))
    answer = Client().get(CALLBACK, back)
    assert answer.status_code == 400
    assert "another browser" in answer.content.decode()
    assert stored(pending).status == CredentialStatus.PENDING


def test_a_state_of_another_tenant_is_refused(acme, globex, credential_of, link_of, consent, ada):
    mine = credential_of(acme, access_token="", status=CredentialStatus.PENDING)
    theirs = credential_of(globex, access_token="", status=CredentialStatus.PENDING)
    (_, my_path), (_, their_path) = link_of(mine), link_of(theirs)
    here, there = Client(), Client()
    back = consent(start(here, my_path))
    start(there, their_path)
    assert there.get(CALLBACK, back).status_code == 400
    assert [stored(credential).status for credential in (mine, theirs)] == [CredentialStatus.PENDING] * 2


def test_a_second_start_ends_the_first(pending, link_of, consent, client):
    _, path = link_of(pending)
    first = consent(start(client, path))
    second = consent(start(client, path))
    assert client.get(CALLBACK, first).status_code == 400
    assert client.get(CALLBACK, second).status_code == 200
    assert stored(pending).status == CredentialStatus.AUTHORISED


def test_a_forged_cookie_is_refused(pending, link_of, consent, client):
    _, path = link_of(pending)
    back = consent(start(client, path))
    client.cookies["hub_authorization"] = "e30.1.x"
    assert client.get(CALLBACK, back).status_code == 400


def test_a_cookie_lives_as_long_as_tiktoks_code(pending, link_of, consent, client, monkeypatch):
    _, path = link_of(pending)
    back = consent(start(client, path))
    monkeypatch.setattr(authorization, "STATE_SECONDS", -1)
    assert client.get(CALLBACK, back).status_code == 400


def test_a_cancelled_consent_says_so_and_can_be_tried_again(pending, link_of, consent, client):
    link, path = link_of(pending)
    answer = client.get(CALLBACK, consent(start(client, path), decision="cancel"))
    page = answer.content.decode()
    assert "Nothing was granted" in page
    assert f'action="{path}"' in page
    assert stored(link).problem
    assert client.get(CALLBACK, consent(start(client, path))).status_code == 200
    assert stored(pending).status == CredentialStatus.AUTHORISED


def test_a_code_alone_without_auth_code_is_understood(pending, link_of, consent, client):
    _, path = link_of(pending)
    back = consent(start(client, path))
    del back["auth_code"]
    assert client.get(CALLBACK, back).status_code == 200


def test_an_analyst_is_told_that_it_does_not_work_and_the_link_stays(pending, link_of, consent, client):
    link, path = link_of(pending)
    answer = client.get(CALLBACK, consent(start(client, path), user=ANALYST))
    assert "only an Analyst" in answer.content.decode()
    assert stored(pending).is_usable is False
    assert stored(link).is_open


def test_an_analyst_never_replaces_a_working_token(acme, credential_of, link_of, consent, client):
    credential = credential_of(acme)
    _, path = link_of(credential)
    client.get(CALLBACK, consent(start(client, path), user=ANALYST))
    assert stored(credential).is_usable
    assert stored(credential).access_token.reveal() == "emulator-token-acme"


def test_the_public_pages_are_neither_cached_nor_told_to_others(pending, link_of, consent, client):
    _, path = link_of(pending)
    departure = client.post(path)
    for answer in (client.get(path), departure, client.get(CALLBACK, consent(departure.url)), client.get(path)):
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer["Cache-Control"]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_pages(pending, link_of, client):
    _, path = link_of(pending)
    client.post(path)
    cookie = client.cookies["hub_authorization"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/oauth/tiktok/")


def test_the_public_page_names_the_brand_and_nothing_else_of_the_tenant(acme, credential_of, link_of, client):
    credential = credential_of(acme, "secret project name", access_token="", description="internal note")
    page = client.get(link_of(credential)[1]).content.decode()
    assert "Acme Retail" in page
    for internal in ("secret project name", "internal note", "ada@", "/acme/"):
        assert internal not in page


def test_without_a_tiktok_app_no_link_is_made(acme, pending, ada, settings):
    settings.TIKTOK_APP_SECRET = ""
    with tenant_scope(acme), pytest.raises(AuthorizationError, match="TIKTOK_APP_ID"):
        link_create(credential=pending, by=ada)


def test_links_live_as_long_as_the_operator_says(pending, link_of):
    link, _ = link_of(pending)
    days = (link.expires_at - timezone.now()).total_seconds() / 86_400
    assert days == pytest.approx(django_settings.HUB_AUTHORIZATION_DAYS, abs=0.01)


def test_the_public_address_comes_from_the_operator(pending, link_of, client, settings):
    _, path = link_of(pending)
    settings.HUB_PUBLIC_URL = "https://hub.acme.example"
    assert "redirect_uri=https%3A%2F%2Fhub.acme.example%2Foauth%2Ftiktok%2Fcallback%2F" in start(client, path)


def test_the_token_of_a_link_is_not_logged(pending, link_of, client, caplog):
    _, path = link_of(pending)
    client.put(path)
    client.get(path[:-2] + "/")
    assert "/authorize/***" in caplog.text
    assert path.split("/")[2][:20] not in caplog.text


def test_neither_code_nor_token_is_logged_or_shown(pending, link_of, consent, client, caplog, capsys):
    caplog.set_level("DEBUG")
    _, path = link_of(pending)
    back = consent(start(client, path))
    page = client.get(CALLBACK, back).content.decode()
    secrets = [back["auth_code"], back["state"], stored(pending).access_token.reveal(), "emulator-secret"]
    said = [record.getMessage() for record in caplog.records if record.name.startswith(("destinations", "django"))]
    ours = page + "".join(said) + "".join(capsys.readouterr()) + repr(client.cookies)
    assert [secret for secret in secrets if secret in ours] == []
