"""Pages of the audit log: the tenant's own, and the installation's on the platform. Nothing in it can be changed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from tiktok_hub.admin import PageAdmin, shown
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.filters import DaysFilter, KindFilter, WhoFilter
from tiktok_hub.audit.models import Entry, Seal
from tiktok_hub.audit.reading import entries_csv, kind_name, value_shown, who_name
from tiktok_hub.audit.services import audit_record
from tiktok_hub.shell import platform_site, tenant_site
from tiktok_hub.spreadsheets import csv_response
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import current_tenant, hub_scope, tenant_scope


@admin.register(Entry, site=tenant_site)
class EntryAdmin(PageAdmin):
    """Who did what in this tenant: to filter, to search, to take away."""

    list_display = ("when", "who", "what", "thing", "via", "ip")
    list_filter = (
        ("at", DaysFilter), ("action", ChoicesDropdownFilter), WhoFilter, KindFilter, ("via", ChoicesDropdownFilter)
    )  # fmt: skip
    list_filter_submit = True
    list_per_page = 50
    list_before_template = "audit/before_list.html"
    show_full_result_count = False
    search_fields = ("object_name", "object_id", "actor", "ip")
    search_help_text = "Object, person or IP address"
    actions = ()

    class Media:
        css = {"all": ("orchestrations/pages.css",)}  # noqa: RUF012

    @shown("When (UTC)", ordering="at")
    def when(self, entry: Entry) -> str:
        """Return the second in which it happened."""
        return f"{entry.at:%Y-%m-%d %H:%M:%S}"

    @shown("Who", ordering="actor")
    def who(self, entry: Entry) -> str:
        """Name who acted."""
        return who_name(entry)

    @shown("Action", ordering="action")
    def what(self, entry: Entry) -> str:
        """Name the action, with the kind of thing where the action alone does not tell."""
        label = entry.get_action_display()
        plain = entry.action in {Action.ADDED, Action.CHANGED, Action.DELETED}
        return f"{label}: {kind_name(entry.object_type)}" if plain and entry.object_type else label

    @shown("Object", ordering="object_name")
    def thing(self, entry: Entry) -> str:
        """Name what it was done to."""
        return entry.object_name

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer nothing to do with entries."""
        return {}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Entries are written by what happens."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        """Nobody edits what happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        """Nobody deletes what happened."""
        return False

    def may_download(self, request: HttpRequest) -> bool:
        """Say whether this person may take the log away."""
        return request.user.has_perm("audit.download_entry")

    def page_urls(self) -> list[URLPattern]:
        """Return the download."""
        return [self.address("export.csv", self.export, "export")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Show the list, with the download of what it shows."""
        export = self.url("export") if self.may_download(request) else ""
        return super().changelist_view(request, {**(extra_context or {}), "export_url": export})  # type: ignore[no-any-return]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show one entry: what changed, and where it stands in the chain."""
        entry = self.object_or_404(request, object_id)
        if not self.has_view_permission(request, entry):
            raise PermissionDenied
        seal = Seal.objects.filter(entry=entry).first()
        before = Seal.objects.filter(chain=seal.chain, number=seal.number - 1).first() if seal else None
        changes = [{**each, "old": value_shown(each.get("old")), "new": value_shown(each.get("new"))}
                   for each in entry.changes]  # fmt: skip
        return self.page(
            request, "audit/entry.html", title="Audit log", original=entry, entry=entry, changes=changes, seal=seal,
            before=before, who=who_name(entry), kind=kind_name(entry.object_type), list_url=self.url("changelist"),
        )  # fmt: skip

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """There is no such page."""
        raise Http404

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Send the entries that the list shows under the same address as CSV; that is an entry too."""
        if not (self.has_view_permission(request) and self.may_download(request)):
            raise PermissionDenied
        try:
            entries: QuerySet[Entry] = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return redirect(self.url("changelist"))
        asked = [{"field": name, "old": None, "new": value} for name, value in request.GET.items() if value]
        audit_record(Action.AUDIT_DOWNLOADED, name="Audit log", changes=asked)
        return csv_response(entries_csv(entries, self.opened()), "audit-log.csv")

    def opened(self) -> Callable[[], AbstractContextManager[Any]]:
        """Return how to open again what is open now."""
        tenant = current_tenant()
        return partial(tenant_scope, tenant) if isinstance(tenant, Tenant) else hub_scope


@admin.register(Entry, site=platform_site)
class PlatformEntryAdmin(EntryAdmin):
    """What belongs to no tenant: log-ins, people, the platform itself. For superusers, as the whole site."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        """Return the installation's entries."""
        return super().get_queryset(request).filter(tenant=None)

    def has_view_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        """The site lets superusers in only."""
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The site lets superusers in only."""
        return True

    def may_download(self, request: HttpRequest) -> bool:
        """A superuser may."""
        return True

    @hub_scope()
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Show the list; it is read while it is written, so that is done here."""
        return _rendered(super().changelist_view(request, extra_context))

    @hub_scope()
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show one entry."""
        return _rendered(super().change_view(request, object_id, form_url, extra_context))

    @hub_scope()
    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Send the installation's entries."""
        return super().export(request)


def _rendered(response: Any) -> HttpResponseBase:
    """Write a page now."""
    return response.render() if hasattr(response, "render") else response  # type: ignore[no-any-return]
