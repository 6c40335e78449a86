"""The API as a whole: who may ask, how errors look, and which parts there are."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError
from ninja.errors import ValidationError as InputError
from ninja.security import HttpBearer

from destinations.api import router as destinations
from orchestrations.api import router as orchestrations
from orchestrations.groups.api import router as groups
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.policies import membership_permissions


class KeyAuth(HttpBearer):
    """Ask for a key in `Authorization: Bearer …`; the middleware has found out whose it is."""

    openapi_description = "An API key, made under API keys of the tenant that it opens."

    def authenticate(self, request: HttpRequest, token: str) -> Membership | None:
        """Return the membership for which the key acts."""
        return getattr(request, "membership", None)


api = NinjaAPI(
    title="tiktok_hub",
    version="1",
    description="Start orchestrations and read what became of every row. Each key belongs to one tenant and acts in "
    "the name of the person who made it.",
    auth=KeyAuth(),
    docs_url=None,
)
api.add_router("", orchestrations)
api.add_router("", groups)
api.add_router("", destinations)


class Me(Schema):
    """Who the key acts for, and what they may do."""

    tenant: str
    email: str
    policy: str
    options: list[str]
    permissions: list[str]


@api.get("/me", response=Me, tags=["me"], summary="Who this key acts for")
def me(request: HttpRequest) -> dict[str, Any]:
    """Return the tenant, the person and their permissions."""
    membership: Membership = request.membership  # type: ignore[attr-defined]
    return {
        "tenant": membership.tenant.slug, "email": membership.user.email, "policy": membership.policy,
        "options": sorted(membership.options), "permissions": sorted(membership_permissions(membership)),
    }  # fmt: skip


def _answer(request: HttpRequest, status: int, sentence: str, **more: Any) -> HttpResponse:
    return api.create_response(request, {"error": {"sentence": sentence, **more}}, status=status)


@api.exception_handler(AuthenticationError)
def _no_key(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    response = _answer(request, 401, "No key, or one that opens nothing (any more). Send Authorization: Bearer KEY.")
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(PermissionDenied)
def _not_allowed(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return _answer(request, 403, str(error) or "The person in whose name this key acts may not do that.")


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return _answer(request, 404, "There is no such thing in this tenant, or it is not open to this key.")


@api.exception_handler(ValidationError)
def _refused(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields = {"fields": error.message_dict} if hasattr(error, "error_dict") else {}
    return _answer(request, 409, " ".join(error.messages), **fields)


@api.exception_handler(InputError)
def _bad_input(request: HttpRequest, error: InputError) -> HttpResponse:
    """Name the places without their values, which may be personal."""
    places = {".".join(str(part) for part in each["loc"]): each["msg"] for each in error.errors}
    return _answer(request, 422, "The request is not as the API expects it.", fields=places)
