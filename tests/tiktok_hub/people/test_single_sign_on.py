"""Single sign-on by a tenant's provider, an honest one and an evil one."""

import time
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, KEY, IdentityProvider, running
from tests.tiktok_hub.people.helpers import entries, log_in
from tiktok_hub.audit.choices import Action
from tiktok_hub.people.models import EmailDomain, GroupRule, Identity, SingleSignOn
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope


def sign_on_make(tenant: Tenant, provider: IdentityProvider) -> SingleSignOn:
    """Give a tenant a provider, a domain and rules."""
    provider.redirect_uris.add(f"http://testserver/sso/{tenant.slug}/callback/")
    EmailDomain.objects.create(tenant=tenant, domain=f"{tenant.slug}.example")
    with tenant_scope(tenant):
        sign_on = SingleSignOn.objects.create(
            tenant=tenant, server_url=provider.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
        )
        GroupRule.objects.create(tenant=tenant, sign_on=sign_on, group="admins", policy=Policy.ADMINISTRATOR)
        GroupRule.objects.create(
            tenant=tenant, sign_on=sign_on, group="marketing", policy=Policy.BUSINESS_USER, options=["restrict_pii"]
        )
    return sign_on


@pytest.fixture
def provider(settings):
    """Acme's provider."""
    settings.HUB_ALLOW_PRIVATE_URLS = True
    with running() as found:
        yield found


@pytest.fixture
def sign_on(acme, provider) -> SingleSignOn:
    """Acme's single sign-on."""
    return sign_on_make(acme, provider)


def arrive(browser: Client, slug: str = "acme", wanted: str = ""):
    """Go through the provider and return the hub's answer."""
    departure = browser.post(f"/sso/{slug}/?next={wanted}" if wanted else f"/sso/{slug}/")
    asked = requests.post(
        departure.url.replace("?", "?x=1&"), data=_query(departure.url), allow_redirects=False, timeout=5
    )
    return browser.get(asked.headers["Location"].removeprefix("http://testserver"))


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def member(tenant: Tenant, email: str) -> Membership | None:
    with tenant_scope(tenant):
        return Membership.objects.filter(user__email=email).first()


def test_somebody_new_of_the_tenants_domain_gets_an_account_and_what_their_group_may(sign_on, provider, acme, client):
    provider.says("new@acme.example", "marketing")
    assert arrive(client).url == "/acme/"
    assert client.get("/acme/").status_code == 200
    found = member(acme, "new@acme.example")
    assert (found.policy, found.options) == (Policy.BUSINESS_USER, {"restrict_pii"})
    assert not found.user.has_usable_password()
    assert provider.refusals == []


def test_the_first_rule_that_fits_counts(sign_on, provider, acme, client):
    provider.says("new@acme.example", "marketing", "admins", "other")
    arrive(client)
    assert member(acme, "new@acme.example").policy == Policy.ADMINISTRATOR


def test_groups_are_read_anew_at_every_log_in(sign_on, provider, acme, ada):
    for group in ("admins", "marketing"):
        provider.says("new@acme.example", group)
        arrive(Client())
    assert member(acme, "new@acme.example").policy == Policy.BUSINESS_USER


def test_nobody_gets_in_without_a_group(sign_on, provider, acme, client):
    provider.says("new@acme.example", "other")
    assert arrive(client).status_code == 403
    assert not User.objects.filter(email="new@acme.example").exists()


def test_whoever_leaves_all_groups_loses_the_membership_that_single_sign_on_made(sign_on, provider, acme, ada):
    provider.says("new@acme.example", "marketing")
    arrive(Client())
    provider.says("new@acme.example")
    assert arrive(Client()).status_code == 403
    assert member(acme, "new@acme.example") is None


def test_a_membership_made_by_hand_outlives_the_groups(sign_on, provider, acme, ada, olga):
    provider.says(olga.email, "marketing")
    arrive(Client())
    provider.says(olga.email)
    assert arrive(Client()).status_code == 403
    assert member(acme, olga.email)


@pytest.mark.parametrize("groups", [("marketing",), ()], ids=["another group", "no group"])
def test_single_sign_on_never_takes_the_last_administrator(sign_on, provider, acme, ada, groups):
    provider.says(ada.email, *groups)
    arrive(Client())
    assert member(acme, ada.email).policy == Policy.ADMINISTRATOR


