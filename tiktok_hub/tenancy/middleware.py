"""Open the tenant that the first segment of the URL names.

`/acme/orchestrations/run/7/` is served as `/orchestrations/run/7/` of the tenant *acme*: the segment moves from the
path to the script prefix, so that every `reverse()` of the request yields addresses of the same tenant, links can be
shared, and two browser tabs can hold two tenants.
"""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_script_prefix, set_script_prefix
from django.utils.http import escape_leading_slashes

from tiktok_hub.tenancy.backends import membership_of
from tiktok_hub.tenancy.models import RESERVED_SLUGS, Membership, Tenant
from tiktok_hub.tenancy.scope import tenant_scope


class TenantRequest(HttpRequest):
    """A request inside a tenant, as views of the tenant's pages get it."""

    tenant: Tenant
    membership: Membership


class TenantMiddleware:
    """Find the tenant, see that the person belongs to it, and open it; anything else does not exist (404)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        slug, slash, rest = request.path_info.lstrip("/").partition("/")
        if not slug or slug in RESERVED_SLUGS or "." in slug:
            return self.get_response(request)
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        membership = self.membership(request, slug)
        if membership is None:
            request.urlconf = "tiktok_hub.tenancy.nowhere"
            return self.get_response(request)
        if not slash:
            return HttpResponse(status=301, headers={"Location": escape_leading_slashes(f"{request.path}/")})
        return self.open(request, membership, f"/{rest}")

    def membership(self, request: HttpRequest, slug: str) -> Membership | None:
        """Return the person's membership of the tenant with this short name, if both exist."""
        tenant = Tenant.objects.filter(slug=slug).first()
        return membership_of(request.user, tenant)

    def open(self, request: HttpRequest, membership: Membership, path: str) -> HttpResponseBase:
        """Serve `path` inside the membership's tenant."""
        prefix = get_script_prefix()
        request.tenant = membership.tenant  # type: ignore[attr-defined]
        request.membership = membership  # type: ignore[attr-defined]
        request.urlconf = settings.TENANT_URLCONF
        request.path_info = path
        set_script_prefix(f"{prefix}{membership.tenant.slug}/")
        try:
            with tenant_scope(membership.tenant):
                return self.get_response(request)
        finally:
            set_script_prefix(prefix)


def nowhere(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer for tenants that do not exist or are not the person's: the two look alike."""
    raise Http404("There is no such page.")
