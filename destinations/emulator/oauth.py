"""Exchange auth codes for tokens, introspect and revoke them (TikTok doc 1738373164380162)."""

import secrets
from typing import Any

from destinations.emulator.api import Endpoint, Job
from destinations.emulator.errors import (
    APP_FORBIDDEN,
    AUTH_CODE,
    INVALID_APP,
    PARAMETER,
    TOKEN_INVALID,
    ApiError,
)
from destinations.emulator.model import App, AuthCode, Token
from destinations.emulator.registry import Registry
from destinations.emulator.state import State


def code_issue(state: State, app: App, user_id: str, advertiser_ids: list[str], scopes: list[int]) -> str:
    """Make the auth_code that the consent page hands out; single use, one hour."""
    code = secrets.token_hex(20)
    expires = state.now() + state.options.auth_code_seconds
    with state.lock:
        state.registry.auth_codes[code] = AuthCode(code, app.app_id, user_id, advertiser_ids, scopes, expires)
    return code


def access_token(job: Job) -> dict[str, Any]:
    """Exchange an auth_code: a token that does not expire, the ad accounts and the scopes it was granted."""
    values = job.fields("app_id", "secret", "auth_code")
    wants_ids = values.get("return_advertiser_ids", True)
    if type(wants_ids) is not bool:
        raise ApiError(PARAMETER, "Invalid value for return_advertiser_ids: not a valid boolean.")
    app = _app(job.state.registry, values)
    code = job.state.registry.auth_codes.get(values["auth_code"])
    if code is not None and code.app_id != app.app_id:
        raise ApiError(INVALID_APP, "The app_id does not match the auth_code.")
    if code is None or code.used or code.expires <= job.state.now():
        raise ApiError(AUTH_CODE, "The auth_code is canceled. Please re-authorize and try again with a new auth_code.")
    code.used = True
    token = Token(secrets.token_hex(20), app.app_id, code.user_id, code.advertiser_ids, code.scopes)
    job.state.registry.tokens[token.access_token] = token
    return {
        "access_token": token.access_token,
        "advertiser_ids": token.advertiser_ids if wants_ids else [],
        "scope": token.scopes,
        "token_type": "Bearer",
    }


def advertiser_list(job: Job) -> dict[str, Any]:
    """List the ad accounts of the token: TikTok's documented way to ask whether it is alive."""
    _own_app(job, job.parameters("app_id", "secret"))
    advertisers = job.state.registry.advertisers
    return {
        "list": [
            {"advertiser_id": advertiser_id, "advertiser_name": advertisers[advertiser_id].name}
            for advertiser_id in job.token.advertiser_ids
            if advertiser_id in advertisers
        ]
    }


def revoke_token(job: Job) -> dict[str, Any]:
    """Revoke a token; calls with it answer 40105 from then on."""
    values = job.fields("app_id", "secret", "access_token")
    app = _app(job.state.registry, values)
    token = job.state.registry.tokens.get(values["access_token"])
    if token is None or token.revoked:
        raise ApiError(TOKEN_INVALID, "Access token is incorrect or has been revoked.")
    if token.app_id != app.app_id:
        raise ApiError(APP_FORBIDDEN, "The app_id is inconsistent with the token's app information.")
    token.revoked = True
    return {"app_id": app.app_id, "advertiser_ids": token.advertiser_ids}


def _app(registry: Registry, values: dict[str, Any]) -> App:
    for name in ("app_id", "secret", "auth_code", "access_token"):
        if name in values and type(values[name]) is not str:
            raise ApiError(PARAMETER, f"Invalid value for {name}: not a valid string.")
    app = registry.apps.get(values["app_id"])
    if app is None:
        raise ApiError(INVALID_APP, "The app_id does not exist.")
    if not secrets.compare_digest(app.secret.encode(), values["secret"].encode()):
        raise ApiError(APP_FORBIDDEN, "The secret is incorrect.")
    return app


def _own_app(job: Job, values: dict[str, Any]) -> None:
    if values["app_id"] != job.token.app_id:
        raise ApiError(APP_FORBIDDEN, "The app_id is inconsistent with the token's app information.")
    _app(job.state.registry, values)


ENDPOINTS = [
    Endpoint("POST", "/oauth2/access_token/", access_token, needs_token=False),
    Endpoint("GET", "/oauth2/advertiser/get/", advertiser_list, frozenset({100})),
    Endpoint("POST", "/oauth2/revoke_token/", revoke_token, needs_token=False),
]
