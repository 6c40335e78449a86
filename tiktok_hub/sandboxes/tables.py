"""Give a sandbox production's tables: their columns, with none or the first of their rows."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage

from orchestrations.datasets import Staged
from orchestrations.models import Dataset
from orchestrations.sources.base import Column
from orchestrations.sources.ingest import DatasetInfo
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

ROWS = (0, 10, 100, 1_000)
"""How many rows of each dataset may be copied."""


def tables_stage(tenant: Tenant, names: Iterable[str], rows: int, folder: Path) -> dict[str, Staged]:
    """Copy the columns and the first `rows` of a tenant's datasets into a folder; return dataset → staged file.

    Raise ValidationError where a dataset's file cannot be read.
    """
    with tenant_scope(tenant):
        found = list(Dataset.objects.filter(name__in=list(names)))
    return {dataset.name: _stage(dataset, rows, folder / f"{dataset.name}.parquet") for dataset in found}


def _stage(dataset: Dataset, rows: int, target: Path) -> Staged:
    try:
        with default_storage.open(dataset.path) as file:
            table = _first(pq.ParquetFile(file), rows)
    except (OSError, pa.ArrowException):
        raise ValidationError(f"The file of the dataset “{dataset}” cannot be read. Upload it again first.") from None
    pq.write_table(table, target, compression="zstd")
    columns = [Column(column["name"], column["type"], bool(column.get("pii"))) for column in dataset.columns]
    return Staged(target, DatasetInfo(columns, table.num_rows, target.stat().st_size, dataset.format, ""))


def _first(parquet: pq.ParquetFile, rows: int) -> pa.Table:
    """Return the first rows of a file without reading the others."""
    if not rows:
        return parquet.schema_arrow.empty_table()
    batches = parquet.iter_batches(batch_size=rows)
    return pa.Table.from_batches([batch for batch in [next(batches, None)] if batch], schema=parquet.schema_arrow)
