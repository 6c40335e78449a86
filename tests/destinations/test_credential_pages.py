"""The pages of a credential: who may do what, what is shown, and what never is."""

import logging
import sys
from datetime import timedelta

import pytest
from django.core.signals import got_request_exception
from django.views.debug import ExceptionReporter

from destinations.choices import CredentialStatus, LinkStatus
from destinations.models import Credential, CredentialLink
from tiktok_hub.tenancy.scope import tenant_scope

LIST = "/acme/destinations/credential/"
MARKER = "marker-token-4f1d2c"


@pytest.fixture
def pages(ada, client_of):
    """Ada's browser."""
    return client_of(ada)


@pytest.fixture
def marked(emulator) -> str:
    """A live token that can be told apart wherever it shows up."""
    tokens = emulator.state.registry.tokens
    tokens[MARKER] = tokens["emulator-token-acme"]
    return MARKER


def page_of(credential: Credential, suffix: str = "change") -> str:
    return f"/{credential.tenant.slug}/destinations/credential/{credential.pk}/{suffix}/"


def fields(**changes: str) -> dict[str, str]:
    return {"name": "events", "type": "tiktok-offline-events", "description": "", "token": "", **changes}


def test_a_credential_is_made_pending_and_waits_for_its_authorization(acme, pages):
    answer = pages.post(LIST + "add/", fields(), follow=True)
    assert "Generate authorization link" in answer.content.decode()
    with tenant_scope(acme):
        assert Credential.objects.get().status == CredentialStatus.PENDING


def test_a_token_is_pasted_while_the_credential_is_made(acme, pages, emulator):
    pages.post(LIST + "add/", fields(token="emulator-token-acme"))
    with tenant_scope(acme):
        credential = Credential.objects.get()
    assert credential.is_usable
    assert credential.advertisers[0]["name"] == "Acme Retail"


def test_a_refused_token_keeps_the_typed_values_but_the_token(acme, pages, emulator):
    answer = pages.post(LIST + "add/", fields(description="typed before", token="emulator-token-revoked"))
    page = answer.content.decode()
    assert "The token was not stored" in page
    assert "typed before" in page
    assert "emulator-token" not in page
    with tenant_scope(acme):
        assert not Credential.objects.exists()


def test_saving_without_a_token_keeps_the_present_one(acme, pages, credential_of):
    credential = credential_of(acme)
    pages.post(page_of(credential), fields(name="renamed"))
    with tenant_scope(acme):
        stored = Credential.objects.get(pk=credential.pk)
    assert (stored.name, stored.access_token.reveal()) == ("renamed", "emulator-token-acme")


def test_the_type_stays_what_it_is(acme, pages, credential_of):
    credential = credential_of(acme)
    pages.post(page_of(credential), fields(type="tiktok"))
    with tenant_scope(acme):
        assert Credential.objects.get(pk=credential.pk).type == "tiktok-offline-events"


def test_a_name_is_taken_once_per_tenant(acme, globex, pages, credential_of):
    credential_of(globex, "theirs")
    credential_of(acme, "mine")
    assert "another credential named" in pages.post(LIST + "add/", fields(name="mine")).content.decode()
    assert pages.post(LIST + "add/", fields(name="theirs")).status_code == 302


