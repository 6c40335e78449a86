"""Let a program with a key into the tenant that the key belongs to."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.debug import sensitive_variables

from tiktok_hub.acting import Via, acting_as, client_ip
from tiktok_hub.api.services import key_open
from tiktok_hub.tenancy.scope import tenant_scope

ROOT = "/api/v1/"


class ApiKeyMiddleware:
    """Open the key's tenant for requests to the API, in the name of the key's person; the API refuses all others.

    A session's cookie opens nothing here, so that no other site can make a browser use the API.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    @sensitive_variables()
    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(ROOT):
            return self.get_response(request)
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        membership = key_open(text.strip()) if scheme.lower() == "bearer" else None
        if membership is None:
            return self.get_response(request)
        request.membership, request.tenant = membership, membership.tenant  # type: ignore[attr-defined]
        request.user = membership.user
        with tenant_scope(membership.tenant), acting_as(membership.user, Via.API, client_ip(request)):
            return self.get_response(request)
