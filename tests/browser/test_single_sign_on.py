"""In a browser: from the log-in page through a tenant's identity provider, and with a security key."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider, running
from tiktok_hub.people.models import EmailDomain, GroupRule, SingleSignOn
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.scope import tenant_scope

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def provider(acme, live_server, settings) -> Iterator[IdentityProvider]:
    """Acme's identity provider."""
    settings.HUB_ALLOW_PRIVATE_URLS = True
    with running() as found:
        found.redirect_uris.add(f"{live_server.url}/sso/acme/callback/")
        EmailDomain.objects.create(tenant=acme, domain="acme.example")
        with tenant_scope(acme):
            sign_on = SingleSignOn.objects.create(
                tenant=acme, server_url=found.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
            )
            GroupRule.objects.create(tenant=acme, sign_on=sign_on, group="marketing", policy=Policy.BUSINESS_USER)
        yield found


def test_somebody_comes_from_the_log_in_page_to_the_tenants_overview(page: Page, live_server, provider):
    provider.says("new@acme.example", "marketing")
    page.goto(f"{live_server.url}/login/")
    page.get_by_role("link", name="Log in with single sign-on").click()
    page.get_by_label("Tenant or e-mail").fill("new@acme.example")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Let me in").click()
    page.wait_for_url(f"{live_server.url}/acme/")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert provider.refusals == []


def test_somebody_whom_the_provider_vouches_for_in_vain_is_told_why(page: Page, live_server, provider):
    provider.says("new@acme.example", "nobody")
    page.goto(f"{live_server.url}/sso/acme/")
    page.get_by_role("button", name="Log in with single sign-on").click()
    page.get_by_role("button", name="Let me in").click()
    expect(page.get_by_role("alert")).to_contain_text("None of your groups may enter this tenant")


def test_a_security_key_is_added_and_asked_for_at_log_in(page: Page, live_server, log_in, ada):
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    key = {"protocol": "ctap2", "transport": "usb", "isUserVerified": True, "automaticPresenceSimulation": True}
    options = {**key, "hasResidentKey": False, "hasUserVerification": True}
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    log_in(ada.email)
    page.wait_for_url(re.compile("/acme/"))
    page.goto(f"{live_server.url}/account/")
    page.get_by_role("link", name="Add a key").click()
    page.wait_for_load_state()
    page.get_by_role("button", name="Add the key").click()
    page.get_by_role("link", name="I have kept them").click()
    page.context.clear_cookies()
    log_in(ada.email)
    page.wait_for_url(re.compile("/login/factor/"), wait_until="load")
    page.get_by_role("button", name="Use a security key").click()
    page.wait_for_url(re.compile("/acme/"))
