"""One-time secret links: somebody without an account hands over a token, once, and nobody ever reads it."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from destinations.choices import CredentialStatus, LinkKind, LinkStatus
from destinations.models import Credential, CredentialLink
from destinations.services import link_create, link_withdraw
from tests.destinations.conftest import ACCOUNTS
from tiktok_hub.acting import Via
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

TOKEN = ACCOUNTS["acme"][0]
BAD = "marker-of-a-bad-token"
SITE = "http://testserver"


@pytest.fixture
def pending(acme, credential_of) -> Credential:
    """A credential that waits for its token."""
    return credential_of(acme, access_token="", status=CredentialStatus.PENDING)


@pytest.fixture
def link_of(ada):
    """Make a link; return the row and the path of its page."""

    def make(credential: Credential, **options) -> tuple[CredentialLink, str]:
        options = {"kind": LinkKind.SECRET, **options}
        with tenant_scope(credential.tenant):
            link, address = link_create(credential=credential, by=ada, site_url=SITE, **options)
        return link, address.removeprefix(SITE)

    return make


def stored(thing):
    with tenant_scope(thing.tenant):
        return type(thing).objects.get(pk=thing.pk)


def entries(tenant, *actions: Action) -> list[Entry]:
    with tenant_scope(tenant):
        return list(Entry.objects.filter(action__in=actions).order_by("pk"))


def test_somebody_without_an_account_hands_over_a_token(pending, link_of, client):
    link, path = link_of(pending)
    page = client.get(path).content.decode()
    assert "Acme Retail" in page
    assert "Events Manager" in page
    answer = client.post(path, {"token": f" {TOKEN} "})
    assert answer.status_code == 200
    assert "The token is stored" in answer.content.decode()
    credential = stored(pending)
    assert credential.access_token.reveal() == TOKEN
    assert (credential.status, credential.authorised_by) == (
        CredentialStatus.AUTHORISED,
        "By a link from Ada (pasted token)",
    )
    assert stored(link).status == LinkStatus.USED


def test_destinations_go_on_with_a_token_that_was_handed_over(acme, destination_of, credential_of, link_of, client):
    parked = credential_of(acme, access_token="emulator-token-revoked", status="expired", problem="gone")
    destination = destination_of(acme, credential=parked)
    client.post(link_of(parked)[1], {"token": TOKEN})
    assert stored(destination).credential_id == parked.pk
    assert stored(parked).is_usable


def test_opening_a_link_does_not_use_it_up(pending, link_of, client):
    link, path = link_of(pending)
    for _ in range(3):
        assert client.get(path).status_code == 200
    assert stored(link).status == LinkStatus.OPEN
    assert stored(link).opened_at


@pytest.mark.parametrize("typed", [BAD, "", "two words", "tökén", "a\nb"])
def test_a_bad_token_is_told_and_the_link_lives(pending, link_of, client, typed):
    link, path = link_of(pending)
    answer = client.post(path, {"token": typed})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not typed or f'"{typed}"' not in answer.content.decode()
    assert stored(link).status == LinkStatus.OPEN
    assert client.post(path, {"token": TOKEN}).status_code == 200


def test_a_token_is_not_taken_while_tiktok_cannot_be_asked(pending, link_of, client, settings):
    link, path = link_of(pending)
    settings.TIKTOK_API_URL = "http://127.0.0.1:9/open_api/v1.3/"
    answer = client.post(path, {"token": TOKEN})
    assert answer.status_code == 422
    assert "Try again in a few minutes" in answer.content.decode()
    assert stored(link).status == LinkStatus.OPEN
    assert not stored(pending).access_token


def test_a_used_link_takes_nothing_more(pending, link_of, client):
    _, path = link_of(pending)
    client.post(path, {"token": TOKEN})
    for answer in (client.get(path), client.post(path, {"token": ACCOUNTS["globex"][0]})):
        assert answer.status_code == 410
        assert "used already" in answer.content.decode()
    assert stored(pending).access_token.reveal() == TOKEN


def test_an_old_link_takes_nothing(pending, link_of, client):
    link, path = link_of(pending)
    with tenant_scope(pending.tenant):
        CredentialLink.objects.filter(pk=link.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.post(path, {"token": TOKEN}).status_code == 410
    assert not stored(pending).access_token


def test_a_withdrawn_link_takes_nothing(pending, link_of, client):
    link, path = link_of(pending)
    with tenant_scope(pending.tenant):
        link_withdraw(link=link)
    assert client.post(path, {"token": TOKEN}).status_code == 410
    assert not stored(pending).access_token


def forged(path: str) -> dict[str, str]:
    base, _, name = path.rstrip("/").rpartition("/")
    plain, _, signature = name.partition(".")
    return {
        "cut": f"{base}/{name[:-3]}/",
        "without a signature": f"{base}/{plain}/",
        "another name": f"{base}/{plain[:-1]}x.{signature}/",
        "made up": f"{base}/{'x' * 43}.{'y' * 43}/",
        "as the other kind": f"{base.removesuffix('/secret')}/{name}/",
    }


@pytest.mark.parametrize("how", ["cut", "without a signature", "another name", "made up", "as the other kind"])
def test_a_forged_link_does_not_exist(pending, link_of, client, how):
    _, path = link_of(pending)
    path = forged(path)[how]
    assert client.get(path).status_code == 404
    assert client.post(path, {"token": TOKEN}).status_code == 404


def test_an_authorization_link_takes_no_token(pending, link_of, client):
    _, path = link_of(pending, kind=LinkKind.AUTHORIZATION)
    assert client.post(path.replace("/authorize/", "/authorize/secret/"), {"token": TOKEN}).status_code == 404
    assert not stored(pending).access_token


@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_the_same_moment_are_told_apart(pending, link_of, emulator):
    _, path = link_of(pending)
    together, answers = threading.Barrier(4), []

    def press() -> None:
        together.wait()
        answers.append(Client().post(path, {"token": TOKEN}).status_code)
        connection.close()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 410, 410, 410]
    assert len(entries(pending.tenant, Action.SECRET_LINK_USED)) == 1
    assert len(entries(pending.tenant, Action.TOKEN_STORED)) == 1


def test_what_happens_to_a_link_is_in_the_audit_log(pending, link_of, client):
    _, path = link_of(pending)
    client.get(path)
    client.post(path, {"token": BAD})
    client.post(path, {"token": TOKEN})
    client.get(path)
    link_actions = [action for action in Action if action.value.startswith("secret_link.")]
    found = entries(pending.tenant, *link_actions)
    assert [entry.action for entry in found] == [
        Action.SECRET_LINK_CREATED,
        Action.SECRET_LINK_OPENED,
        Action.SECRET_LINK_REFUSED,
        Action.SECRET_LINK_USED,
        Action.SECRET_LINK_REFUSED,
    ]
    assert {entry.object_name for entry in found} == {"One-time secret link for events"}
    assert {(entry.via, entry.ip) for entry in found[1:]} == {(Via.LINK, "127.0.0.1")}


def test_an_authorization_is_in_the_audit_log(pending, link_of, consent, client):
    _, path = link_of(pending, kind=LinkKind.AUTHORIZATION)
    client.get(path)
    client.get("/oauth/tiktok/callback/", consent(client.post(path).url))
    client.get(path)
    actions = [action for action in Action if action.value.startswith("authorization.")]
    found = [entry.action for entry in entries(pending.tenant, *actions)]
    assert found == [Action.LINK_CREATED, Action.LINK_OPENED, Action.AUTHORISED, Action.AUTHORISATION_FAILED]


def test_neither_token_nor_link_stands_anywhere(pending, link_of, client, caplog, capsys):
    _, path = link_of(pending)
    client.post(path, {"token": BAD})
    client.post(path, {"token": TOKEN})
    client.get(path)
    with hub_scope():
        log = "".join(f"{entry.object_name}{entry.changes}" for entry in Entry.objects.all())
        kept = "".join(str(row) for row in CredentialLink.objects.values_list())
    secret = path.rstrip("/").rpartition("/")[2]
    for text in (log, kept, caplog.text, "".join(capsys.readouterr())):
        assert all(word not in text for word in (TOKEN, BAD, secret, secret.partition(".")[0]))


def test_a_page_of_a_link_is_kept_by_nobody(pending, link_of, client):
    _, path = link_of(pending)
    for answer in (client.get(path), client.post(path, {"token": BAD}), client.post(path, {"token": TOKEN})):
        assert "no-store" in answer["Cache-Control"]
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer["X-Robots-Tag"]
        assert "unsafe" not in answer["Content-Security-Policy"]


def test_who_opens_links_too_often_is_asked_to_wait(pending, link_of, client, settings):
    settings.HUB_LINK_REQUESTS_PER_MINUTE = 3
    _, path = link_of(pending)
    address = {"REMOTE_ADDR": "198.51.100.7"}
    answers = [client.get(path, **address).status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]
    late = client.post(path, {"token": TOKEN}, **address)
    assert 0 < int(late["Retry-After"]) <= 60
    assert "no-store" in late["Cache-Control"]
    assert client.get(path, REMOTE_ADDR="198.51.100.8").status_code == 200


def test_a_link_tries_few_tokens(pending, link_of, client):
    _, path = link_of(pending)
    answers = [client.post(path, {"token": f"guess-{number}"}).status_code for number in range(11)]
    assert answers == [422] * 10 + [429]


def test_an_admin_makes_and_withdraws_a_link_on_the_page(acme, olga, client_of, credential_of, client):
    credential = credential_of(acme)
    base = f"/acme/destinations/credential/{credential.pk}/"
    made = client_of(olga).post(f"{base}secret-link/", {"lifetime": "1 hour"})
    address, link = made.context["address"], made.context["link"]
    assert link.expires_at - link.created_at == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=5))
    assert made.content.decode().count(address) == 1
    assert "One-time secret link" in client_of(olga).get(f"{base}live/").content.decode()
    client_of(olga).post(f"{base}links/{link.pk}/withdraw/")
    assert client.get(address.removeprefix(SITE)).status_code == 410
    assert address not in client_of(olga).get(f"{base}change/").content.decode()


@pytest.mark.parametrize("who", ["bea", "rita", "charlie"])
def test_who_may_not_authorise_makes_no_link(request, acme, globex, client_of, credential_of, who):
    credential = credential_of(acme)
    answer = client_of(request.getfixturevalue(who)).post(
        f"/acme/destinations/credential/{credential.pk}/secret-link/", {"lifetime": "1 day"}
    )
    assert answer.status_code in {403, 404}
    with tenant_scope(acme):
        assert not CredentialLink.objects.exists()


def test_a_link_works_without_a_developer_app(pending, link_of, client, settings):
    settings.TIKTOK_APP_ID = settings.TIKTOK_APP_SECRET = ""
    _, path = link_of(pending)
    assert client.get(path).status_code == 200
