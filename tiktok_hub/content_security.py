"""Tell browsers what a page may load and where it may lead: Content-Security-Policy and its relatives.

Every page is strict: scripts and styles come from files of the hub's own, nothing is evaluated, nothing frames it. The
theme's frame evaluates expressions (Alpine) and sets styles on elements; the template that draws it says so
(`{% themed %}`), and only that response is allowed more.

Browsers hold a form's target against the policy along all redirects. Where a form is meant to lead to another site
(TikTok, a sign-in provider) the redirect becomes a page that goes on by itself, so that no page allows other targets.
"""

from typing import Any
from urllib.parse import urlsplit

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

# What the theme's frame needs beyond the strict policy in the settings (CONTENT_SECURITY_POLICY).
THEMED: dict[str, Any] = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}

OTHER_HEADERS = {
    "Permissions-Policy": ", ".join(
        f"{name}=()"
        for name in "accelerometer camera display-capture geolocation gyroscope microphone midi payment usb".split()
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def theme_allow(request: HttpRequest) -> None:
    """Let the response to a request do what the theme's frame needs."""
    request._hub_themed = True  # type: ignore[attr-defined]


class ContentSecurityMiddleware(CSPMiddleware):
    """Write the policy that a page needs, and the other headers that all pages bear."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Allow the theme's frame what it needs."""
        parts = super().get_policy_parts(request, response, report_only)
        if getattr(request, "_hub_themed", False):
            # A nonce would switch the theme's own styles off.
            parts.replace, parts.nonce = {**THEMED, **(parts.replace or {})}, None
        return parts

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the headers; make a form's redirect to another site a page."""
        if _leads_away(request, response):
            response = _onward(request, response)
        for name, value in OTHER_HEADERS.items():
            response.headers.setdefault(name, value)
        return super().process_response(request, response)


def _leads_away(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Say whether a browser's form is redirected to another site."""
    if request.method != "POST" or response.status_code not in _REDIRECTS:
        return False
    target = urlsplit(response.headers.get("Location", ""))
    here = (request.scheme, request.get_host())
    return (
        "text/html" in request.headers.get("Accept", "")
        and bool(target.netloc)
        and (target.scheme, target.netloc) != here
    )


def _onward(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    """Return a page that goes on to where a redirect leads; cookies and headers stay."""
    address = response.headers["Location"]
    context = {"address": address, "host": urlsplit(address).hostname}
    page = HttpResponse(render_to_string("hub/onward.html", context, request))
    page.cookies = response.cookies
    for name, value in response.headers.items():
        if name not in {"Location", "Content-Length", "Content-Type"}:
            page.headers[name] = value
    page.headers["Cache-Control"] = "no-store"
    return page
