"""What the pages of this app share: style, and refusals to delete."""

from typing import Any

from django.contrib import messages
from django.forms import Media
from django.http import HttpRequest
from django.shortcuts import redirect

from destinations.services import InUseError
from tiktok_hub.admin import PageAdmin


class GuardedAdmin(PageAdmin):
    """Pages of what others may use: deleting goes through a service that says who does; empty lists say what to do."""

    list_before_template = "destinations/empty.html"
    empty_title = ""
    empty_text = ""

    @property
    def media(self) -> Media:
        """Add this app's style sheet and script."""
        own = Media(css={"all": ["destinations/pages.css"]}, js=["destinations/pages.js"])
        return super().media + own

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
