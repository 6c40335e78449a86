"""Run users' SQL over a tenant's Parquet files, in a process of its own that can neither look outside nor outgrow its
limits.

Checks each query (`guard`), has it run by a child process (`child`, `sandbox`), and translates what comes back
(`messages`). Starting a child takes about 0.2 s; an `Engine` keeps it for all its requests, and replaces it when it had
to be killed.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from orchestrations.sources.base import (
    ROW_NUMBER,
    Column,
    DatasetFileError,
    Preview,
    QueryError,
    Snapshot,
    SourceError,
    duplicates,
    literal,
    quoted,
)
from orchestrations.sources.child import Child, Message
from orchestrations.sources.guard import query_check
from orchestrations.sources.masking import pii_columns, shown_sql
from orchestrations.sources.messages import query_error, reserved_error

START_SECONDS = 60
OVERHEAD_BYTES = 768_000_000
UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
RESERVED = {ROW_NUMBER, "file_row_number"}


@dataclass(frozen=True)
class EngineLimits:
    """What one engine may use; sizes in DuckDB's words ("512MB"), `seconds` per request, `rows` and `bytes` per
    snapshot.

    `memory` is DuckDB's own; the process may hold 768 MB beyond it (interpreter, thread stacks, Arrow buffers).
    """

    memory: str = "512MB"
    threads: int = 2
    seconds: float = 300
    temp: str = "10GB"
    rows: int = 50_000_000
    bytes: int = 20_000_000_000


@contextmanager
def engine_open(
    tables: Mapping[str, Path],
    *,
    workdir: Path,
    limits: EngineLimits | None = None,
    time_zone: str = "UTC",
    cancelled: Callable[[], bool] | None = None,
    hidden: Mapping[str, Collection[str]] | None = None,
) -> Iterator["Engine"]:
    """Open an engine over exactly these files, named as the keys say.

    `hidden` names columns (table → columns) whose values are masked before any SQL sees them, so that no alias,
    function or filter of a query brings them back.

    `workdir` takes a private scratch directory (spill, unfinished snapshots) that is gone afterwards. `cancelled` is
    asked about every 0.1 s while a query runs. Raises SourceError for a bad time zone or names that differ in letter
    case only.
    """
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SourceError(f"There is no time zone “{time_zone}”.", "Use an IANA name such as Europe/Berlin.") from error
    if repeated := duplicates(tables):
        raise SourceError(
            f"Two datasets are named “{repeated[0]}”.", "Rename one; letter case does not tell them apart."
        )
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="engine-", dir=workdir.resolve()) as scratch:
        engine = Engine(
            tables, Path(scratch), limits or EngineLimits(), time_zone, cancelled or (lambda: False), hidden or {}
        )
        try:
            yield engine
        finally:
            engine.close()


class Engine:
    """A source over Parquet files; made by `engine_open`. Not for use by several threads at once."""

    def __init__(
        self,
        tables: Mapping[str, Path],
        scratch: Path,
        limits: EngineLimits,
        time_zone: str,
        cancelled: Callable[[], bool],
        hidden: Mapping[str, Collection[str]],
    ) -> None:
        """Keep what the child process needs; it is started by the first request."""
        self.tables = {name: path.resolve() for name, path in tables.items()}
        self.scratch = scratch
        self.limits = limits
        self.time_zone = time_zone
        self.cancelled = cancelled
        self.hidden = hidden
        self.broken: set[str] = set()
        self._child: Child | None = None

    def describe(self, sql: str) -> list[Column]:
        """Name the output columns and their DuckDB types without running the query."""
        found = self._columns(self._ask(sql, do="describe")["columns"])
        self._names_check(found)
        return found

    def preview(self, sql: str, limit: int = 100) -> Preview:
        """Run the query for its first rows."""
        self.describe(sql)
        target = self.scratch / "preview.arrow"
        answer = self._ask(sql, do="preview", limit=limit, target=str(target))
        with pa.OSFile(str(target), "rb") as file:
            rows = pa.ipc.open_file(file).read_all()
        target.unlink()
        return Preview(self._columns(answer["columns"]), rows, bool(answer["truncated"]))

    def count(self, sql: str) -> int:
        """Count the rows of the result."""
        return int(self._ask(sql, do="count")["rows"])

    def snapshot(
        self, sql: str, target: Path, *, sample: int | None = None, progress: Callable[[int], None] | None = None
    ) -> Snapshot:
        """Run the query once; its rows are at `target` only when all of them are.

        `sample` keeps the first rows only; `progress` hears the rows written so far, about every 100,000.
        """
        self.describe(sql)
        unfinished = self.scratch / "snapshot.parquet"
        answer = self._ask(
            sql,
            progress=progress,
            do="snapshot",
            target=str(unfinished),
            sample=sample,
            max_rows=self.limits.rows,
            max_bytes=self.limits.bytes,
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.move(unfinished, beside)
        beside.replace(target)
        return Snapshot(target.resolve(), int(answer["rows"]), dict(answer["columns"]))

    def close(self) -> None:
        """End the child process, at once."""
        if self._child:
            self._child.kill()

    def _columns(self, described: list[list[str]]) -> list[Column]:
        """Turn the child's pairs into columns, with the guess at personal data."""
        personal = pii_columns(name for name, _ in described)
        return [Column(name, kind, name in personal) for name, kind in described]

    def _names_check(self, columns: list[Column]) -> None:
        """Refuse output names that a mapping by name cannot tell apart."""
        if repeated := duplicates(column.name for column in columns):
            raise QueryError(f"Two output columns are named “{repeated[0]}”.", "Give one of them another name with AS.")
        for column in columns:
            if column.name.lower() in RESERVED:
                raise reserved_error(column.name)

    def _ask(self, sql: str, *, progress: Callable[[int], None] | None = None, **request: Any) -> Message:
        """Send one checked query to the child and wait for its answer."""
        shape = query_check(sql, self.tables)
        child = self._started()
        if unreadable := [name for name in shape.tables if name.lower() in self.broken]:
            raise DatasetFileError(unreadable[0], gone=not self._path(unreadable[0]).exists())
        answer = child.exchange({"sql": sql, **request}, seconds=self.limits.seconds, progress=progress)
        if "error" in answer:
            raise query_error(answer["error"]["type"], answer["error"]["message"], sql)
        ok: Message = answer["ok"]
        return ok

    def _path(self, table: str) -> Path:
        return next(path for name, path in self.tables.items() if name.lower() == table.lower())

    def _started(self) -> Child:
        """Give the child, a new one where the last was killed."""
        if self._child and self._child.alive:
            return self._child
        self._child = Child(self.scratch, spill_bytes=size_bytes(self.limits.temp), cancelled=self.cancelled)
        answer = self._child.exchange(self._setup(), seconds=START_SECONDS)
        if "error" in answer:
            self._child.kill()
            detail = str(answer["error"]["message"])
            raise SourceError(
                "The query engine could not be started.", "Check its limits in the settings.", detail=detail
            )
        self.broken = {name.lower() for name in answer["ok"]["broken"]}
        return self._child

    def _setup(self) -> Message:
        """Describe the locked-down database that the child opens."""
        views = {
            name: f"CREATE VIEW {quoted(name)} AS SELECT {shown_sql(self.hidden.get(name, ()))} "  # noqa: S608 (quoted)
            f"FROM read_parquet({literal(str(path))})"
            for name, path in self.tables.items()
        }
        return {
            "views": views,
            "paths": [literal(str(path)) for path in self.tables.values()],
            "scratch": str(self.scratch),
            "memory": self.limits.memory,
            "temp": self.limits.temp,
            "threads": self.limits.threads,
            "time_zone": self.time_zone,
            "data_bytes": size_bytes(self.limits.memory) + OVERHEAD_BYTES,
        }


def size_bytes(text: str) -> int:
    """Read a size such as "512MB" or "1.5 GiB" in bytes; raise SourceError."""
    cleaned = text.strip().upper().replace(" ", "")
    binary = cleaned.endswith("IB")
    unit = cleaned[-3:].replace("IB", "B") if binary else cleaned[-2:]
    try:
        factor = UNITS[unit] if not binary else 1024 ** (list(UNITS).index(unit) + 1)
        return int(float(cleaned[: -3 if binary else -2]) * factor)
    except (KeyError, ValueError) as error:
        raise SourceError(f"“{text}” is not a size.", "Write it as 512MB or 2GB.") from error
