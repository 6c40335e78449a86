"""Take an uploaded file in: recognise it, type it, and keep it as one Parquet file.

Text formats pass a staging file in which every cell is text, since a type must hold for the last row as for the first;
the typed copy is made from that. DuckDB streams both, within `MEMORY`. The same file gives the same result every time.
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from orchestrations.sources.base import Column, DatasetError, literal, quoted
from orchestrations.sources.dialect import Dialect, dialect_detect, names_check
from orchestrations.sources.inference import personal_values, types_infer
from orchestrations.sources.masking import pii_columns
from orchestrations.sources.sniff import Unpacked, unpack

NESTED = re.compile(r"STRUCT|MAP|UNION|\[|JSON|VARIANT")
MAX_BYTES = 5_000_000_000
MAX_COLUMNS = 1_000
MAX_LINE_BYTES = 4_000_000
GROUP_ROWS = 100_000
MEMORY = "512MB"


@dataclass(frozen=True)
class DatasetInfo:
    """What became of a file: `bytes` is the size of the Parquet file, `format` csv, tsv, json or parquet.

    `dialect` says in words how a text file was written, encoding included; it is empty for Parquet.
    """

    columns: list[Column]
    rows: int
    bytes: int
    format: str
    dialect: str


def dataset_import(source: Path, target: Path, *, filename: str, max_bytes: int = MAX_BYTES) -> DatasetInfo:
    """Write `source` as Parquet to `target`, which appears only when it is whole.

    `filename` is what the uploader calls it, for messages; the content decides. `max_bytes` bounds the file and what it
    unpacks to. Raises DatasetError, with the line where known.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="import-", dir=target.parent) as folder:
        scratch = Path(folder)
        unpacked = unpack(source, scratch, max_bytes=max_bytes)
        with _connection(scratch) as con:
            try:
                select, kind, dialect = _reading(con, unpacked, scratch, max_bytes)
                written = scratch / "written.parquet"
                _write(con, select, written, "zstd")
                columns = _columns(con, written)
            except duckdb.Error as error:
                raise _translated(error, unpacked, filename) from None
        rows = pq.read_metadata(written).num_rows
        if not rows:
            raise DatasetError("The file has a header but no rows.", "Upload a file with at least one row.")
        written.replace(target)
    return DatasetInfo(columns, rows, target.stat().st_size, kind, dialect)


