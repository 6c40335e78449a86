"""Queries: the list, and the editor with tables, preview and column check."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern

from destinations.models import destinations_usable_by
from orchestrations.admin.base import OwnPageAdmin, member, names
from orchestrations.admin.mapping import columns_map, targets
from orchestrations.admin.previews import preview_render
from orchestrations.choices import COLOURS, QueryStatus
from orchestrations.forms import QueryForm
from orchestrations.forms.sql import error_line
from orchestrations.models import Dataset, Orchestration, Query
from orchestrations.queries import query_describe
from orchestrations.runs.services import columns_check
from tiktok_hub.admin import shown
from tiktok_hub.shell import tenant_site

WRITE = ("orchestrations.add_query", "orchestrations.change_query")


@admin.register(Query, site=tenant_site)
class QueryAdmin(OwnPageAdmin):
    """Saved SQL, whose column names say what goes where."""

    form = QueryForm
    fields = ("name", "description", "sql", "status")
    add_form_template = change_form_template = "orchestrations/query/form.html"
    list_display = ("name", "state", "fields_found", "used_by", "changed_at")
    list_filter = ("status",)
    search_fields = ("name", "description")
    empty_title = "No query yet"
    empty_text = (
        "A query is SQL over the datasets; the names of its columns say what goes where. Upload a dataset first, then "
        "write one here."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Query]:
        """Return the queries with the number of orchestrations that use them."""
        return super().get_queryset(request).annotate(uses=Count("orchestrations"))  # type: ignore[no-any-return]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form who writes."""
        form = super().get_form(request, obj, change, **kwargs)
        form.membership = member(request)
        return form

    @shown("Status", ordering="status", label=COLOURS)
    def state(self, query: Query) -> tuple[str, str]:
        """Return the status with its label."""
        return query.status, query.get_status_display()

    @shown("Columns")
    def fields_found(self, query: Query) -> str:
        """Name the first columns of the result."""
        shown = ", ".join(column["name"] for column in query.columns[:5])
        more = len(query.columns) - 5
        return f"{shown} and {more} more" if more > 0 else shown or "–"

    @shown("Used by", ordering="uses")
    def used_by(self, query: Any) -> str:
        """Say how many orchestrations use the query."""
        return f"{query.uses} orchestration{'' if query.uses == 1 else 's'}"

    def page_urls(self) -> list[URLPattern]:
        """Return the fragments of the editor."""
        view = "orchestrations.view_query"
        return [
            self.list_page("preview/", self.preview, name="preview", permissions=WRITE),
            self.list_page("check/", self.check_columns, name="check", permissions=WRITE),
            self.object_page("rows/", self.rows, name="rows", permission=view),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Put the tables and the destinations to check against beside the editor."""
        context = {"tables": list(Dataset.objects.all()), "targets": targets(member(request))}
        return super().changeform_view(request, object_id, form_url, context | (extra_context or {}))

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Show the first rows of the SQL as it stands in the editor."""
        return preview_render(request, request.POST.get("sql", ""))

    def rows(self, request: HttpRequest, query: Query) -> HttpResponse:
        """Show the first rows of the saved SQL, for people who may not write any."""
        return preview_render(request, query.sql, of=query)

    def check_columns(self, request: HttpRequest) -> HttpResponse:
        """Hold the columns of the SQL in the editor against a destination or a plugin."""
        chosen = request.POST.get("target", "")
        target = next((each for each in targets(member(request)) if each.value == chosen), None)
        if target is None:
            return render(request, "orchestrations/query/check.html", {})
        try:
            columns = query_describe(tenant=member(request).tenant, sql=request.POST.get("sql", ""))
        except ValidationError as error:
            context: dict[str, Any] = {"error": " ".join(error.messages), "line": error_line(error)}
        else:
            context = {"mapped": columns_map(columns, target)}
        return render(request, "orchestrations/query/check.html", context)

    def save_model(self, request: HttpRequest, obj: Query, form: Any, change: bool) -> None:
        """Save, and say what a draft's SQL lacks and which orchestrations cannot run with the query any more."""
        super().save_model(request, obj, form, change)
        if form.sql_error:
            messages.warning(request, f"Saved as a draft. {form.sql_error}")
        for sentence in orchestrations_broken(obj, request):
            messages.warning(request, sentence)

    def delete_refusal(self, obj: Query) -> str:
        """Keep what orchestrations use."""
        users = list(Orchestration.objects.filter(query=obj))
        if not users:
            return ""
        return f"The query “{obj}” is used by {names(users)}. Give it another query, or delete it, first."


def orchestrations_broken(query: Query, request: HttpRequest) -> list[str]:
    """Return a sentence for each orchestration, among those open to this person, that this query stops."""
    open_here = destinations_usable_by(member(request))
    users = Orchestration.objects.filter(query=query, destination__in=open_here).select_related("destination")
    if query.status != QueryStatus.ACTIVE:
        return [f"“{each}” cannot run while its query is a draft." for each in users]
    sentences = []
    for each in users:
        try:
            columns_check(query, each.destination.spec, {**each.destination.settings, **each.settings})
        except ValidationError as error:
            sentences.append(f"“{each}” cannot run with this query: {' '.join(error.messages)}")
    return sentences
