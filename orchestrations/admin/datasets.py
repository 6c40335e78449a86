"""Datasets: upload, replace, look at, delete."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern

from orchestrations.admin.base import OwnPageAdmin, member
from orchestrations.admin.previews import preview_render
from orchestrations.datasets import dataset_delete, dataset_users
from orchestrations.forms import DatasetForm, DatasetUploadForm
from orchestrations.models import Dataset
from orchestrations.sources.base import quoted
from orchestrations.templatetags.orchestration_tags import count
from tiktok_hub.admin import shown
from tiktok_hub.shell import tenant_site

PREVIEW_ROWS = 20
EXAMPLE_COLUMNS = 6


@admin.register(Dataset, site=tenant_site)
class DatasetAdmin(OwnPageAdmin):
    """The tenant's tables, each made from an uploaded file."""

    add_form_template = "orchestrations/dataset/add.html"
    change_form_template = "orchestrations/dataset/form.html"
    list_display = ("name", "row_count", "size", "filename", "loaded_at", "description")
    search_fields = ("name", "description", "filename")
    empty_title = "No dataset yet"
    empty_text = "Upload a CSV, Parquet or JSON lines file: it becomes a table that queries select from."

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> "type[ModelForm[Dataset]]":
        """Upload a new table, or change one."""
        if obj is None:
            return super().get_form(request, obj, change, form=DatasetUploadForm, fields=("name", "description"))  # type: ignore[no-any-return]
        if not self.has_change_permission(request, obj):
            return super().get_form(request, obj, change, fields=())  # type: ignore[no-any-return]
        form = super().get_form(request, obj, change, form=DatasetForm, fields=("description",))
        form.may_mark = not member(request).restrict_pii
        form.membership = member(request)
        return form  # type: ignore[no-any-return]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Name the fields; where they stand is the template's concern."""
        fields: tuple[str, ...] = ("file", "name", "description")
        if obj is not None:
            fields = ("file", "description", "pii") if self.has_change_permission(request, obj) else ("description",)
        return [(None, {"fields": fields})]

    @shown("Rows", ordering="rows")
    def row_count(self, dataset: Dataset) -> str:
        """Return the number of rows."""
        return count(dataset.rows)

    @shown("Size", ordering="bytes")
    def size(self, dataset: Dataset) -> str:
        """Return how large the table is in storage."""
        return str(filesizeformat(dataset.bytes))

    def page_urls(self) -> list[URLPattern]:
        """Return the fragment with the first rows."""
        return [self.object_page("preview/", self.preview, name="preview", permission="orchestrations.view_dataset")]

    def preview(self, request: HttpRequest, dataset: Dataset) -> HttpResponse:
        """Show the first rows, masked for people with restricted access."""
        return preview_render(request, f"SELECT * FROM {quoted(dataset.name)}", limit=PREVIEW_ROWS, of=dataset)  # noqa: S608

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Add an example of SQL over the dataset."""
        found = self.get_object(request, object_id) if object_id else None
        context = {"example": example_sql(found) if found else ""}
        return super().changeform_view(request, object_id, form_url, context | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: Dataset, form: Any, change: bool) -> None:
        """Write what the form has not stored already."""
        if change:
            super().save_model(request, obj, form, change)

    def delete_refusal(self, obj: Dataset) -> str:
        """Keep what queries and unfinished runs read."""
        return dataset_users(obj)

    def delete_model(self, request: HttpRequest, obj: Dataset) -> None:
        """Delete it with its file, unless something reads it."""
        dataset_delete(dataset=obj)


def example_sql(dataset: Dataset) -> str:
    """Return a query over the first columns of a dataset, to begin with."""
    names = [str(column["name"]) for column in dataset.columns[:EXAMPLE_COLUMNS]]
    columns = ",\n    ".join(_identifier(name) for name in names) or "*"
    return f"SELECT\n    {columns}\nFROM {_identifier(dataset.name)}"  # noqa: S608 - shown, not run


def _identifier(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else quoted(name)
