"""What the pages of this app share: style, messages, refusals to delete."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.views import ChangeList

from tiktok_hub.admin import PageAdmin
from tiktok_hub.tenancy.middleware import TenantRequest
from tiktok_hub.tenancy.models import Membership

Result = TypeVar("Result")


def member(request: HttpRequest) -> Membership:
    """Return the membership of the person who asks, which the middleware found."""
    return cast(TenantRequest, request).membership


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


class OwnPageAdmin(PageAdmin):
    """Pages of this app: its style, empty lists that say what to do, reasons for what cannot be deleted."""

    actions = ()
    list_before_template = "orchestrations/empty.html"
    empty_title = ""
    empty_text = ""

    class Media:
        css = {"all": ("orchestrations/pages.css",)}  # noqa: RUF012

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer no actions on many objects at once: each is changed, run or deleted on its own page."""
        return {}

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


class MemberFormAdmin(OwnPageAdmin):
    """Things with a page of their own and a form that asks who fills it in."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form who fills it in."""
        form = super().get_form(request, obj, change, **kwargs)
        form.membership = member(request)
        return form

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Show people who may not change it the page instead of an empty form."""
        if object_id and request.method == "GET":
            found = self.object_or_404(request, object_id)
            if not self.has_change_permission(request, found) and self.has_view_permission(request):
                return back(self.url("detail", found))
        return super().changeform_view(request, object_id, form_url, extra_context)


class DetailChangeList(ChangeList):  # type: ignore[misc]
    """A list whose lines lead to the page of a thing and not to its form."""

    def url_for_result(self, result: Model) -> str:
        """Return the address of the page."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_detail", args=[result.pk])


def back(url: str) -> HttpResponse:
    """Send the browser to a page after a POST."""
    return redirect(url)
