"""Datasets: take a file in, keep it as Parquet under the tenant's storage prefix, open an engine over it."""

import hashlib
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from destinations import specs
from orchestrations.choices import UNFINISHED_RUNS
from orchestrations.models import Dataset, Query, Run
from orchestrations.runs.spool import workdir
from orchestrations.sources import (
    DatasetError,
    DatasetInfo,
    Engine,
    EngineLimits,
    QueryError,
    dataset_import,
    engine_open,
    query_check,
)
from orchestrations.sources.masking import pii_columns
from tiktok_hub.tenancy.models import Tenant


def dataset_load(*, tenant: Tenant, name: str, file: Path, filename: str, description: str | None = None) -> Dataset:
    """Create or replace the dataset `name` from a file (CSV, Parquet or JSON lines); unchanged content stays as it is.

    Runs that have started go on reading what they started with: a new version gets a new storage key. Columns keep
    the marks for personal data that people gave them. Raise ValidationError with what is wrong with the file or the
    name, and leave everything as it was.
    """
    dataset = Dataset.objects.filter(name=name).first() or Dataset(tenant=tenant, name=name)
    digest = file_digest(file)
    if description is not None:
        dataset.description = description
    if dataset.pk and dataset.digest == digest:
        dataset.save()
        return dataset
    with workdir() as folder:
        try:
            staged = dataset_stage(file, Path(folder) / "dataset.parquet", filename=filename)
        except DatasetError as error:
            raise ValidationError(f"{error.sentence} {error.hint}".strip()) from None
        dataset.filename = filename[:200]
        dataset_store(dataset=dataset, staged=staged, digest=digest)
    dataset.save()
    return dataset


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that was read and waits to become a dataset's content: `path` is a Parquet file outside of storage."""

    path: Path
    info: DatasetInfo

    @property
    def columns(self) -> list[dict[str, Any]]:
        """Return the columns as datasets keep them."""
        declared = personal_names(each.name for each in self.info.columns)
        return [
            {"name": each.name, "type": each.type, "pii": each.pii_guess or each.name in declared}
            for each in self.info.columns
        ]


def personal_names(names: Iterable[str]) -> set[str]:
    """Return the columns that hold personal data by what they are called, or because a plugin declares them so."""
    found = list(names)
    declared = {field.column for spec in specs.all() for field in spec.fields if field.pii}
    return pii_columns(found) | {name for name in found if name.lower() in declared}


def dataset_stage(file: Path, target: Path, *, filename: str) -> Staged:
    """Read a file into a Parquet file at `target`; raise DatasetError with what is wrong with it."""
    return Staged(target, dataset_import(file, target, filename=filename, max_bytes=settings.HUB_UPLOAD_MAX_BYTES))


def dataset_store(*, dataset: Dataset, staged: Staged, digest: str) -> str:
    """Put staged content into storage under a new key and into the dataset's fields (not saved); return the key.

    Columns of a name that is known keep their marks (personal or not). Raise ValidationError for a bad name.
    """
    marks = {column["name"]: column["pii"] for column in dataset.columns}
    dataset.columns = [{**column, "pii": marks.get(column["name"], column["pii"])} for column in staged.columns]
    dataset.format, dataset.rows, dataset.digest = staged.info.format, staged.info.rows, digest
    dataset.bytes, dataset.loaded_at = staged.path.stat().st_size, timezone.now()
    dataset.path = f"{dataset.tenant_id}/datasets/{dataset.name}-{secrets.token_hex(8)}.parquet"
    dataset.full_clean(exclude=["tenant", "description"])
    with staged.path.open("rb") as parquet:
        default_storage.save(dataset.path, File(parquet))
    return dataset.path


def dataset_mark(*, dataset: Dataset, personal: Collection[str]) -> Dataset:
    """Say which columns hold personal data; previews mask these for people with restricted access."""
    dataset.columns = [{**column, "pii": column["name"] in personal} for column in dataset.columns]
    dataset.save(update_fields=["columns"])
    return dataset


def dataset_users(dataset: Dataset) -> str:
    """Return a sentence that names the queries and unfinished runs which read a dataset; nothing when none does."""
    queries = [f"“{query}”" for query in Query.objects.all() if sql_reads(query.sql, dataset.name)]
    if queries:
        return f"The dataset “{dataset}” is read by {', '.join(queries)}. Change or delete what reads it first."
    active = Run.objects.filter(status__in=UNFINISHED_RUNS, prepared_at=None)
    runs = [str(run.pk) for run in active if sql_reads(run.inputs.get("sql", ""), dataset.name)]
    return f"The dataset “{dataset}” is being read by run {', '.join(runs)}. Wait for its end." if runs else ""


def dataset_delete(*, dataset: Dataset) -> None:
    """Delete a dataset and its file; raise ValidationError while something reads it."""
    if users := dataset_users(dataset):
        raise ValidationError(users)
    path = dataset.path
    dataset.delete()
    transaction.on_commit(lambda: default_storage.delete(path))


def sql_tables(sql: str, known: Collection[str]) -> list[str]:
    """Return which of the known tables SQL reads, named as they are known."""
    return [name for name in known if sql_reads(sql, name)]


def sql_reads(sql: str, name: str) -> bool:
    """Say whether SQL reads the dataset `name`; SQL that cannot be understood counts where it names it."""
    try:
        tables = query_check(sql).tables
    except QueryError:
        return re.search(rf"\b{re.escape(name)}\b", sql, re.IGNORECASE) is not None
    return name.lower() in {table.lower() for table in tables}


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def dataset_name_suggest(filename: str) -> str:
    """Return a table name made from a file's name: `Orders 2026.csv.gz` → `orders_2026`."""
    stem = filename.split("/")[-1].split("\\")[-1].split(".")[0]
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    return name if re.match(r"[a-z_]", name) else f"t_{name}".rstrip("_")


def tables_now() -> dict[str, str]:
    """Return the opened tenant's datasets as table name → storage key."""
    return dict(Dataset.objects.values_list("name", "path"))


def engine_for(
    tenant: Tenant,
    tables: Mapping[str, str],
    work: Path,
    *,
    cancelled: Callable[[], bool] | None = None,
    seconds: float | None = None,
    hidden: Mapping[str, set[str]] | None = None,
) -> AbstractContextManager[Engine]:
    """Open a locked-down engine that reads nothing but these tables (name → storage key) of the tenant.

    `seconds` may shorten the time that a query has, for people who wait in front of a page. `hidden` (table →
    columns) masks values before any SQL sees them, for people who may not see personal data.
    """
    prefix = f"{tenant.pk}/"
    if not all(key.startswith(prefix) for key in tables.values()):
        raise PermissionError("A table outside of the tenant's storage was asked for.")
    return engine_open(
        {name: Path(default_storage.path(key)) for name, key in tables.items()},
        workdir=work,
        limits=EngineLimits(
            memory=settings.HUB_QUERY_MEMORY,
            threads=settings.HUB_QUERY_THREADS,
            seconds=seconds or settings.HUB_QUERY_SECONDS,
            temp=settings.HUB_QUERY_TEMP,
            rows=settings.HUB_QUERY_ROWS,
        ),
        time_zone=tenant.time_zone,
        cancelled=cancelled,
        hidden=hidden,
    )
