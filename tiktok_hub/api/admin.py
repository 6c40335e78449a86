"""API keys: make one, see which there are, revoke them."""

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from tiktok_hub.admin import PageAdmin, shown
from tiktok_hub.api.forms import ApiKeyForm
from tiktok_hub.api.middleware import ROOT
from tiktok_hub.api.models import ApiKey
from tiktok_hub.api.services import key_create, key_revoke
from tiktok_hub.shell import root_url, tenant_site
from tiktok_hub.tenancy.middleware import TenantRequest


@admin.register(ApiKey, site=tenant_site)
class ApiKeyAdmin(PageAdmin):
    """Keys by which programs act in somebody's name."""

    form = ApiKeyForm
    fields = ("name", "days")
    actions = ()
    list_display = ("name", "start", "user", "state", "created_at", "expires_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__email", "user__name")

    @shown("State", label={"live": "success", "revoked": "danger", "expired": "warning"})
    def state(self, key: ApiKey) -> str:
        """Say whether it opens anything."""
        return "live" if key.is_live else "revoked" if key.revoked_at else "expired"

    def page_urls(self) -> list[URLPattern]:
        """Return the button."""
        return [self.object_page("revoke/", self.revoke, permission="api.change_apikey", method="POST")]

    @method_decorator(never_cache)
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Make a key, and show it this once."""
        form = ApiKeyForm(request.POST)
        if request.method != "POST" or not self.has_add_permission(request) or not form.is_valid():
            return super().add_view(request, form_url, extra_context)  # type: ignore[no-any-return]
        member = cast(TenantRequest, request).membership
        key, text = key_create(membership=member, name=form.cleaned_data["name"], days=form.cleaned_data["days"])
        address = request.build_absolute_uri(root_url(ROOT.lstrip("/")))
        return self.page(request, "api/made.html", title="API key", original=key, key=key, text=text, address=address)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show a key; nothing of it can be changed but that it ends."""
        key = self.object_or_404(request, object_id)
        if not self.has_view_permission(request, key):
            raise PermissionDenied
        may_revoke = request.user.has_perm("api.change_apikey") and key.is_live
        state = self.state(key)
        return self.page(request, "api/key.html", title=str(key), original=key, key=key, state=state,
                         may_revoke=may_revoke)  # fmt: skip

    def revoke(self, request: HttpRequest, key: ApiKey) -> HttpResponse:
        """Make it useless."""
        if key_revoke(key=key):
            messages.success(request, f"“{key.name}” is revoked: it opens nothing any more.")
        return redirect(self.url("change", key))

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keys are revoked and stay in the list."""
        return False
