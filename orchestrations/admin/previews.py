"""The fragment that shows the first rows of some SQL, masked for people with restricted access."""

from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from orchestrations.admin.base import member
from orchestrations.forms.sql import error_line
from orchestrations.models import Dataset, Query
from orchestrations.queries import PREVIEW_ROWS, QueryPreview, query_preview
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record

CELL_CHARACTERS = 200


def preview_render(
    request: HttpRequest, sql: str, *, limit: int = PREVIEW_ROWS, of: Dataset | Query | None = None
) -> HttpResponse:
    """Run SQL for its first rows and render them, or what is wrong with it.

    Whoever sees personal values stands in the audit log with the names of their columns, and what they were `of`.
    """
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
    if found.personal and not found.masked and found.rows:
        seen = {"field": "columns", "old": None, "new": sorted(found.personal)}
        audit_record(Action.PII_VIEWED, of, changes=[seen], name=None if of else "SQL that is being written")
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
