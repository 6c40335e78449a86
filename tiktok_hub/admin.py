"""Base classes of the tenant's admin pages: what every one of them must do about tenants."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from tiktok_hub.tenancy.models import TenantModel
from tiktok_hub.tenancy.scope import current_tenant

View = Callable[..., HttpResponseBase]
Method = TypeVar("Method", bound=Callable[..., object])


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


class PageAdmin(TenantModelAdmin):
    """A tenant-owned model's pages, with pages of our own about one object beside Django's."""

    def page_urls(self) -> list[URLPattern]:
        """Return the addresses of the extra pages."""
        return []

    def get_urls(self) -> list[URLPattern]:
        """Put the extra pages before Django's, whose patterns catch everything."""
        return [*self.page_urls(), *super().get_urls()]

    def object_page(
        self, route: str, view: View, *, permission: str, method: str = "GET", name: str = ""
    ) -> URLPattern:
        """Return the address of a page about one object: not found (404), not allowed (403), wrong method (405).

        `view` is called with the request, the object, and what else the route captures; without a `name` the address
        is named after it.
        """
        allowed = ["GET", "HEAD"] if method == "GET" else [method]

        @wraps(view)
        def page(request: HttpRequest, object_id: int, **captured: Any) -> HttpResponseBase:
            found = self.object_or_404(request, object_id)
            if not request.user.has_perm(permission):
                raise PermissionDenied
            if request.method not in allowed:
                return HttpResponseNotAllowed(allowed)
            return view(request, found, **captured)

        return self.address(f"<int:object_id>/{route}", page, name or view.__name__)

    def list_page(self, route: str, view: View, *, permissions: Iterable[str], name: str = "") -> URLPattern:
        """Return the address of something that works on unsaved input: POST only, with any of the permissions."""

        @wraps(view)
        def page(request: HttpRequest) -> HttpResponseBase:
            if not any(request.user.has_perm(permission) for permission in permissions):
                raise PermissionDenied
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            return view(request)

        return self.address(route, page, name or view.__name__)

    def address(self, route: str, view: View, name: str) -> URLPattern:
        """Return a route of this model's, behind the site's own door."""
        full = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        found: URLPattern = path(route, self.admin_site.admin_view(view), name=full)
        return found

    def object_or_404(self, request: HttpRequest, object_id: int | str) -> Any:
        """Return one of the objects that this person may see here."""
        found = self.get_object(request, str(object_id))
        if found is None:
            raise Http404
        return found

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Find the object before anything else: what is not the tenant's does not exist, whatever may be done here."""
        self.object_or_404(request, object_id)
        return super().delete_view(request, object_id, extra_context)

    def url(self, name: str, obj: TenantModel | None = None) -> str:
        """Return the address of one of this model's pages."""
        full = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{name}"
        return reverse(full, args=[obj.pk] if obj else [])

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """Render a whole page in the theme."""
        request.current_app = self.admin_site.name
        theme = self.admin_site.each_context(request)
        return TemplateResponse(request, template, {**theme, "opts": self.opts, "media": self.media, **context})


def shown(description: str, **options: Any) -> Callable[[Method], Method]:
    """Mark a method as a column of a list; the theme's own decorator is not typed."""
    return cast("Callable[[Method], Method]", display(description=description, **options))
