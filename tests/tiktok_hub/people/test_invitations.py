"""Inviting people: a link that works once, for the address it was made for, and gives no more than its maker has."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from tests.conftest import person
from tests.tiktok_hub.people.helpers import entries
from tiktok_hub.audit.choices import Action
from tiktok_hub.people.models import Invitation
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

ADD = "/acme/people/invitation/add/"
OFFER = {"email": "New@Acme.example", "policy": "business_user", "restrict_pii": "on"}
ACCOUNT = {"name": "Newt", "password": "Long enough 1", "again": "Long enough 1"}


@pytest.fixture
def invite(client_of):
    """Let somebody invite an address; return the path of the link."""

    def send(by: User, **offer: str) -> str:
        page = client_of(by).post(ADD, {**OFFER, **offer})
        return page.context["address"].removeprefix("http://testserver")

    return send


def member(tenant, email: str) -> Membership | None:
    with tenant_scope(tenant):
        return Membership.objects.filter(user__email=email).first()


def test_somebody_without_an_account_makes_one_and_is_in(invite, ada, acme, client):
    link = invite(ada)
    assert not User.objects.filter(email="new@acme.example").exists()
    assert client.post(link, ACCOUNT).url == "/acme/"
    assert client.get("/acme/").status_code == 200
    found = member(acme, "new@acme.example")
    assert (found.policy, found.restrict_pii, found.user.name) == (Policy.BUSINESS_USER, True, "Newt")


def test_the_link_is_shown_once_and_kept_nowhere(invite, ada, acme, client_of):
    token = invite(ada).split("/")[2]
    with tenant_scope(acme):
        invitation = Invitation.objects.get()
    assert token not in str(vars(invitation))
    page = client_of(ada).get(f"/acme/people/invitation/{invitation.pk}/change/").content.decode()
    assert token not in page


def test_where_the_hub_can_send_mail_the_link_goes_there_and_is_shown_to_nobody(client_of, ada, acme, mailing, client):
    answer = client_of(ada).post(ADD, OFFER)
    assert (answer.status_code, answer.url) == (302, "/acme/people/invitation/")
    assert mail.outbox[0].to == ["new@acme.example"]
    assert client.post(mailing.link(), ACCOUNT).url == "/acme/"


def test_a_link_works_once(invite, ada, client):
    link = invite(ada)
    client.post(link, ACCOUNT)
    again = Client().post(link, {**ACCOUNT, "name": "Mallory"})
    assert (again.status_code, User.objects.get(email="new@acme.example").name) == (410, "Newt")


def test_a_link_expires(invite, ada, acme, client):
    link = invite(ada)
    with tenant_scope(acme):
        assert Invitation.objects.get().expires_at > timezone.now() + timedelta(days=6)
        Invitation.objects.update(expires_at=timezone.now())
    assert client.post(link, ACCOUNT).status_code == 410


@pytest.mark.parametrize("way", ["withdraw", "resend"])
def test_an_old_link_stops_working(invite, ada, acme, client, client_of, way):
    link = invite(ada)
    with tenant_scope(acme):
        pk = Invitation.objects.get().pk
    client_of(ada).post(f"/acme/people/invitation/{pk}/{way}/")
    assert client.post(link, ACCOUNT).status_code in {404, 410}
    assert not User.objects.filter(email="new@acme.example").exists()


def test_a_new_link_works_in_place_of_the_old_one(invite, ada, acme, client, client_of):
    invite(ada)
    with tenant_scope(acme):
        pk = Invitation.objects.get().pk
    page = client_of(ada).post(f"/acme/people/invitation/{pk}/resend/")
    assert client.post(page.context["address"], ACCOUNT).url == "/acme/"


def test_a_link_of_somebody_who_may_no_longer_invite_is_dead(invite, ada, acme, client):
    link = invite(person(acme, "ann@acme.example", Policy.ADMINISTRATOR))
    with tenant_scope(acme):
        Membership.objects.filter(user__email="ann@acme.example").update(policy=Policy.READ_ONLY)
    assert client.post(link, ACCOUNT).status_code == 410


def test_somebody_with_an_account_is_sent_to_log_in_and_comes_back(invite, ada, globex, charlie, client):
    link = invite(ada, email=charlie.email)
    assert f"/login/?next={link}".replace("/", "%2F") in client.get(link).content.decode().replace("/", "%2F")
    assert client.post(link, ACCOUNT).status_code == 200
    assert User.objects.get(pk=charlie.pk).check_password("password")


def test_somebody_with_an_account_joins_and_keeps_their_other_tenant(invite, ada, acme, charlie, client_of):
    link = invite(ada, email=charlie.email)
    browser = client_of(charlie)
    assert "Join Acme Retail" in browser.get(link).content.decode()
    assert browser.post(link).url == "/acme/"
    assert [browser.get(path).status_code for path in ("/acme/", "/globex/")] == [200, 200]


def test_somebody_else_who_is_logged_in_is_told_and_not_joined(invite, ada, acme, charlie, client_of):
    link = invite(ada)
    answer = client_of(charlie).post(link)
    assert answer.status_code == 403
    assert charlie.email in answer.content.decode()
    assert member(acme, charlie.email) is None


def test_an_administrator_cannot_take_over_an_account_without_a_password_by_inviting_it(invite, ada, globex, client):
    person(globex, "gus@globex.example", Policy.READ_ONLY)
    User.objects.filter(email="gus@globex.example").update(password="!")
    client.post(invite(ada, email="gus@globex.example"), ACCOUNT)
    assert not User.objects.get(email="gus@globex.example").has_usable_password()


def test_an_account_in_which_nobody_ever_was_is_as_good_as_none(invite, ada, acme, client):
    User.objects.create_user("new@acme.example")
    assert client.post(invite(ada), ACCOUNT).url == "/acme/"
    assert member(acme, "new@acme.example")


def test_a_weak_password_makes_no_account(invite, ada, client):
    answer = client.post(invite(ada), {**ACCOUNT, "password": "password", "again": "password"})
    assert (answer.status_code, User.objects.filter(email="new@acme.example").exists()) == (200, False)


@pytest.mark.parametrize("token", ["x", "0" * 43])
def test_a_link_that_nobody_made_does_not_exist(client, acme, token):
    assert client.get(f"/invitation/{token}/").status_code == 404


@pytest.mark.parametrize("page", ["invitation", "sso"])
def test_trying_many_links_is_slowed_down(acme, settings, page):
    settings.HUB_LINK_REQUESTS_PER_MINUTE = 3
    client = Client(REMOTE_ADDR="192.0.2.61")
    statuses = [client.get(f"/{page}/{number}/").status_code for number in range(4)]
    assert statuses == [404, 404, 404, 429]


@pytest.mark.parametrize("email", ["olga@acme.example", "new@acme.example"])
def test_members_and_invited_people_are_not_invited_again(invite, ada, olga, acme, client_of, email):
    invite(ada)
    page = client_of(ada).post(ADD, {**OFFER, "email": email}).content.decode()
    assert "already" in page


def test_an_expired_invitation_can_be_followed_by_another(invite, ada, acme):
    invite(ada)
    with tenant_scope(acme):
        Invitation.objects.update(expires_at=timezone.now())
    assert invite(ada)


def test_people_without_user_administration_cannot_invite(client_of, ben, acme):
    assert client_of(ben).post(ADD, OFFER).status_code == 403
    with hub_scope():
        assert not Invitation.objects.exists()


def test_invitations_stand_in_the_log(invite, ada, acme, client):
    link = invite(ada)
    client.post(link, ACCOUNT)
    assert entries(acme, Action.INVITED)[0].actor == ada.email
    assert entries(acme, Action.INVITATION_ACCEPTED)[0].actor == "new@acme.example"
    assert link.split("/")[2] not in str([vars(entry) for entry in entries(acme, Action.INVITED)])


def test_a_member_who_is_removed_is_out_at_once_and_stays_in_elsewhere(client_of, ada, acme, charlie, membership_in):
    with tenant_scope(acme):
        Membership.objects.create(tenant=acme, user=charlie, policy=Policy.OPERATOR)
    browser = client_of(charlie)
    assert browser.get("/acme/").status_code == 200
    pk = membership_in(charlie, acme).pk
    client_of(ada).post(f"/acme/tenancy/membership/{pk}/delete/", {"post": "yes"})
    assert [browser.get(path).status_code for path in ("/acme/", "/globex/")] == [404, 200]
