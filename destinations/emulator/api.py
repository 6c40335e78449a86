"""Turn a call below /open_api/v1.3 into TikTok's envelope: route, token, limits, scope, then the endpoint's work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from destinations.emulator.body import json_object
from destinations.emulator.errors import (
    OK,
    PARAMETER,
    PERMISSION,
    TOKEN_INVALID,
    TOKEN_MISSING,
    ApiError,
)
from destinations.emulator.model import SCOPES, Token
from destinations.emulator.state import State
from destinations.emulator.wire import Answer, Call, envelope, text_answer

PREFIX = "/open_api/v1.3"
NOT_FOUND = "404 page not found"


@dataclass
class Job:
    """What an endpoint works with. `token` is a real, living one, except for endpoints that need none."""

    state: State
    call: Call
    path: str
    grant: Token | None

    @property
    def token(self) -> Token:
        """Give the token of the call."""
        if self.grant is None:
            raise ApiError(
                TOKEN_MISSING, "Access token is null, you should set it in http header with key Access-Token."
            )
        return self.grant

    def fields(self, *required: str) -> dict[str, Any]:
        """Read the JSON body of a POST; raise 40002 when a required field is missing or an empty text."""
        values = json_object(self.call)
        return _required(values, required)

    def parameters(self, *required: str) -> dict[str, Any]:
        """Read the query of a GET; raise 40002 when a required parameter is missing."""
        return _required(dict(self.call.query), required)

    def advertiser(self, advertiser_id: object, *roles: str) -> str:
        """Check that the token reaches an ad account (with one of the roles, when given); count its rate."""
        if type(advertiser_id) is not str or not advertiser_id.isdigit():
            raise ApiError(PARAMETER, "Invalid value for advertiser_id: not a valid string.")
        self.state.limits.check_advertiser(advertiser_id, self.path, self.state.now())
        role = self.state.registry.role(self.token, advertiser_id)
        if role is None or (roles and role not in roles):
            raise ApiError(
                PERMISSION,
                f"No permission to operate advertiser {advertiser_id}."
                " You must be an admin or operator of this advertiser account.",
            )
        return advertiser_id


Work = Callable[[Job], dict[str, Any]]


@dataclass(frozen=True)
class Endpoint:
    """One path: its method, the scopes of which the token needs one (none = any token), and what it does."""

    method: str
    path: str
    work: Work
    scopes: frozenset[int] = frozenset()
    needs_token: bool = True
    locked: bool = True
    """Whether the work is done under the state's lock; event checking is long and takes the lock itself."""


def _required(values: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    missing = [name for name in required if values.get(name) in (None, "")]
    if missing:
        raise ApiError(PARAMETER, f"Missing required field(s): {', '.join(missing)}.")
    return values


def answer(state: State, endpoints: dict[str, Endpoint], call: Call) -> Answer:
    """Answer a call: application errors are HTTP 200 with a code, only path and method are HTTP errors."""
    path = call.path.removeprefix(PREFIX)
    endpoint = endpoints.get(path)
    if endpoint is None:
        return text_answer(404, NOT_FOUND)
    if endpoint.method != call.method:
        return text_answer(405, "405 method not allowed")
    try:
        data = _work(state, endpoint, call)
    except ApiError as error:
        return envelope(error.code, error.message, call.request_id, {})
    return envelope(OK, "OK", call.request_id, data)


def _work(state: State, endpoint: Endpoint, call: Call) -> dict[str, Any]:
    with state.lock:
        token = _token(state, call) if endpoint.needs_token else None
        app_id = token.app_id if token else _app_id(call)
        state.limits.check_app(app_id, endpoint.path, state.now())
        if token is not None and endpoint.scopes and not endpoint.scopes & set(token.scopes):
            scope = min(endpoint.scopes)
            raise ApiError(PERMISSION, f"No permission: scope {scope} ({SCOPES.get(scope, '?')}) is not authorized.")
        job = Job(state, call, endpoint.path, token)
        if endpoint.locked:
            return endpoint.work(job)
    return endpoint.work(job)


def _token(state: State, call: Call) -> Token:
    if not call.token:
        raise ApiError(TOKEN_MISSING, "Access token is null, you should set it in http header with key Access-Token.")
    token = state.registry.tokens.get(call.token)
    if token is None or token.revoked:
        raise ApiError(TOKEN_INVALID, "Access token is incorrect or has been revoked.")
    return token


def _app_id(call: Call) -> str:
    """Name the app of a call without token, for its rate limit only; the endpoint checks it."""
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return ""
    return str(body.get("app_id", "")) if isinstance(body, dict) else ""
