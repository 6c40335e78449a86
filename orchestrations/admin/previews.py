"""The fragment that shows the first rows of some SQL, masked for people with restricted access."""

from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from orchestrations.admin.base import member
from orchestrations.forms.sql import error_line
from orchestrations.queries import PREVIEW_ROWS, QueryPreview, query_preview

CELL_CHARACTERS = 200


def preview_render(request: HttpRequest, sql: str, *, limit: int = PREVIEW_ROWS) -> HttpResponse:
    """Run SQL for its first rows and render them, or what is wrong with it."""
    restricted = member(request).restrict_pii
    context: dict[str, Any] = {"restricted": restricted, "limit": limit}
    try:
        found = query_preview(tenant=member(request).tenant, sql=sql, masked=restricted, limit=limit)
    except ValidationError as error:
        return render(
            request,
            "orchestrations/query/preview.html",
            context | {"error": " ".join(error.messages), "line": error_line(error)},
        )
    return render(request, "orchestrations/query/preview.html", context | preview_context(found))


def preview_context(found: QueryPreview) -> dict[str, Any]:
    """Return what the table shows: columns with their type and whether they are masked, cells as text."""
    return {
        "columns": [(name, kind, name in found.masked) for name, kind in found.columns],
        "rows": [[cell_text(value) for value in row] for row in found.rows],
        "truncated": found.truncated,
    }


def cell_text(value: Any) -> str | None:
    """Return a cell as people read it, shortened; None for NULL."""
    if value is None:
        return None
    if isinstance(value, bytes):
        text = value.hex(" ")
    elif isinstance(value, datetime):
        text = value.isoformat(sep=" ")
    elif isinstance(value, date):
        text = value.isoformat()
    else:
        text = str(value)
    return text if len(text) <= CELL_CHARACTERS else f"{text[:CELL_CHARACTERS]}…"
