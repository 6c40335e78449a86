"""What a session is good for.

A session that a password (and second factor) opened is the person's own and good for all their tenants. One that a
tenant's single sign-on opened is good for that tenant only: the identity provider of one tenant vouches for nobody at
another, nor to the hub itself. The tenants that it proved stand in the session under `PROVED`; `CONFINED` marks a
session that nothing but single sign-on opened.
"""

from django.http import HttpRequest

from tiktok_hub.tenancy.models import Tenant, User

CONFINED = "hub_confined"
PROVED = "hub_proved"


def session_read(request: HttpRequest) -> None:
    """Put what the session is good for on its user, where permission checks find it."""
    if isinstance(request.user, User):
        request.user.confined_to = frozenset(proved(request)) if request.session.get(CONFINED) else None


def session_free(request: HttpRequest) -> None:
    """Make the session the person's own: they gave a password."""
    request.session.pop(CONFINED, None)
    session_read(request)


def session_prove(request: HttpRequest, tenant: Tenant, *, confine: bool) -> None:
    """Note that a tenant's single sign-on vouched for the session's person; `confine` where nothing else did."""
    request.session[PROVED] = sorted({*proved(request), tenant.pk})
    if confine:
        request.session[CONFINED] = True
    session_read(request)


def proved(request: HttpRequest) -> set[int]:
    """Return the ids of the tenants whose single sign-on vouched for this session's person."""
    return set(request.session.get(PROVED, []))
