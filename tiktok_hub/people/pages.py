"""Render pages outside of any tenant in the theme: a narrow card for strangers, the whole frame for people inside."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tiktok_hub.shell import platform_site, root_url, tenant_switcher


def theme(request: HttpRequest) -> dict[str, Any]:
    """Return what the theme's base pages read; the side bar holds the places that the person may go to."""
    places = [{**place, "has_permission": True} for place in tenant_switcher(request)]
    return {
        **platform_site.each_context(request),
        "site_title": "tiktok_hub",
        "site_header": "tiktok_hub",
        "has_permission": request.user.is_authenticated,
        "sidebar_navigation": [{"title": "", "items": places}],
    }


def page(request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """Render a page outside of any tenant."""
    return render(request, template, {**theme(request), **context}, status=status)


# Titles of the pages that allauth draws.
TITLES = {
    "mfa_authenticate": "Second factor",
    "mfa_activate_totp": "Set up an authenticator app",
    "mfa_deactivate_totp": "Remove the authenticator app",
    "mfa_add_webauthn": "Add a security key",
    "mfa_remove_webauthn": "Remove a security key",
    "mfa_view_recovery_codes": "Recovery codes",
    "mfa_generate_recovery_codes": "Recovery codes",
    "mfa_reauthenticate": "Confirm that it is you",
    "mfa_reauthenticate_webauthn": "Confirm that it is you",
    "account_reauthenticate": "Confirm that it is you",
}


def theme_for_allauth(request: HttpRequest) -> dict[str, Any]:
    """Give the pages of allauth, which know nothing of the theme, what it reads (a context processor)."""
    match = getattr(request, "resolver_match", None)
    title = TITLES.get(str(match.url_name or "")) if match else None
    return {**theme(request), "title": title} if title else {}


def site_origin(request: HttpRequest) -> str:
    """Return where this installation is reached, without a path: what the operator says, else the request's host."""
    return settings.HUB_PUBLIC_URL or f"{request.scheme}://{request.get_host()}"


def site_address(request: HttpRequest) -> str:
    """Return where this installation is reached, with the server's own prefix and without a slash at the end."""
    return f"{site_origin(request)}{root_url()}".rstrip("/")