def _connection(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Open a small database that fetches nothing and spills beside the target."""
    con = duckdb.connect(
        ":memory:",
        config={
            "threads": "2",
            "memory_limit": MEMORY,
            "temp_directory": str(scratch / "spill"),
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    con.execute("SET TimeZone = 'UTC'")
    return con


def _reading(con: duckdb.DuckDBPyConnection, unpacked: Unpacked, scratch: Path, max_bytes: int) -> tuple[str, str, str]:
    """Give the SELECT of the typed rows, the format, and the dialect in words."""
    if unpacked.format == "parquet":
        _parquet_check(unpacked.path, max_bytes)
        return f"FROM read_parquet({literal(str(unpacked.path))})", "parquet", ""
    staged = scratch / "staged.parquet"
    if unpacked.format == "json":
        return _json_select(con, unpacked, staged), "json", f"JSON, {unpacked.encoding}"
    dialect = dialect_detect(unpacked.sample)
    if len(dialect.names) > MAX_COLUMNS:
        raise _too_many_columns(len(dialect.names))
    _write(con, _csv_select(unpacked.path, dialect), staged, "lz4")
    types = types_infer(con, _parquet(staged), dialect.names)
    return _typed(staged, types), "tsv" if dialect.delimiter == "\t" else "csv", f"{dialect}, {unpacked.encoding}"


def _csv_select(path: Path, dialect: Dialect) -> str:
    """Read every cell as text; the empty cell is NULL."""
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in dialect.names)
    return (
        f"FROM read_csv({literal(str(path))}, auto_detect = false, columns = {{{columns}}}, "
        f"delim = {literal(dialect.delimiter)}, quote = {literal(dialect.quote)}, escape = {literal(dialect.escape)}, "
        f"header = {str(dialect.header).lower()}, strict_mode = true, null_padding = false, "
        f"max_line_size = {MAX_LINE_BYTES})"
    )


def _json_select(con: duckdb.DuckDBPyConnection, unpacked: Unpacked, staged: Path) -> str:
    """Stage JSON values as they are; numbers are typed as in CSV, texts stay text, nested values stay JSON text."""
    file = f"{literal(str(unpacked.path))}, format = '{_json_layout(unpacked.sample)}'"
    read = f"read_json({file}, records = true"
    found = con.sql(f"FROM {read}, sample_size = -1, maximum_depth = 1, map_inference_threshold = -1)").columns
    if len(found) > MAX_COLUMNS:
        raise _too_many_columns(len(found))
    _json_names_check(con, file, found)
    columns = ", ".join(f"{literal(name)}: 'JSON'" for name in found)
    _write(con, f"FROM {read}, columns = {{{columns}}})", staged, "lz4")
    kinds = ", ".join(
        f"bool_and(json_type({quoted(name)}) IN ('UBIGINT', 'BIGINT', 'DOUBLE', 'BOOLEAN'))" for name in found
    )
    plain = con.execute(f"SELECT {kinds} FROM {_parquet(staged)}").fetchall()[0]  # noqa: S608 (quoted)
    inferred = types_infer(con, _parquet(staged), [name for name, fits in zip(found, plain, strict=True) if fits])
    cells = [f"CAST({quoted(name)}->>'$' AS {inferred.get(name, 'VARCHAR')}) AS {quoted(name)}" for name in found]
    return f"SELECT {', '.join(cells)} FROM {_parquet(staged)}"  # noqa: S608 (quoted)


def _json_names_check(con: duckdb.DuckDBPyConnection, file: str, found: list[str]) -> None:
    """Refuse keys that differ in letter case only: the reader would name the second `name_1`, and leave it empty."""
    folded = {name.lower() for name in found}
    if any(re.sub(r"_\d+$", "", name.lower()) in folded for name in found if re.search(r"_\d+$", name)):
        objects = f"read_json_objects({file})"
        keys = con.execute(f"SELECT DISTINCT unnest(json_keys(json)) FROM {objects}")  # noqa: S608 (quoted)
        names_check(sorted(key for (key,) in keys.fetchall()))


def _json_layout(sample: str) -> str:
    """Tell an array, one object per line, and objects spread over lines apart."""
    start = sample.lstrip()
    if start.startswith("["):
        return "array"
    try:
        orjson.loads(start.partition("\n")[0])
    except orjson.JSONDecodeError:
        return "unstructured" if start.partition("\n")[0].strip() == "{" else "newline_delimited"
    return "newline_delimited"


def _typed(staged: Path, types: dict[str, str]) -> str:
    """Cast the staged text to the inferred types."""
    cells = [
        quoted(name) if kind == "VARCHAR" else f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}"
        for name, kind in types.items()
    ]
    return f"SELECT {', '.join(cells)} FROM {_parquet(staged)}"  # noqa: S608 (quoted)


def _parquet_check(path: Path, max_bytes: int) -> None:
    """Refuse damaged files, twins among the names, and files that unpack to more than is allowed."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError("The Parquet file is damaged or was cut off.", "Write it again.") from error
    with file:
        names_check(file.schema_arrow.names)
        if len(file.schema_arrow.names) > MAX_COLUMNS:
            raise _too_many_columns(len(file.schema_arrow.names))
        unpacked = sum(file.metadata.row_group(index).total_byte_size for index in range(file.metadata.num_row_groups))
    if unpacked > 20 * max_bytes:
        raise DatasetError("The Parquet file unpacks to far more than is allowed.", "Upload fewer columns or rows.")


def _write(con: duckdb.DuckDBPyConnection, select: str, target: Path, compression: str) -> None:
    """Write a relation as Parquet, in its order."""
    con.execute(
        f"COPY ({select}) TO {literal(str(target))} "
        f"(FORMAT parquet, COMPRESSION {compression}, ROW_GROUP_SIZE {GROUP_ROWS})"
    )


def _parquet(path: Path) -> str:
    """Give the FROM expression of a Parquet file."""
    return f"read_parquet({literal(str(path))})"


def _columns(con: duckdb.DuckDBPyConnection, path: Path) -> list[Column]:
    """Describe what was written."""
    relation = con.sql(f"FROM {_parquet(path)}")
    pairs = [(name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)]
    texts = [name for name, kind in pairs if NESTED.search(kind) or kind == "VARCHAR"]
    inside = {name for name, kind in pairs if NESTED.search(kind) and pii_columns(re.findall(r"\w+", kind))}
    personal = pii_columns(relation.columns) | inside | personal_values(con, _parquet(path), texts)
    return [Column(name, kind, name in personal) for name, kind in pairs]


def _too_many_columns(count: int) -> DatasetError:
    """Say what the limit is."""
    return DatasetError(
        f"The file has {count:,} columns; {MAX_COLUMNS:,} are allowed.", "Keep the columns that are sent."
    )


def _translated(error: duckdb.Error, unpacked: Unpacked, filename: str) -> DatasetError:
    """Turn the engine's complaint into a sentence; it quotes the row, so no word of it is passed on, nor chained."""
    message = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return DatasetError(
            f"“{filename}” needs more memory than an import may use.", "Shorten very long cells, or split it."
        )
    if unpacked.format == "json":
        return _json_error(unpacked)
    if found := re.search(r"CSV Error on Line: (\d+)", message):
        return _csv_error(message, int(found[1]))
    return DatasetError(
        f"“{filename}” cannot be read as {unpacked.format.upper()}.", "Export it again.", detail=type(error).__name__
    )


def _csv_error(message: str, line: int) -> DatasetError:
    """Say what is wrong with one line of CSV."""
    if found := re.search(r"^Expected Number of Columns: (\d+) Found: (\d+)", message, re.MULTILINE):
        return DatasetError(
            f"Line {line} has {_cells(found[2])} where the first line has {found[1]}.",
            "Put quotes around cells that contain the delimiter, or complete the line.",
            line=line,
        )
    if re.search(r"^Value with unterminated quote", message, re.MULTILINE):
        return DatasetError(
            f"A quote that opens on line {line} is not closed as it should be.",
            "Close it, and double the quotes inside a cell.",
            line=line,
        )
    if re.search(r"^Maximum line size", message, re.MULTILINE):
        return DatasetError(
            f"Line {line} is longer than {MAX_LINE_BYTES:,} bytes.", "Look for a quote that is not closed.", line=line
        )
    return DatasetError(f"Line {line} cannot be read as CSV.", "Check its quotes and delimiters.", line=line)


def _cells(count: str) -> str:
    """Count cells in words."""
    return "1 cell" if count == "1" else f"{count} cells"


def _json_error(unpacked: Unpacked) -> DatasetError:
    """Find the line at fault by reading again: the engine counts lines differently from case to case."""
    hint = "Write one JSON object per line, or one array of objects."
    if _json_layout(unpacked.sample) == "newline_delimited":
        with unpacked.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() and not _is_object(line):
                    return DatasetError(f"Line {number} is not a JSON object.", hint, line=number)
    return DatasetError("The file is not valid JSON, or not made of objects.", hint)


def _is_object(line: bytes) -> bool:
    """Tell whether a line is one JSON object."""
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
