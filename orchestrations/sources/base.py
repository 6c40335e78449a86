"""What every source of rows offers, and the errors it speaks.

    SourceError
    ├── QueryError      the SQL is at fault, or asked for more than it may have: the author edits it
    │   ├── DatasetFileError  a dataset's file is gone or damaged: somebody uploads it again
    │   └── StorageFullError  the machine's disk is full: the operator makes room
    └── DatasetError    the uploaded file is at fault: the uploader mends it

Both carry one sentence for the user, a hint on what to do, and `detail` for logs. None of them ever holds the value of
a cell: cells are personal data.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol

ROW_NUMBER = "_row"


class SourceError(Exception):
    """Base of what a source reports; `str()` is the sentence and the hint, ready for a page."""

    def __init__(
        self, sentence: str, hint: str = "", *, line: int | None = None, column: int | None = None, detail: str = ""
    ) -> None:
        """Keep the parts apart; `line` and `column` count from 1, of the SQL or of the file."""
        super().__init__(f"{sentence} {hint}".strip())
        self.sentence = sentence
        self.hint = hint
        self.line = line
        self.column = column
        self.detail = detail


class QueryError(SourceError):
    """A query that is wrong, forbidden, or over a limit."""


class DatasetError(SourceError):
    """A file that cannot become a dataset, or a dataset whose file cannot be read."""


class DatasetFileError(QueryError):
    """A query over a dataset whose file is not in storage any more (`gone`), or is damaged there."""

    def __init__(self, name: str, *, gone: bool) -> None:
        """Say which dataset it is."""
        what = "is missing" if gone else "is damaged"
        super().__init__(f"The file of the dataset “{name}” {what}.", "Upload the dataset again.")
        self.gone = gone


class StorageFullError(QueryError):
    """A query whose result, or what it needs on its way, found no room on the machine's disk."""


class QueryCancelledError(QueryError):
    """A query that was stopped because somebody asked for it."""


@dataclass(frozen=True)
class Column:
    """One output column: its name, the engine's type, and whether its name sounds like personal data."""

    name: str
    type: str
    pii_guess: bool = False


@dataclass(frozen=True)
class Preview:
    """The first rows of a query; `rows` is a `pyarrow.Table`, `truncated` says that there are more."""

    columns: list[Column]
    rows: Any
    truncated: bool


@dataclass(frozen=True)
class Snapshot:
    """The result of a query, run once and kept in order as a Parquet file; `columns` maps name to DuckDB type."""

    path: Path
    rows: int
    columns: dict[str, str] = field(default_factory=dict)

    def relation(self) -> str:
        """Give the FROM expression that reads the rows with `_row`, their number in the result counted from 1."""
        return (
            f"(SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS {ROW_NUMBER} "  # noqa: S608 (quoted)
            f"FROM read_parquet({literal(str(self.path))}, file_row_number = true))"
        )


class Source(Protocol):
    """A place that SQL can be run against: the tenant's files, and other engines to come."""

    def describe(self, sql: str) -> list[Column]:
        """Name the output columns without running the query; raise QueryError."""

    def preview(self, sql: str, limit: int = 100) -> Preview:
        """Run the query for its first `limit` rows; raise QueryError."""

    def count(self, sql: str) -> int:
        """Count the rows of the result; raise QueryError."""

    def snapshot(
        self, sql: str, target: Path, *, sample: int | None = None, progress: Callable[[int], None] | None = None
    ) -> Snapshot:
        """Run the query once into a Parquet file at `target`, in order; raise QueryError."""


def quoted(name: str) -> str:
    """Quote an identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a string for DuckDB."""
    return "'" + text.replace("'", "''") + "'"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest the known name nearest to a mistyped one, or say nothing."""
    folded = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"Did you mean “{folded[near[0]]}”?" if near else ""


def duplicates(names: Iterable[str]) -> list[str]:
    """List the names that occur again, letter case aside: engines hold them for one and the same column."""
    seen: set[str] = set()
    return [name for name in names if name.lower() in seen or seen.add(name.lower())]  # type: ignore[func-returns-value]