def test_a_log_in_leads_where_somebody_wanted_to_go_on_this_host(sign_on, provider, acme, client):
    provider.says("new@acme.example", "marketing")
    assert arrive(client, wanted="/acme/orchestrations/run/").url == "/acme/orchestrations/run/"
    assert arrive(Client(), wanted="https://evil.example/").url == "/acme/"


def test_a_log_in_stands_in_the_tenants_log(sign_on, provider, acme, client):
    provider.says("new@acme.example", "marketing")
    arrive(client)
    assert [entry.actor for entry in entries(acme, Action.LOGGED_IN)] == ["new@acme.example"]


@pytest.mark.parametrize("typed", ["acme", "ACME ", "ada@acme.example"])
def test_a_tenant_is_found_by_short_name_and_by_its_domain(sign_on, provider, client, typed):
    assert client.post("/sso/", {"tenant": typed}).url.startswith(f"{provider.url}/authorize?")


@pytest.mark.parametrize("typed", ["globex", "nobody", "ada@mail.example"])
def test_tenants_without_single_sign_on_and_no_tenants_look_alike(sign_on, globex, client, typed):
    assert "There is no single sign-on for that" in client.post("/sso/", {"tenant": typed}).content.decode()


# An evil provider


@pytest.fixture
def both(acme, globex, ada) -> User:
    """Ada, who belongs to both tenants."""
    with tenant_scope(globex):
        Membership.objects.create(tenant=globex, user=ada, policy=Policy.ADMINISTRATOR)
    return ada


def test_it_is_nobody_at_another_tenant(sign_on, provider, acme, charlie, client):
    provider.says(charlie.email, "admins")
    assert arrive(client).status_code == 403
    assert client.get("/globex/").url.startswith("/login/")
    assert member(acme, charlie.email) is None


def test_it_makes_no_accounts_for_addresses_of_others(sign_on, provider, client):
    provider.says("future@globex.example", "admins")
    assert arrive(client).status_code == 403
    assert not User.objects.filter(email="future@globex.example").exists()


def test_it_is_never_a_superuser_not_even_one_who_is_a_member(sign_on, provider, acme, root, client):
    with tenant_scope(acme):
        Membership.objects.create(tenant=acme, user=root, policy=Policy.ADMINISTRATOR)
    provider.says(root.email, "admins")
    assert arrive(client).status_code == 403
    assert client.get("/platform/").status_code == 302


def test_it_is_nobody_who_was_deactivated(sign_on, provider, ada, olga, client):
    User.objects.filter(pk=olga.pk).update(is_active=False)
    provider.says(olga.email, "marketing")
    assert arrive(client).status_code == 403


@pytest.mark.parametrize("verified", [False, None, "true"])
def test_an_address_that_is_not_verified_means_nobody(sign_on, provider, ada, client, verified):
    provider.says(ada.email, "admins", email_verified=verified)
    assert arrive(client).status_code == 403


def test_as_a_member_of_both_it_reaches_its_own_tenant_only(sign_on, provider, both, client):
    provider.says(both.email, "admins")
    arrive(client)
    assert [client.get(path).status_code for path in ("/acme/", "/globex/")] == [200, 404]
    pages = [client.get(path, follow=True).content.decode() for path in ("/", "/acme/", "/account/")]
    assert not [page for page in pages if "Globex" in page]


