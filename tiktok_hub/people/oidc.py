"""Talk to a tenant's identity provider (OpenID Connect Core 1.0, authorization code flow with PKCE).

allauth does discovery, state, PKCE and the exchange of the code. What the provider says about a person is taken from
its ID token only after everything was looked at: the signature by the provider's published keys, issuer, audience,
time, and the nonce that this browser was sent with; what its userinfo adds must be about the same subject.
"""

import secrets
from typing import Any, cast

import jwt
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_variables
from requests import RequestException

from tiktok_hub import outbound
from tiktok_hub.crypto import SecretUnreadableError
from tiktok_hub.people.models import SingleSignOn
from tiktok_hub.people.pages import site_origin
from tiktok_hub.shell import root_url

Claims = dict[str, Any]
# Signatures by a key pair only: a secret that both know proves nothing about who signed, and `none` nothing at all.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_UNUSABLE = (RequestException, OAuth2Error, jwt.PyJWTError, SecretUnreadableError, KeyError, ValueError, TypeError)
LEEWAY = 60  # seconds by which clocks may differ


class ProviderError(Exception):
    """The identity provider cannot be reached, or its answer cannot be used; the sentence says which."""


class Connection(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """One tenant's provider, in one request."""

    def __init__(self, request: HttpRequest, sign_on: SingleSignOn) -> None:
        self.sign_on = sign_on
        super().__init__(request, f"tenant-{sign_on.tenant_id}")

    def get_provider(self) -> "Provider":
        """Return the provider as allauth wants it, without a row in allauth's own tables."""
        app = SocialApp(
            provider=OpenIDConnectProvider.id, provider_id=self.provider_id, name=str(self.sign_on.tenant),
            client_id=self.sign_on.client_id, secret=self.sign_on.client_secret.reveal(),
            settings={"server_url": self.sign_on.server_url.rstrip("/"), "oauth_pkce_enabled": True},
        )  # fmt: skip
        return Provider(self, app)

    @property
    def openid_config(self) -> dict[str, Any]:
        """Return what the provider publishes about itself; its issuer is the one that was entered (Discovery, 4.3)."""
        found = cast("dict[str, Any]", super().openid_config)
        if str(found.get("issuer", "")).rstrip("/") != self.sign_on.server_url.rstrip("/"):
            raise ProviderError("The provider calls itself by another issuer than the one that is configured.")
        return found

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        """Return where the provider sends people back to."""
        return callback_url(request, self.sign_on)

    @sensitive_variables()
    def claims(self, state: dict[str, Any]) -> Claims:
        """Exchange the code that came back and return what the provider says about the person."""
        provider = self.get_provider()
        client = self.get_client(self.request, provider.app)
        verifier = state.get("pkce_code_verifier")
        answer = self.get_access_token_data(self.request, provider.app, client, pkce_code_verifier=verifier)
        told = self._id_token(str(answer.get("id_token", "")))
        if not secrets.compare_digest(str(told.get("nonce", "")), state["data"]["nonce"]):
            raise ProviderError("The provider's answer was made for another log-in.")
        if "userinfo_endpoint" not in self.openid_config:
            return told
        more = self._fetch_user_info(answer["access_token"])
        if more.get("sub") != told["sub"]:
            raise ProviderError("The provider's answers are about two people.")
        return {**more, **told}

    @sensitive_variables()
    def _id_token(self, text: str) -> Claims:
        """Return the content of an ID token that the provider signed for us (Core, 3.1.3.7)."""
        kid = jwt.get_unverified_header(text).get("kid")
        with outbound.session() as session:
            response = session.get(self.openid_config["jwks_uri"])
            response.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(response.json()).keys
        fitting = [key for key in keys if kid is None or key.key_id == kid]
        if len(fitting) != 1:
            raise ProviderError("The provider signed with a key that it does not publish.")
        found: Claims = jwt.decode(
            text, fitting[0], algorithms=ALGORITHMS, audience=self.sign_on.client_id,
            issuer=self.openid_config["issuer"], leeway=LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )  # fmt: skip
        if isinstance(found["aud"], list) and len(found["aud"]) > 1 and found.get("azp") != self.sign_on.client_id:
            raise ProviderError("The provider's answer was made for another program.")
        return found


class Provider(OpenIDConnectProvider):  # type: ignore[misc]
    """What allauth asks about a provider."""

    def __init__(self, connection: Connection, app: SocialApp) -> None:
        self.connection = connection
        super().__init__(connection.request, app=app)

    def get_oauth2_adapter(self, request: HttpRequest) -> Connection:
        """Return the connection that this provider belongs to."""
        return self.connection


def callback_url(request: HttpRequest, sign_on: SingleSignOn) -> str:
    """Return the address to enter at the provider."""
    return f"{site_origin(request)}{root_url(f'sso/{sign_on.tenant.slug}/callback/')}"


def provider_depart(request: HttpRequest, sign_on: SingleSignOn, wanted: str) -> HttpResponse:
    """Return the redirect to the provider; `wanted` is where to go afterwards. Raises ProviderError."""
    nonce = secrets.token_urlsafe(32)
    try:
        connection = Connection(request, sign_on)
        outbound.url_check(str(connection.authorize_url))
        provider = connection.get_provider()
        return cast(
            "HttpResponse",
            provider.redirect(request, "login", next_url=wanted, data={"nonce": nonce}, auth_params={"nonce": nonce}),
        )
    except (RequestException, ValidationError, OAuth2Error, SecretUnreadableError, KeyError, ValueError) as error:
        raise ProviderError("The identity provider cannot be reached, or does not describe itself.") from error


@sensitive_variables()
def provider_return(request: HttpRequest, sign_on: SingleSignOn) -> tuple[Claims, str]:
    """Return what the provider says about who came back, and where they wanted to go. Raises ProviderError."""
    try:
        connection = Connection(request, sign_on)
        state = connection.get_provider().unstash_redirect_state(request, request.GET.get("state", ""))
        if "code" not in request.GET:
            raise ProviderError("The identity provider did not let you in.")
        return connection.claims(state), str(state.get("next") or "")
    except PermissionDenied:
        raise ProviderError("This answer was used already, is too old, or belongs to another browser.") from None
    except _UNUSABLE as error:
        raise ProviderError("The identity provider's answer cannot be used.") from error


def claim_groups(claims: Claims, name: str) -> frozenset[str]:
    """Return the groups that a claim names; dots lead into objects, one group may stand alone."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, str):
        return frozenset({found})
    return frozenset(str(group) for group in found) if isinstance(found, list) else frozenset()
