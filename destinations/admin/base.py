"""What the pages of this app share: extra pages about one object, and refusals to delete."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from destinations.services import InUseError
from tiktok_hub.admin import TenantModelAdmin
from tiktok_hub.tenancy.models import TenantModel

View = Callable[..., HttpResponseBase]
Method = TypeVar("Method", bound=Callable[..., object])


def column(description: str, *, ordering: str | None = None, label: Mapping[str, str] | None = None) -> "Column":
    """Make a method a column of a list; `label` maps its values to the theme's colours."""
    return cast(Column, display(description=description, ordering=ordering, label=label))


class Column(Protocol):
    """A decorator that leaves the method's type as it is."""

    def __call__(self, method: Method) -> Method:
        """Mark the method."""
        ...


class PageAdmin(TenantModelAdmin):
    """A model's pages in the tenant, with pages of our own beside Django's; deleting goes through a service."""

    @property
    def media(self) -> Media:
        """Add this app's style sheet and script."""
        own = Media(css={"all": ["destinations/pages.css"]}, js=["destinations/pages.js"])
        return super().media + own

    def page_urls(self) -> list[URLPattern]:
        """Return the addresses of the extra pages."""
        return []

    def get_urls(self) -> list[URLPattern]:
        """Put the extra pages before Django's, whose patterns catch everything."""
        return [*self.page_urls(), *super().get_urls()]

    def object_page(self, route: str, view: View, *, permission: str, method: str = "POST") -> URLPattern:
        """Return the address of a page about one object: not found (404), wrong method (405), not allowed (403).

        `view` is called with the request, the object, and what else the route captures.
        """
        allowed = ["GET", "HEAD"] if method == "GET" else [method]

        @wraps(view)
        def page(request: HttpRequest, object_id: int, **captured: Any) -> HttpResponseBase:
            found = self.object_or_404(request, object_id)
            if request.method not in allowed:
                return HttpResponseNotAllowed(allowed)
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, found, **captured)

        name = f"{self.opts.app_label}_{self.opts.model_name}_{view.__name__}"
        address: URLPattern = path(f"<int:object_id>/{route}", self.admin_site.admin_view(page), name=name)
        return address

    def object_or_404(self, request: HttpRequest, object_id: int | str) -> Any:
        """Return one of the objects that this person may see here."""
        found = self.get_object(request, str(object_id))
        if found is None:
            raise Http404
        return found

    def url(self, name: str, obj: TenantModel | None = None) -> str:
        """Return the address of one of this model's pages."""
        full = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{name}"
        return reverse(full, args=[obj.pk] if obj else [])

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """Render a whole page in the theme."""
        request.current_app = self.admin_site.name
        theme = self.admin_site.each_context(request)
        return TemplateResponse(request, template, {**theme, "opts": self.opts, "media": self.media, **context})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Leave out "Save and add another": these are not made in series."""
        return super().render_change_form(request, {**context, "show_save_and_add_another": False}, *args, **kwargs)

    def delete_checked(self, obj: Any) -> None:
        """Delete an object; raise InUseError when it cannot be."""
        raise NotImplementedError

    def usage_check(self, obj: Any) -> None:
        """Raise InUseError when an object cannot be deleted now."""
        raise NotImplementedError

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Say who uses an object instead of asking for confirmation."""
        found = self.object_or_404(request, object_id)
        if self.has_delete_permission(request, found):
            try:
                self.usage_check(found)
            except InUseError as error:
                messages.error(request, str(error))
                return redirect(self.url("change", found))
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete through the service."""
        self.delete_checked(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete several, each through the service; those in use stay, with a message."""
        for found in queryset:
            try:
                self.delete_checked(found)
            except InUseError as error:
                messages.error(request, str(error))