@pytest.mark.parametrize("path", ["password/", "app/add/", "keys/add/", "codes/", "codes/new/", "confirm/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_it_cannot_touch_the_persons_account(sign_on, provider, both, client, path, method):
    provider.says(both.email, "admins")
    arrive(client)
    assert getattr(client, method)(f"/account/{path}").status_code == 403


def test_its_subject_means_nobody_at_another_tenant(sign_on, provider, globex, charlie, acme, client):
    with running() as honest:
        sign_on_make(globex, honest)
        honest.says(charlie.email, "admins", sub="42")
        arrive(Client(), "globex")
    provider.says("mallory@acme.example", "admins", sub="42")
    arrive(client)
    assert client.get("/acme/").wsgi_request.user.email == "mallory@acme.example"


def test_an_answer_for_one_tenant_opens_no_other(sign_on, provider, globex, charlie, client):
    with running() as honest:
        sign_on_make(globex, honest)
        departure = client.post("/sso/acme/")
        state = _query(departure.url)["state"]
        assert client.get("/sso/globex/callback/", {"state": state, "code": "x"}).status_code == 403


GOOD = IdentityProvider().sign


def _as(**changes):
    return lambda provider: setattr(provider, "told", lambda claims: {**claims, **changes})


def _signed(sign):
    return lambda provider: setattr(provider, "sign", sign)


def _about(**changes):
    return lambda provider: setattr(provider, "about", lambda claims: {**claims, **changes})


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_as(nonce="another"), id="nonce of another log-in"),
        pytest.param(_as(aud="another-client"), id="made for another program"),
        pytest.param(_as(aud=[CLIENT_ID, "another"], azp="another"), id="handed on by another program"),
        pytest.param(_as(iss="https://evil.example"), id="another issuer"),
        pytest.param(_as(exp=int(time.time()) - 3600), id="expired"),
        pytest.param(_signed(lambda claims: jwt.encode(claims, None, "none")), id="not signed"),
        pytest.param(
            _signed(lambda claims: jwt.encode(claims, CLIENT_SECRET * 3, "HS256", headers={"kid": "one"})),
            id="signed with the secret",
        ),
        pytest.param(
            _signed(lambda claims: jwt.encode(claims, KEY, "RS256", headers={"kid": "two"})), id="a key of nobody"
        ),
        pytest.param(_signed(lambda claims: GOOD(claims)[:-8] + "AAAAAAAA"), id="a broken signature"),
        pytest.param(_signed(lambda claims: "no token"), id="no token at all"),
        pytest.param(_about(sub="somebody else"), id="userinfo about somebody else"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_right_in_every_way_opens_nothing(sign_on, provider, ada, client, spoil):
    provider.says(ada.email, "admins")
    spoil(provider)
    assert arrive(client).status_code == 403
    assert "_auth_user_id" not in client.session


def test_an_answer_works_once_and_in_the_browser_that_asked(sign_on, provider, ada):
    provider.says(ada.email, "admins")
    browser = Client()
    departure = browser.post("/sso/acme/")
    asked = requests.post(departure.url, data=_query(departure.url), allow_redirects=False, timeout=5)
    back = asked.headers["Location"].removeprefix("http://testserver")
    assert Client().get(back).status_code == 403
    assert [browser.get(back).status_code for _ in range(2)] == [302, 403]


def test_a_provider_that_calls_itself_otherwise_is_not_asked(sign_on, provider, acme, client):
    with tenant_scope(acme):
        SingleSignOn.objects.update(server_url=provider.url.replace("127.0.0.1", "localhost"))
    assert client.post("/sso/acme/").status_code == 403


def test_a_provider_in_the_hubs_own_network_is_not_asked(sign_on, client, settings):
    settings.HUB_ALLOW_PRIVATE_URLS = False
    assert client.post("/sso/acme/").status_code == 403


# Sessions


def test_a_password_session_keeps_all_tenants_when_single_sign_on_is_added(sign_on, provider, both, client):
    log_in(client, both)
    provider.says(both.email, "admins")
    arrive(client)
    assert [client.get(path).status_code for path in ("/acme/", "/globex/", "/account/password/")] == [200, 200, 200]


def test_giving_the_password_frees_a_session_of_single_sign_on(sign_on, provider, both, client):
    provider.says(both.email, "admins")
    arrive(client)
    log_in(client, both)
    assert client.get("/globex/").status_code == 200


def test_a_tenant_that_allows_no_passwords_leads_to_its_provider(sign_on, provider, both, acme, client):
    with tenant_scope(acme):
        SingleSignOn.objects.update(passwords_allowed=False)
    log_in(client, both)
    assert client.get("/acme/").url == "/sso/acme/?next=%2Facme%2F"
    assert client.get("/globex/").status_code == 200
    provider.says(both.email, "admins")
    arrive(client)
    assert client.get("/acme/").status_code == 200


def test_switching_single_sign_on_off_ends_its_sessions(sign_on, provider, acme, ada, client):
    provider.says("new@acme.example", "admins")
    arrive(client)
    with tenant_scope(acme):
        SingleSignOn.objects.update(enabled=False)
    assert client.get("/acme/").url == "/login/"


def test_single_sign_on_does_for_a_second_factor(sign_on, provider, acme, ada, client):
    Tenant.objects.filter(pk=acme.pk).update(require_mfa=True)
    provider.says(ada.email, "admins")
    arrive(client)
    assert client.get("/acme/").status_code == 200


# Settings

PAGE = "/acme/people/singlesignon/"
EMPTY = {"rules-TOTAL_FORMS": "0", "rules-INITIAL_FORMS": "0"}


def test_an_administrator_enters_a_provider_and_its_groups(provider, acme, ada, client_of):
    rule = {"rules-0-group": "ops", "rules-0-policy": "datagrid_operator", "rules-0-options": ["restrict_pii"]}
    form = {
        "enabled": "on", "server_url": f"{provider.url}/", "client_id": "c", "secret": "marker-secret",
        "groups_claim": "groups", "passwords_allowed": "on", **EMPTY, **rule, "rules-TOTAL_FORMS": "1",
    }  # fmt: skip
    browser = client_of(ada)
    browser.post(f"{PAGE}add/", form)
    with tenant_scope(acme):
        stored = SingleSignOn.objects.get()
        assert (stored.server_url, stored.client_secret.reveal()) == (provider.url, "marker-secret")
        assert [(r.group, r.policy, r.options) for r in stored.rules.all()] == [
            ("ops", "datagrid_operator", ["restrict_pii"])
        ]
    page = browser.get(PAGE, follow=True).content.decode()
    assert "http://testserver/sso/acme/callback/" in page
    assert "marker-secret" not in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"server_url": "http://169.254.169.254"}, "server_url", id="an address inside"),
        pytest.param({"server_url": "https://93.184.216.34"}, "secret", id="another provider without its secret"),
        pytest.param({"passwords_allowed": ""}, "passwords_allowed", id="no passwords before it was tried"),
    ],
)
def test_what_would_open_or_lock_the_wrong_door_is_refused(sign_on, acme, ada, client_of, change, sentence):
    form = {"enabled": "on", "server_url": sign_on.server_url, "client_id": CLIENT_ID, "groups_claim": "groups"}
    answer = client_of(ada).post(f"{PAGE}{sign_on.pk}/change/", {**form, "passwords_allowed": "on", **EMPTY, **change})
    assert sentence in answer.context["adminform"].form.errors


