"""Base classes of the tenant's admin pages: what every one of them must do about tenants."""

from typing import Any

from django.contrib.admin.options import IS_POPUP_VAR
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from unfold.admin import ModelAdmin

from tiktok_hub.tenancy.scope import current_tenant


class TenantModelAdmin(ModelAdmin):  # type: ignore[misc]
    """Pages of a tenant-owned model: another tenant's object is a 404, choices are the tenant's own."""

    compressed_fields = True
    warn_unsaved_form = True
    list_filter_submit = False
    list_fullwidth = True

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Return the opened tenant's rows."""
        return self.model.objects.order_by(*(self.get_ordering(request) or self.model._meta.ordering))  # type: ignore[no-any-return]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the row into the opened tenant, whatever the form said."""
        obj.tenant = current_tenant()
        super().save_model(request, obj, form, change)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Answer 404 where Django would redirect with a message: what is not the tenant's does not exist."""
        raise Http404

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponseBase:
        """Show the new object's page after the first save, where its next steps are."""
        if IS_POPUP_VAR not in request.POST and "_addanother" not in request.POST:
            posted = request.POST.copy()
            posted["_continue"] = "1"
            request.POST = posted  # type: ignore[assignment]
        return super().response_add(request, obj, post_url_continue)  # type: ignore[no-any-return]
