"""Credentials and destinations of the two tenants, and somebody who consents at (an emulated) TikTok."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

ADMIN, ANALYST = "7200000000000000001", "7200000000000000003"
SCOPES = ("100", "150", "153", "7224195155857866754", "800", "7224195155857833986")
ACCOUNTS = {
    "acme": ("emulator-token-acme", "7654321098765432109", "7654321098765432100"),
    "globex": ("emulator-token-globex", "7654321098765432209", "7654321098765432200"),
}


@pytest.fixture
def credential_of(emulator) -> Callable[..., Credential]:
    """Make an authorised credential of a tenant."""

    def make(tenant: Tenant, name: str = "events", **fields: Any) -> Credential:
        values = {"access_token": ACCOUNTS[tenant.slug][0], "status": CredentialStatus.AUTHORISED, **fields}
        with tenant_scope(tenant):
            made = Credential.objects.create(tenant=tenant, name=name, **values)
            return Credential.objects.get(pk=made.pk)

    return make


@pytest.fixture
def destination_of(credential_of) -> Callable[..., Destination]:
    """Make a destination of a tenant, with a credential of its own unless one is given."""

    def make(tenant: Tenant, name: str = "store", **fields: Any) -> Destination:
        _, advertiser, event_set = ACCOUNTS[tenant.slug]
        settings = {"advertiser_id": advertiser, "event_source": "offline", "event_source_id": event_set}
        credential = fields.pop("credential", None) or credential_of(tenant, f"for {name}")
        with tenant_scope(tenant):
            return Destination.objects.create(
                tenant=tenant, name=name, plugin="tiktok-ads-events", credential=credential,
                settings={**settings, **fields.pop("settings", {})}, **fields,
            )  # fmt: skip

    return make


@pytest.fixture
def audience_destination_of(credential_of) -> Callable[..., Destination]:
    """Make a destination that keeps an audience, with a credential of its own unless one is given."""

    def make(tenant: Tenant, name: str = "ads", **fields: Any) -> Destination:
        settings = {"advertiser_id": ACCOUNTS[tenant.slug][1], "user_id_types": ["EMAIL"], **fields.pop("settings", {})}
        credential = fields.pop("credential", None) or credential_of(tenant, f"for {name}", type="tiktok")
        with tenant_scope(tenant):
            made = Destination(tenant=tenant, name=name, plugin="tiktok-ads", credential=credential, **fields)
            made.settings = made.spec.settings_clean({key: value for key, value in settings.items() if value})
            made.save()
            return made

    return make


@pytest.fixture
def consent(emulator) -> Callable[..., dict[str, str]]:
    """Answer TikTok's consent page at an address as some user; return what TikTok sends back with the browser."""

    def answer(address: str, user: str = ADMIN, decision: str = "authorize") -> dict[str, str]:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        ticked = {"advertiser_ids": "7654321098765432109", "scopes": SCOPES}
        form = {**asked, "user_id": user, "decision": decision, **ticked}
        reply = requests.post(emulator.auth_url, data=form, allow_redirects=False, timeout=10)
        back = urlsplit(reply.headers["Location"])
        assert back.path == "/oauth/tiktok/callback/"
        return {name: values[0] for name, values in parse_qs(back.query).items()}

    return answer
