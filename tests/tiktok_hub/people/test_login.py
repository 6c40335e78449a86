"""Logging in: by password only for those who exist, never to another site, never telling who exists."""

import pytest
from django.conf import settings
from django.core import mail

from tests.tiktok_hub.people.helpers import entries, log_in
from tiktok_hub.audit.choices import Action
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param("/acme/orchestrations/run/", "/acme/orchestrations/run/", id="a page of this host"),
        pytest.param("https://evil.example/", "/", id="another site"),
        pytest.param("//evil.example/", "/", id="another site without a scheme"),
        pytest.param("/\\evil.example/", "/", id="a backslash"),
        pytest.param("javascript:alert(1)", "/", id="a script"),
        pytest.param("https://testserver.evil.example/", "/", id="a name that begins like ours"),
    ],
)
def test_a_log_in_leads_to_pages_of_this_host_only(client, ada, wanted, expected):
    assert log_in(client, ada, wanted).url == expected


@pytest.mark.parametrize("email", ["ada@acme.example", "nobody@acme.example"])
def test_a_failed_log_in_does_not_tell_whether_there_is_an_account(client, ada, email):
    answer = client.post("/login/", {"username": email, "password": "wrong"})
    assert answer.status_code == 200
    assert "Please enter the correct e-mail and password" in answer.content.decode()


def test_a_log_in_makes_a_new_session(client, ada):
    client.get("/login/")
    session = client.session
    session["before"] = 1
    session.save()
    before = session.session_key
    log_in(client, ada)
    assert client.session.session_key != before


def test_a_session_ends_after_hours_not_weeks(client, ada):
    log_in(client, ada)
    assert client.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == 12 * 3600


def test_nobody_signs_up_by_themselves(client, db):
    assert [client.get(path).status_code for path in ("/signup/", "/account/signup/")] == [302, 404]


def test_a_log_in_stands_in_the_log_of_each_tenant_of_the_person(client, ada, acme, globex):
    with tenant_scope(globex):
        Membership.objects.create(tenant=globex, user=ada, policy=Policy.READ_ONLY)
    log_in(client, ada)
    for tenant in (acme, globex):
        assert [entry.actor for entry in entries(tenant, Action.LOGGED_IN)] == ["ada@acme.example"]


def test_a_log_out_stands_in_the_log(client, ada, acme):
    log_in(client, ada)
    client.post("/logout/")
    assert entries(acme, Action.LOGGED_OUT)[0].actor_id == ada.pk


def test_a_failed_log_in_stands_in_the_log_of_the_persons_tenant_only(client, ada, acme, globex):
    client.post("/login/", {"username": "Ada@acme.example", "password": "wrong"}, REMOTE_ADDR="192.0.2.7")
    assert [entry.ip for entry in entries(acme, Action.LOGIN_FAILED)] == ["192.0.2.7"]
    assert not entries(globex, Action.LOGIN_FAILED)
    assert not entries(None, Action.LOGIN_FAILED)


def test_what_a_stranger_typed_is_not_written_down(client, acme):
    client.post("/login/", {"username": "my-Secret-Passw0rd", "password": "x"})
    (entry,) = entries(None, Action.LOGIN_FAILED)
    assert "secret" not in f"{entry.object_name} {entry.actor} {entry.changes}".lower()


@pytest.mark.parametrize("email", ["Ada@Acme.example", "nobody@acme.example"])
def test_a_forgotten_password_is_answered_alike_for_everybody(client, ada, mailing, email):
    answer = client.post("/login/forgotten/", {"email": email})
    assert (answer.status_code, answer.url) == (302, "/login/forgotten/sent/")


def test_the_link_for_a_new_password_works_once(client, ada, acme, mailing):
    client.post("/login/forgotten/", {"email": ada.email})
    link = mailing.link()
    form = client.get(link, follow=True).redirect_chain[-1][0]
    new = {"new_password1": "Long enough 1", "new_password2": "Long enough 1"}
    assert client.post(form, new).url == "/login/"
    assert log_in(client, ada, password="Long enough 1").status_code == 302
    assert entries(acme, Action.PASSWORD_CHANGED)
    client.logout()
    assert "used already" in client.get(link, follow=True).content.decode()


def test_a_stranger_gets_no_mail(client, ada, mailing):
    client.post("/login/forgotten/", {"email": "nobody@acme.example"})
    assert mail.outbox == []


def test_without_a_mail_server_the_page_says_whom_to_ask(client, db):
    assert "Ask its operator" in client.get("/login/forgotten/").content.decode()


def test_a_new_password_ends_sessions_elsewhere(client_of, ada, acme):
    here, elsewhere = client_of(ada), client_of(ada)
    new = {"old_password": "password", "new_password1": "Long enough 1", "new_password2": "Long enough 1"}
    assert here.post("/account/password/", new).url == "/account/"
    assert here.get("/acme/").status_code == 200
    assert elsewhere.get("/acme/").status_code == 302
    assert entries(acme, Action.PASSWORD_CHANGED)[0].actor_id == ada.pk


@pytest.mark.parametrize("weak", ["short", "password", "ada@acme.example"])
def test_a_weak_password_is_refused(client_of, ada, weak):
    new = {"old_password": "password", "new_password1": weak, "new_password2": weak}
    assert client_of(ada).post("/account/password/", new).status_code == 200


def test_the_account_page_names_ones_own_tenants_and_no_others(client_of, ada, globex):
    page = client_of(ada).get("/account/").content.decode()
    assert "Acme Retail" in page
    assert "Globex" not in page
