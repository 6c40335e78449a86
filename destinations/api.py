"""Destinations in the API: those that are open to the key's person."""

from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja import Router, Schema

from destinations.models import Destination, destinations_usable_by
from tiktok_hub.tenancy.middleware import TenantRequest

router = Router(tags=["destinations"])


class DestinationOut(Schema):
    """A destination as programs see it: no settings, they may be secret."""

    id: int
    name: str
    description: str
    plugin: str
    enabled: bool


@router.get("/destinations", response=list[DestinationOut], summary="Destinations that are open to you")
def destinations_list(request: HttpRequest) -> Any:
    """Return them by name."""
    if not request.user.has_perm("destinations.view_destination"):
        raise PermissionDenied
    found: list[Destination] = list(destinations_usable_by(cast(TenantRequest, request).membership).order_by("name"))
    return found
