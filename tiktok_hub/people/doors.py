"""What a tenant asks of its members before anything else of it exists for them."""

from django.http import HttpRequest, HttpResponse

from tiktok_hub.tenancy.models import Membership


def door_answer(request: HttpRequest, membership: Membership) -> HttpResponse | None:
    """Return the page that leads somebody to what they lack; None where they may go in."""
    return None