def test_a_token_is_in_no_page_log_or_repr(acme, pages, credential_of, marked, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    answers = [pages.post(LIST + "add/", fields(token=marked), follow=True)]
    with tenant_scope(acme):
        credential = Credential.objects.select_related("tenant").get()
    answers += [pages.get(LIST), pages.get(page_of(credential)), pages.get(page_of(credential, "live"))]
    answers += [pages.post(page_of(credential), fields(token=marked, name="")), pages.get(LIST + "?q=" + "events")]
    answers += [pages.post(page_of(credential, "check"), follow=True)]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    printed = "".join(capsys.readouterr())
    assert marked not in "".join(answer.content.decode() for answer in answers) + caplog.text + printed
    assert marked not in repr(credential.access_token) + str(credential.access_token) + repr(credential.__dict__)


def test_a_token_is_in_no_error_report(acme, pages, marked, monkeypatch, caplog):
    reports = []

    def report(sender, request, **_):
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.append(reporter.get_traceback_html() + reporter.get_traceback_text())

    got_request_exception.connect(report)
    monkeypatch.setattr("destinations.services.credentials.advertisers_read", lambda client: 1 / 0)
    pages.raise_request_exception = False
    answer = pages.post(LIST + "add/", fields(token=marked))
    got_request_exception.disconnect(report)
    assert answer.status_code == 500
    assert "ZeroDivisionError" in reports[0]
    assert marked not in reports[0] + answer.content.decode() + caplog.text


def test_a_link_is_shown_once_in_full(acme, pages, credential_of, client):
    credential = credential_of(acme)
    answer = pages.post(page_of(credential, "link"), {"lifetime": "1 day"})
    address = answer.context["address"]
    assert answer.content.decode().count(address) == 1
    assert "no-store" in answer["Cache-Control"]
    assert client.get(address.removeprefix("http://testserver")).status_code == 200
    assert address not in pages.get(page_of(credential)).content.decode()
    with tenant_scope(acme):
        link = CredentialLink.objects.get()
    assert link.expires_at - link.created_at == pytest.approx(timedelta(days=1), abs=timedelta(seconds=5))


def test_connecting_in_this_browser_goes_straight_to_the_links_page(acme, pages, credential_of):
    answer = pages.post(page_of(credential_of(acme), "connect"), follow=True)
    assert "Continue to TikTok" in answer.content.decode()


def test_the_page_shows_a_links_state_live(acme, pages, credential_of, client):
    credential = credential_of(acme)
    address = pages.post(page_of(credential, "link")).context["address"]
    fragment = page_of(credential, "live")
    assert "Waiting" in pages.get(fragment).content.decode()
    client.get(address.removeprefix("http://testserver"))
    assert "Opened" in pages.get(fragment).content.decode()
    client.post(address.removeprefix("http://testserver"))
    page = pages.get(fragment).content.decode()
    assert "At TikTok" in page
    assert "hx-trigger" in page


def test_a_link_is_withdrawn_on_the_page(acme, pages, credential_of):
    credential = credential_of(acme)
    link = pages.post(page_of(credential, "link")).context["link"]
    pages.post(page_of(credential, f"links/{link.pk}/withdraw"))
    with tenant_scope(acme):
        assert CredentialLink.objects.get().status == LinkStatus.WITHDRAWN


def test_deleting_a_used_credential_says_which_destinations_use_it(acme, pages, destination_of):
    credential = destination_of(acme, "store purchases").credential
    for answer in (
        pages.get(page_of(credential, "delete"), follow=True),
        pages.post(page_of(credential, "delete"), {"post": "yes"}, follow=True),
    ):
        assert "cannot be deleted while destinations use it: “store purchases”" in answer.content.decode()
    with tenant_scope(acme):
        assert Credential.objects.filter(pk=credential.pk).exists()


@pytest.mark.parametrize("suffix", ["link", "connect", "check"])
def test_what_changes_something_answers_post_only(acme, pages, credential_of, suffix):
    assert pages.get(page_of(credential_of(acme), suffix)).status_code == 405


@pytest.mark.parametrize("who", ["ben", "rita"])
def test_credentials_are_for_administrators(acme, credential_of, client_of, request, who):
    credential = credential_of(acme)
    pages = client_of(request.getfixturevalue(who))
    for path in (LIST, page_of(credential), page_of(credential, "live")):
        assert pages.get(path).status_code == 403
    for suffix in ("link", "connect", "check"):
        assert pages.post(page_of(credential, suffix)).status_code == 403


def test_another_tenants_credential_does_not_exist(acme, globex, charlie, credential_of, client_of):
    credential, own = credential_of(acme), credential_of(globex)
    pages = client_of(charlie)
    for suffix in ("change", "delete", "live", "link", "connect", "check", "links/1/withdraw"):
        for slug in ("acme", "globex"):
            path = f"/{slug}/destinations/credential/{credential.pk}/{suffix}/"
            assert {pages.get(path).status_code, pages.post(path).status_code} <= {404, 405}
    assert pages.get(page_of(own)).status_code == 200
