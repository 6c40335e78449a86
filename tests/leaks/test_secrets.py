"""A token does not show itself in dumps of its object, nor in the reports of failures."""

import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail, serializers
from django.db import connection
from django.forms import model_to_dict
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from destinations.models import Credential
from destinations.services import client_open, credential_check, credential_token_set
from destinations.tiktok.errors import TikTokError
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

TOKEN = "zqtoken-0123456789abcdef"
DUMPS: dict[str, Callable[[Credential], Any]] = {
    "repr": repr,
    "str": str,
    "attributes": lambda credential: vars(credential),
    "the token's own repr": lambda credential: [credential.access_token, f"{credential.access_token}"],
    "form values": model_to_dict,
    "form values by name": lambda credential: model_to_dict(credential, fields=["access_token"]),
    "JSON": lambda credential: serializers.serialize("json", [credential]),
    "XML": lambda credential: serializers.serialize("xml", [credential]),
    "values": lambda credential: list(Credential.objects.values()),
    "tuples": lambda credential: list(Credential.objects.values_list()),
}


@pytest.fixture
def kept(acme) -> Credential:
    """A credential that was stored a moment ago."""
    with tenant_scope(acme):
        return Credential.objects.create(tenant=acme, name="events", access_token=TOKEN)


@pytest.mark.parametrize("dump", DUMPS)
@pytest.mark.parametrize("state", ["unsaved", "just saved", "read back"])
def test_no_dump_of_a_credential_shows_its_token(acme, kept, dump, state):
    with tenant_scope(acme):
        unsaved = Credential(tenant=acme, name="other", access_token=TOKEN)
        credential = {"unsaved": unsaved, "just saved": kept, "read back": Credential.objects.get(pk=kept.pk)}[state]
        assert TOKEN not in str(DUMPS[dump](credential))


def test_the_column_holds_ciphertext(kept):
    with hub_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT access_token FROM destinations_credential")
        (stored,) = cursor.fetchone()
    assert stored
    assert TOKEN not in stored


def test_a_token_that_is_assigned_again_is_stored_and_not_shown(acme, kept):
    kept.access_token = f"{TOKEN}-new"
    assert TOKEN not in str(vars(kept))
    with tenant_scope(acme):
        kept.save()
        assert Credential.objects.get(pk=kept.pk).access_token.reveal() == f"{TOKEN}-new"
        assert Credential.objects.defer("access_token").get(pk=kept.pk).access_token.reveal() == f"{TOKEN}-new"


@pytest.mark.parametrize(
    ("action", "status"),
    [
        pytest.param({"code": 40105, "message": f"bad token {TOKEN}"}, 40105, id="refused"),
        pytest.param({"http": 502, "body": f"<html>{TOKEN}</html>"}, None, id="gateway page"),
        pytest.param({"reset": True}, None, id="reset"),
    ],
)
def test_no_failure_of_a_delivery_shows_the_token(acme, kept, emulator, action, status):
    emulator.state.faults.add({"match": {}, "action": action})
    with tenant_scope(acme), pytest.raises(TikTokError) as caught, client_open(kept) as client:
        client.post("event/track/", {"data": []})
    assert caught.value.code == status
    assert TOKEN not in shown(caught.value)


def shown(error: BaseException) -> str:
    """Return everything that people print of an error, its attributes and causes included."""
    text = "".join(traceback.format_exception(error))
    link: BaseException | None = error
    while link is not None:
        text += f"{link!r} {link} {link.args} {vars(link)}"
        link = link.__cause__ or link.__context__
    return text


def report(error: Callable[[], object]) -> str:
    """Return Django's own report of a failure, as HTML with the local variables and as text."""
    try:
        error()
    except Exception:
        reporter = ExceptionReporter(RequestFactory().get("/"), *sys.exc_info())
        return reporter.get_traceback_html() + reporter.get_traceback_text()
    raise AssertionError("nothing failed")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda kept, ada: credential_token_set(credential=kept, token=f"{TOKEN}-x", by=ada), id="pasted"),
        pytest.param(lambda kept, ada: credential_check(credential=kept), id="checked"),
    ],
)
def test_an_error_report_with_local_variables_hides_the_token(acme, ada, kept, settings, call):
    settings.TIKTOK_API_URL = None  # a fault that nobody foresees
    with tenant_scope(acme):
        assert TOKEN not in report(lambda: call(kept, ada))


@pytest.mark.parametrize("url", ["add/", "{pk}/change/"])
def test_an_error_mail_hides_a_token_that_was_typed_in(ada, kept, client_of, settings, url):
    settings.TIKTOK_API_URL = None
    settings.ADMINS = [("Operator", "operator@hub.example")]
    settings.LOGGING_CONFIG = None
    browser = client_of(ada)
    browser.raise_request_exception = False
    form = {"name": "typed", "type": kept.type, "description": "", "token": f"{TOKEN}-typed"}
    answer = browser.post(f"/acme/destinations/credential/{url.format(pk=kept.pk)}", form)
    assert answer.status_code == 500
    assert TOKEN not in answer.content.decode()
    assert len(mail.outbox) == 1
    assert TOKEN not in mail.outbox[0].body + str(mail.outbox[0].alternatives)