def test_another_provider_knows_nobody(sign_on, provider, acme, ada, client_of, client):
    provider.says("new@acme.example", "marketing")
    arrive(client)
    with running() as other:
        form = {
            "enabled": "on",
            "server_url": other.url,
            "client_id": CLIENT_ID,
            "groups_claim": "groups",
            "secret": "x",
        }
        client_of(ada).post(f"{PAGE}{sign_on.pk}/change/", {**form, "passwords_allowed": "on", **EMPTY})
    with hub_scope():
        assert not Identity.objects.exists()


def test_nobody_below_an_administrator_sees_single_sign_on(sign_on, acme, olga, client_of):
    assert client_of(olga).get(PAGE).status_code == 403


def test_asking_for_a_second_factor_is_refused_to_somebody_without_one(acme, ada, client_of):
    form = {"name": "Acme Retail", "time_zone": "UTC", "require_mfa": "on"}
    answer = client_of(ada).post(f"/acme/tenancy/tenant/{acme.pk}/change/", form)
    assert "Set up a second factor for your own account first" in answer.content.decode()
    assert not Tenant.objects.get(pk=acme.pk).require_mfa


def test_an_administrator_changes_the_tenants_settings(acme, ada, client_of):
    form = {"name": "Acme 2", "time_zone": "Europe/Paris", "default_country": "FR"}
    client_of(ada).post(f"/acme/tenancy/tenant/{acme.pk}/change/", form)
    stored = Tenant.objects.get(pk=acme.pk)
    assert (stored.name, stored.time_zone, stored.default_country, stored.slug) == (
        "Acme 2",
        "Europe/Paris",
        "FR",
        "acme",
    )


def test_a_sandbox_opens_for_a_session_of_its_tenants_provider(sign_on, provider, acme, ada, client):
    sandbox = Tenant.objects.create(slug="acme-try", name="Try", sandbox_of=acme)
    with tenant_scope(sandbox):
        Membership.objects.create(tenant=sandbox, user=ada, policy=Policy.ADMINISTRATOR)
    provider.says(ada.email, "admins")
    arrive(client)
    assert client.get("/acme-try/").status_code == 200


def test_the_door_costs_one_query(acme, client_of, ada):
    browser = client_of(ada)
    with CaptureQueriesContext(connection) as seen:
        browser.get("/acme/no-such-page/")
    assert len([query for query in seen if "mfa_authenticator" in query["sql"] or "people_" in query["sql"]]) == 1
