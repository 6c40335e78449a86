"""Queries: what they return, without running them, and a look at their first rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from orchestrations.datasets import engine_for, personal_names, tables_now
from orchestrations.models import Dataset, Query
from orchestrations.runs.spool import workdir
from orchestrations.sources import QueryError, mask_table
from tiktok_hub.tenancy.models import Tenant

PREVIEW_ROWS = 100
PREVIEW_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class QueryPreview:
    """The first rows of a query: `columns` are `(name, type)`, `rows` are tuples of values as text (None = NULL)."""

    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]
    truncated: bool
    personal: set[str]
    masked: set[str]


def query_describe(*, tenant: Tenant, sql: str) -> list[dict[str, str]]:
    """Return the columns of a query as `{"name", "type"}`; raise ValidationError saying what is wrong with the SQL."""
    with workdir() as folder:
        try:
            with engine_for(tenant, tables_now(), Path(folder), seconds=PREVIEW_SECONDS) as engine:
                columns = engine.describe(sql)
        except QueryError as error:
            raise ValidationError({"sql": query_sentence(error)}) from None
    return [{"name": column.name, "type": column.type} for column in columns]


def query_save(*, query: Query) -> Query:
    """Save a query with the columns it returns; raise ValidationError where it cannot run."""
    query.columns = query_describe(tenant=query.tenant, sql=query.sql)
    query.full_clean(exclude=["tenant"])
    query.save()
    return query


def query_delete(*, query: Query) -> None:
    """Delete a query; raise ValidationError while orchestrations use it."""
    users = [f"“{name}”" for name in query.orchestrations.values_list("name", flat=True)]
    if users:
        raise ValidationError(f"The query “{query}” is used by {', '.join(users)}. Give them another query first.")
    query.delete()


def query_preview(*, tenant: Tenant, sql: str, masked: bool, limit: int = PREVIEW_ROWS) -> QueryPreview:
    """Run a query for its first rows; `masked` hides personal values from people who may not see them.

    Raise ValidationError saying what is wrong with the SQL. Masking is done twice: in the datasets' marked columns
    before the SQL sees them, so that no alias or function brings a value back, and in result columns by their names.
    """
    hidden_at_source = {data.name: data.pii_columns for data in Dataset.objects.all()} if masked else {}
    with workdir() as folder:
        try:
            with engine_for(
                tenant, tables_now(), Path(folder), seconds=PREVIEW_SECONDS, hidden=hidden_at_source
            ) as engine:
                preview = engine.preview(sql, limit=limit)
        except QueryError as error:
            raise ValidationError({"sql": query_sentence(error)}) from None
    personal = personal_columns([column.name for column in preview.columns])
    hidden = personal if masked else set()
    table = mask_table(preview.rows, hidden) if masked else preview.rows
    columns = [(column.name, column.type) for column in preview.columns]
    data = [column.to_pylist() for column in table.columns]
    return QueryPreview(columns, list(zip(*data, strict=True)), preview.truncated, personal, hidden)


def personal_columns(names: list[str]) -> set[str]:
    """Return which result columns hold personal data: by name, as plugins declare, and as datasets are marked."""
    marked = {name.lower() for dataset in Dataset.objects.all() for name in dataset.pii_columns}
    return personal_names(names) | {name for name in names if name.lower() in marked}


def query_sentence(error: QueryError) -> str:
    """Return an engine's error as people read it: what happened, then what to do."""
    return f"{error.sentence} {error.hint}".strip()
