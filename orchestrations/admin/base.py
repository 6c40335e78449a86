"""What the pages of this app share: extra pages about one object, messages, refusals to delete."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from tiktok_hub.admin import TenantModelAdmin
from tiktok_hub.tenancy.middleware import TenantRequest
from tiktok_hub.tenancy.models import Membership, TenantModel

View = Callable[[HttpRequest, Any], HttpResponseBase]
Result = TypeVar("Result")
Column = TypeVar("Column", bound=Callable[..., Any])


def member(request: HttpRequest) -> Membership:
    """Return the membership of the person who asks, which the middleware found."""
    return cast(TenantRequest, request).membership


def shown(description: str, **options: Any) -> Callable[[Column], Column]:
    """Mark a method as a column of a list; the theme's own decorator is not typed."""
    return cast(Callable[[Column], Column], display(description=description, **options))


def attempt(request: HttpRequest, action: Callable[[], Result]) -> Result | None:
    """Do something that may be refused; show why as a message, and return None then."""
    try:
        return action()
    except ValidationError as error:
        for sentence in error.messages:
            messages.error(request, sentence)
    except PermissionDenied as error:
        messages.error(request, str(error))
    return None


def names(objects: Any) -> str:
    """Join names for a sentence: “a”, “b” and “c”."""
    quoted = [f"“{each}”" for each in objects]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)


class PageAdmin(TenantModelAdmin):
    """A model's pages in the tenant, with pages of our own beside Django's."""

    actions = ()
    list_before_template = "orchestrations/empty.html"
    empty_title = ""
    empty_text = ""

    class Media:
        css = {"all": ("orchestrations/pages.css",)}  # noqa: RUF012

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer no actions on many objects at once: each is changed, run or deleted on its own page."""
        return {}

    def page_urls(self) -> list[URLPattern]:
        """Return the addresses of the extra pages."""
        return []

    def get_urls(self) -> list[URLPattern]:
        """Put the extra pages before Django's, whose patterns catch everything."""
        return [*self.page_urls(), *super().get_urls()]

    def object_page(self, route: str, view: View, *, name: str, permission: str, method: str = "GET") -> URLPattern:
        """Return the address of a page about one object: not found (404), not allowed (403), wrong method (405)."""
        allowed = ["GET", "HEAD"] if method == "GET" else [method]

        @wraps(view)
        def page(request: HttpRequest, object_id: int) -> HttpResponseBase:
            found = self.object_or_404(request, object_id)
            if not request.user.has_perm(permission):
                raise PermissionDenied
            if request.method not in allowed:
                return HttpResponseNotAllowed(allowed)
            return view(request, found)

        url_name = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        address: URLPattern = path(f"<int:object_id>/{route}", self.admin_site.admin_view(page), name=url_name)
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
        return TemplateResponse(
            request, template, {**self.admin_site.each_context(request), "opts": self.opts, **context}
        )

    def delete_refusal(self, obj: Any) -> str:
        """Return why an object cannot be deleted now, or nothing."""
        return ""

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Say why instead of asking for confirmation when an object is in use."""
        found = self.object_or_404(request, object_id)
        if self.has_delete_permission(request, found) and (refusal := self.delete_refusal(found)):
            messages.error(request, refusal)
            return redirect(self.url("change", found))
        try:
            return super().delete_view(request, object_id, extra_context)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return redirect(self.url("change", found))


def back(url: str) -> HttpResponse:
    """Send the browser to a page after a POST."""
    return redirect(url)


def list_page(admin: PageAdmin, route: str, view: Callable[[HttpRequest], HttpResponseBase], *, name: str,
              permissions: tuple[str, ...]) -> URLPattern:
    """Return the address of something that works on unsaved input: POST only, with any of the permissions."""

    def page(request: HttpRequest) -> HttpResponseBase:
        if not any(request.user.has_perm(permission) for permission in permissions):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return view(request)

    url_name = f"{admin.opts.app_label}_{admin.opts.model_name}_{name}"
    address: URLPattern = path(route, admin.admin_site.admin_view(page), name=url_name)
    return address
