"""API keys: shown once, kept as digests, as good as the person in whose name they act."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tiktok_hub.api.models import ApiKey
from tiktok_hub.api.services import key_create, key_revoke
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

ADD = "/acme/api/apikey/add/"


def ask(key: str, path: str = "me", **headers: str):
    """Ask the API with a key, from a program without cookies."""
    return Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {key}"} | headers)


@pytest.fixture
def made(acme, ada, membership_in):
    """A key in Ada's name, with its text."""
    with tenant_scope(acme):
        return key_create(membership=membership_in(ada, acme), name="nightly", days=30)


def test_key_is_shown_once_and_kept_as_a_digest(acme, ada, client_of):
    page = client_of(ada).post(ADD, {"name": "nightly", "days": "90"})
    text = page.content.decode().split(">hub_")[1].split("<")[0]
    with tenant_scope(acme):
        (key,) = ApiKey.objects.all()
        entries = list(Entry.objects.values())
    assert ask(f"hub_{text}").json()["email"] == ada.email
    assert text not in str(vars(key)) + str(entries)
    assert text not in client_of(ada).get(f"/acme/api/apikey/{key.pk}/change/").content.decode()
    assert page["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"


def test_key_says_who_it_acts_for(made):
    answer = ask(made[1]).json()
    assert (answer["tenant"], answer["policy"]) == ("acme", "datagrid_administrator")
    assert "orchestrations.run_orchestration" in answer["permissions"]


@pytest.mark.parametrize("key", ["", "hub_", "hub_wrong", "wrong", "hub_\x00", "é" * 40])
def test_what_is_no_key_opens_nothing(made, key):
    answer = ask(key.encode().decode("latin-1"))
    assert answer.status_code == 401
    assert "error" in answer.json()


def test_revoked_key_opens_nothing(acme, made):
    with tenant_scope(acme):
        assert key_revoke(key=made[0])
        assert not key_revoke(key=made[0])
    assert ask(made[1]).status_code == 401


def test_expired_key_opens_nothing(acme, made):
    with tenant_scope(acme):
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert ask(made[1]).status_code == 401


def test_key_ends_with_its_persons_membership(acme, ada, made, membership_in):
    with tenant_scope(acme):
        membership_in(ada, acme).delete()
    assert ask(made[1]).status_code == 401


def test_key_ends_with_its_persons_account(ada, made):
    ada.is_active = False
    ada.save()
    assert ask(made[1]).status_code == 401


def test_key_may_no_more_than_its_person(acme, made):
    with tenant_scope(acme):
        Membership.objects.update(policy=Policy.READ_ONLY)
    assert "orchestrations.run_orchestration" not in ask(made[1]).json()["permissions"]


def test_key_of_a_superuser_without_membership_opens_nothing(acme, root, membership_in):
    with tenant_scope(acme):
        member = Membership(tenant=acme, user=root, policy=Policy.ADMINISTRATOR)
        _, text = key_create(membership=member, name="root", days=None)
    assert ask(text).status_code == 401


def test_session_opens_nothing_in_the_api(acme, ada, client_of):
    assert client_of(ada).get("/api/v1/me").status_code == 401


def test_key_opens_no_page(acme, made):
    answer = Client().get("/acme/", headers={"Authorization": f"Bearer {made[1]}"})
    assert answer.status_code == 302
    assert answer.url.startswith("/login/")


def test_use_of_a_key_is_noted(acme, made):
    ask(made[1])
    with tenant_scope(acme):
        assert ApiKey.objects.get().last_used_at is not None


def test_form_asks_what_the_key_is_for_and_how_long_it_lives(acme, ada, client_of):
    page = client_of(ada).get(ADD).content.decode()
    assert 'name="name"' in page
    assert "until it is revoked" in page
