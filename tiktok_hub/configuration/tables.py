"""See what datasets and queries of a document come to, before anything is changed.

New and changed files are imported into a private folder; queries are described by the same locked-down engine that
runs them, over the tenant's tables with those new ones in their places. No query is run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage

from orchestrations.datasets import Staged, dataset_stage, file_digest
from orchestrations.models import Dataset
from orchestrations.sources import (
    DatasetError,
    EngineLimits,
    QueryError,
    SourceError,
    engine_open,
    query_check,
)
from tiktok_hub.configuration.problems import Problem, did_you_mean
from tiktok_hub.configuration.reading import Document, Item

Columns = list[dict[str, Any]]


def file_fields(document: Document, item: Item, present: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """Return `file` and `sha256` of a dataset item: of the file, or of what is loaded where the file is not here.

    A file may be absent only when the document names the digest of the content, and that is what the tenant has: so
    an exported configuration can be compared anywhere, and a forgotten file is never taken for an unchanged one.
    """
    path = document.folder / str(item.values["file"])
    claimed = item.values.get("sha256")
    fields: dict[str, Any] = {"file": path.name[:200]}
    try:
        fields["sha256"] = file_digest(path)
    except FileNotFoundError:
        if claimed is None or claimed != present.get("sha256"):
            problems.append(item.problem("file", f"There is no file {path}. Paths are relative to the YAML file."))
        fields["sha256"] = claimed
        return fields
    except OSError as error:
        problems.append(item.problem("file", f"{path} cannot be read: {error.strerror}."))
        return fields
    if claimed is not None and claimed != fields["sha256"]:
        sentence = f"{path} has other content: its SHA-256 is {fields['sha256']}. Correct this line, or leave it out."
        problems.append(item.problem("sha256", sentence))
    return fields


def staged_file(document: Document, item: Item, folder: Path) -> Staged | Problem:
    """Read a dataset's file into the folder; return the problem when it cannot be read as a table."""
    source = document.folder / str(item.values["file"])
    try:
        return dataset_stage(source, folder / f"{item.name}.parquet", filename=source.name)
    except DatasetError as error:
        return item.problem("file", f"{source.name}: {error}")


def pii_check(item: Item, columns: Columns) -> list[Problem]:
    """Return a problem for every column marked as personal that the dataset does not have."""
    names = [column["name"] for column in columns]
    return [
        item.problem("pii", f"The dataset has no column “{name}”.{did_you_mean(name, names)}")
        for name in item.values.get("pii", [])
        if name not in names
    ]


def tables_of(rows: Mapping[str, Dataset], staged: Mapping[str, Staged]) -> dict[str, Path]:
    """Return table name → Parquet file: what the tenant has, with the staged files in their places."""
    kept = {name: Path(default_storage.path(row.path)) for name, row in rows.items()}
    return kept | {name: each.path for name, each in staged.items()}


def queries_describe(
    items: list[Item], tables: Mapping[str, Path], failed: set[str], *, time_zone: str, folder: Path
) -> tuple[dict[str, Columns], list[Problem]]:
    """Return the columns of the queries that can run, and the problems of the others.

    Queries over a dataset that has `failed` (lower-case names) are passed over: its problem has been told.
    """
    columns: dict[str, Columns] = {}
    problems: list[Problem] = []
    try:
        with engine_open(tables, workdir=folder, limits=_limits(), time_zone=time_zone) as engine:
            for item in items:
                sql = item.values["sql"]
                try:
                    if not failed.intersection(table.lower() for table in query_check(sql).tables):
                        found = engine.describe(sql)
                        columns[item.name] = [{"name": each.name, "type": each.type} for each in found]
                except QueryError as error:
                    problems.append(item.problem("sql", _sentence(error, sql)))
    except SourceError as error:
        problems += [item.problem("sql", str(error)) for item in items[:1]]
    return columns, problems


def _sentence(error: QueryError, sql: str) -> str:
    """Return what is wrong, with the line inside of a longer query."""
    where = f" (line {error.line} of the query)" if error.line and "\n" in sql and "(line " not in str(error) else ""
    return f"{error}{where}"


def _limits() -> EngineLimits:
    return EngineLimits(
        memory=settings.HUB_QUERY_MEMORY, threads=settings.HUB_QUERY_THREADS, seconds=settings.HUB_QUERY_SECONDS
    )
