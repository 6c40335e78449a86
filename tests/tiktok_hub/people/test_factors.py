"""Second factors: asked for at log-in, asked for by tenants, kept as ciphertext, reset by the platform."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.management import call_command
from django.test import Client

from tests.tiktok_hub.people.helpers import entries, log_in
from tiktok_hub.audit.choices import Action
from tiktok_hub.crypto import decrypt
from tiktok_hub.tenancy.models import Tenant


def code_of(secret: str, step: int = 0) -> str:
    """Return what an authenticator app shows now, or `step` half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def app_set_up(browser: Client) -> tuple[str, list[str]]:
    """Set up an authenticator app as the page leads; return its secret and the recovery codes."""
    secret = browser.get("/account/app/add/").context["form"].secret
    answer = browser.post("/account/app/add/", {"code": code_of(secret, -1)}, follow=True)
    return secret, answer.context["unused_codes"]


@pytest.fixture
def protected(client, ada) -> tuple[str, list[str]]:
    """Ada with an authenticator app, logged out again."""
    log_in(client, ada)
    found = app_set_up(client)
    client.logout()
    return found


def test_a_password_alone_does_not_open_a_protected_account(protected, client, ada):
    assert log_in(client, ada).url == "/login/factor/"
    assert client.get("/acme/").url.startswith("/login/")


def test_the_code_of_the_app_opens_it_and_leads_where_they_wanted_to_go(protected, client, ada):
    log_in(client, ada, "/acme/tenancy/membership/")
    assert client.post("/login/factor/", {"code": code_of(protected[0])}).url == "/acme/tenancy/membership/"
    assert client.get("/acme/").status_code == 200


def test_a_code_works_once(protected, ada):
    code = code_of(protected[0])
    answers = []
    for _ in range(2):
        browser = Client()
        log_in(browser, ada)
        answers.append(browser.post("/login/factor/", {"code": code}).status_code)
    assert answers == [302, 200]


def test_a_recovery_code_opens_it_once(protected, ada):
    answers = []
    for _ in range(2):
        browser = Client()
        log_in(browser, ada)
        answers.append(browser.post("/login/factor/", {"code": protected[1][0]}).status_code)
    assert answers == [302, 200]


def test_guessing_codes_ends_in_the_lock_out(protected, client, ada, settings):
    settings.AXES_FAILURE_LIMIT = 3
    log_in(client, ada)
    statuses = [client.post("/login/factor/", {"code": "000000"}).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert client.post("/login/factor/", {"code": code_of(protected[0])}).status_code == 429


def test_the_codes_page_is_nobodys_without_a_password(client, protected):
    assert client.get("/login/factor/").url == "/login/"


def test_secrets_are_kept_as_ciphertext(protected, ada):
    stored = Authenticator.objects.get(user=ada, type="totp").data["secret"]
    assert protected[0] not in stored
    assert decrypt(stored) == protected[0]


def test_secrets_of_factors_move_to_a_new_key(protected, ada, settings):
    settings.HUB_ENCRYPTION_KEYS = ["a new key", *settings.HUB_ENCRYPTION_KEYS]
    call_command("hub_rotate_keys")
    settings.HUB_ENCRYPTION_KEYS = ["a new key"]
    assert decrypt(Authenticator.objects.get(user=ada, type="totp").data["secret"]) == protected[0]


def test_factors_change_only_after_the_password_was_given_anew(client_of, ada):
    browser = client_of(ada)
    assert browser.get("/account/app/add/").url.startswith("/account/confirm/?next=")
    browser.post("/account/confirm/", {"password": "password", "next": "/account/app/add/"})
    assert browser.get("/account/app/add/").status_code == 200


def test_factors_stand_in_the_log(protected, acme):
    assert {entry.changes[0]["new"] for entry in entries(acme, Action.FACTOR_ADDED)} == {
        "TOTP Authenticator",
        "Recovery codes",
    }


def test_the_platform_resets_factors_of_somebody_who_lost_them(protected, ada, acme, client, root, client_of):
    form = {"action": "factors_reset", "_selected_action": ada.pk}
    client_of(root).post("/platform/tenancy/user/", form)
    assert log_in(client, ada).url == "/"
    assert {entry.actor for entry in entries(acme, Action.FACTOR_REMOVED)} == {"root@hub.example"}


@pytest.fixture
def demanding(acme) -> Tenant:
    """Acme, asking its members for a second factor."""
    acme.require_mfa = True
    acme.save()
    return acme


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", ["", "orchestrations/run/", "tenancy/membership/", "nonsense/"])
def test_nothing_of_a_demanding_tenant_opens_without_a_factor(demanding, client_of, ada, path, method):
    assert getattr(client_of(ada), method)(f"/acme/{path}").url == "/account/?for=acme"


def test_a_fragment_of_a_demanding_tenant_leads_the_whole_page_away(demanding, client_of, ada):
    answer = client_of(ada).get("/acme/orchestrations/run/", HTTP_HX_REQUEST="true")
    assert answer["HX-Redirect"] == "/account/?for=acme"


def test_the_account_page_says_which_tenant_asks(demanding, client_of, ada):
    assert (
        "Acme Retail asks its members for a second factor" in client_of(ada).get("/account/?for=acme").content.decode()
    )


def test_a_demanding_tenant_opens_once_there_is_a_factor(demanding, client, ada):
    log_in(client, ada)
    app_set_up(client)
    assert client.get("/acme/").status_code == 200


def test_other_tenants_stay_open_without_a_factor(demanding, client_of, charlie):
    assert client_of(charlie).get("/globex/").status_code == 200
