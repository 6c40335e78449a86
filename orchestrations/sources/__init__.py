"""Where rows come from: files through DuckDB today, other engines behind the same `base.Source` later."""

from orchestrations.sources.base import (
    Column,
    DatasetError,
    DatasetFileError,
    Preview,
    QueryCancelledError,
    QueryError,
    Snapshot,
    Source,
    SourceError,
    StorageFullError,
)
from orchestrations.sources.engine import Engine, EngineLimits, engine_open
from orchestrations.sources.guard import QueryShape, query_check
from orchestrations.sources.ingest import DatasetInfo, dataset_import
from orchestrations.sources.masking import mask_table, pii_columns

__all__ = [
    "Column",
    "DatasetError",
    "DatasetFileError",
    "DatasetInfo",
    "Engine",
    "EngineLimits",
    "Preview",
    "QueryCancelledError",
    "QueryError",
    "QueryShape",
    "Snapshot",
    "Source",
    "SourceError",
    "StorageFullError",
    "dataset_import",
    "engine_open",
    "mask_table",
    "pii_columns",
    "query_check",
]
