"""The spool: what a run has prepared, in Django storage, until its retention ends.

It holds digests and never raw e-mail addresses or phone numbers:

- `<n>.zst`         one complete request body, zstd-compressed,
- `rows.parquet`    which row went where: `batch int32, position int32, row int64`,
- `issues.parquet`  `row int64, field, reason, value (masked), level (reject | warning | duplicate)`,
- `ids.parquet`     which id of an audience is in which request: `batch, position, kind, digest, person`.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from destinations.preparation.contract import PLACED_IDS_SCHEMA as IDS
from destinations.preparation.contract import PLACED_ROWS_SCHEMA as ROWS

__all__ = ["IDS", "ISSUES", "ROWS", "Spool", "SpoolError", "TableWriter", "storage_clear", "work_sweep", "workdir"]

ISSUES = pa.schema(
    [
        ("row", pa.int64()),
        ("field", pa.string()),
        ("reason", pa.string()),
        ("value", pa.string()),
        ("level", pa.string()),
    ]
)
WORK_PREFIX = "run-"
WORK_GRACE = 10.0  # seconds between making a folder and locking it, with a wide margin
LEVEL = 1  # zstd: bodies are written once and read once, speed counts for more than size


class SpoolError(Exception):
    """A prepared request body cannot be read: its file was deleted or is damaged."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"The prepared request {number} of this run can no longer be read from storage. "
            "Start a new run: it prepares everything anew."
        )


class Spool:
    """One run's part of the spool, under the storage prefix `prefix`."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def body_write(self, number: int, body: bytes) -> None:
        """Store a request body, replacing what an interrupted preparation left there."""
        codec = pa.Codec("zstd", compression_level=LEVEL)
        packed = len(body).to_bytes(8, "little") + codec.compress(body, asbytes=True)
        default_storage.save(self.body_path(number), ContentFile(packed))

    def body_read(self, number: int) -> bytes:
        """Return a request body; raise SpoolError when it is gone or damaged."""
        try:
            with default_storage.open(self.body_path(number)) as file:
                packed = file.read()
            size = int.from_bytes(packed[:8], "little")
            return bytes(pa.decompress(packed[8:], size, codec="zstd", asbytes=True))
        except (OSError, ValueError, MemoryError, pa.ArrowException):  # damage may claim any size
            raise SpoolError(number) from None

    def body_path(self, number: int) -> str:
        """Return the storage key of a body."""
        return f"{self.prefix}/{number:06d}.zst"

    def table_path(self, name: str) -> str:
        """Return the storage key of a table."""
        return f"{self.prefix}/{name}.parquet"

    def table_write(self, name: str, source: Path) -> None:
        """Store a finished Parquet file as `rows`, `issues` or `ids`."""
        with source.open("rb") as file:
            default_storage.save(self.table_path(name), File(file))

    def table_read(self, name: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield a table in pieces, so that millions of rejects need no memory; nothing when it is not there."""
        path = self.table_path(name)
        if not default_storage.exists(path):
            return
        with default_storage.open(path) as file:
            yield from pq.ParquetFile(file).iter_batches(batch_size=20_000, columns=columns)

    def table_fetch(self, name: str, target: Path) -> None:
        """Copy a table out of storage, for an engine to read."""
        with default_storage.open(self.table_path(name)) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)

    def clear(self) -> None:
        """Delete everything of this run."""
        if default_storage.exists(self.prefix):
            for name in default_storage.listdir(self.prefix)[1]:
                default_storage.delete(f"{self.prefix}/{name}")


def storage_clear(folder: str) -> None:
    """Delete everything under a key of storage."""
    if not default_storage.exists(folder):
        return
    folders, files = default_storage.listdir(folder)
    for name in files:
        default_storage.delete(f"{folder}/{name}")
    for name in folders:
        storage_clear(f"{folder}/{name}")
    default_storage.delete(folder)


class TableWriter:
    """Write a Parquet file piece by piece into a temporary folder, then hand it to the spool."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self.name = name
        self.schema = schema
        self.path = folder / f"{name}.parquet"
        self._writer = pq.ParquetWriter(self.path, schema, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Take a piece; small pieces are joined so that the file does not fall into thousands of row groups."""
        self._waiting.append(table.select(self.schema.names).cast(self.schema))
        self._rows += table.num_rows
        if self._rows >= 100_000:  # noqa: PLR2004 - rows per row group
            self._flush()

    def close(self) -> Path:
        """Write what waits and return the file's path."""
        self._flush()
        self._writer.close()
        return self.path

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting, self._rows = [], 0


@contextmanager
def workdir() -> Iterator[str]:
    """Give the block a private folder (mode 0700), which is deleted with it.

    The process holds a lock on the folder, which ends with the process, whatever ends it: what a killed one leaves
    behind may hold rows with personal data, and `work_sweep` knows by the lock that nobody needs it.
    """
    folder = _work_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=WORK_PREFIX) as name, _opened(Path(name)) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield name


def work_sweep() -> int:
    """Delete the folders of this machine's processes that were killed; return how many there were."""
    return sum(_work_delete(path) for path in _work_folder().glob(f"{WORK_PREFIX}*"))


def _work_delete(path: Path) -> bool:
    """Delete one folder unless somebody works in it, or has only just made it."""
    with suppress(FileNotFoundError, NotADirectoryError), _opened(path) as descriptor:
        if time.time() - os.fstat(descriptor).st_mtime < WORK_GRACE:
            return False
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
            return True
    return False


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _work_folder() -> Path:
    return Path(settings.HUB_DATA_DIR) / "work"
