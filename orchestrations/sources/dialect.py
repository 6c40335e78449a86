"""Detect how a CSV file is written: delimiter, quotes, header."""

import csv
import re
from collections import Counter
from dataclasses import dataclass

from orchestrations.sources.base import DatasetError, duplicates

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_ROWS = 200
DATA_CELL = re.compile(
    r"[-+]?[\d.,\s]+|.*@.*|\d{4}-\d\d-\d\d.*|\d{1,2}[./]\d{1,2}[./]\d{2,4}.*|[0-9a-fA-F]{32,}"
    r"|\+?[\d()\s./-]{6,}|https?://.*|(true|false|null)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Dialect:
    """How cells are kept apart, and the names of the columns; `header` is False where the names are made up."""

    delimiter: str
    quote: str
    escape: str
    header: bool
    names: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in words, for the page of the dataset."""
        spoken = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}[self.delimiter]
        return f"{spoken}, quotes {self.quote}, {'with' if self.header else 'without'} header"


def dialect_detect(sample: str) -> Dialect:
    """Choose the delimiter under which most rows have the same number of cells, more cells before fewer."""
    quote = _quote(sample)
    escape = _escape(sample, quote)
    tried = [(delimiter, _rows(sample, delimiter, quote, escape)) for delimiter in DELIMITERS]
    delimiter, rows = max(tried, key=lambda each: _score(each[1]))
    if not rows:
        raise DatasetError("The file has no rows.", "Upload a file with a header and rows.")
    header = _is_header(rows)
    names = _names(rows[0]) if header else [f"column{index}" for index in range(1, len(rows[0]) + 1)]
    return Dialect(delimiter, quote, escape, header, tuple(names))


def _quote(sample: str) -> str:
    """Take single quotes only where they surround cells and double quotes do not."""
    double = len(re.findall(r'(?:^|[,;\t|])"', sample, re.MULTILINE))
    single = len(re.findall(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n])", sample, re.MULTILINE))
    return "'" if single > 2 and not double else '"'


def _escape(sample: str, quote: str) -> str:
    """Take the backslash where it stands before quotes inside cells and no quote is doubled; else the quote itself."""
    before = re.search(rf"\\{quote}(?=[^,;\t|\r\n])", sample)
    doubled = re.search(rf"(?<=[^\\,;\t|\r\n]){quote * 2}", sample)
    return "\\" if before and not doubled else quote


def _rows(sample: str, delimiter: str, quote: str, escape: str) -> list[list[str]]:
    """Split the sample into rows; its last, perhaps cut off, is left out where there are others."""
    reader = csv.reader(
        sample.splitlines(keepends=True),
        delimiter=delimiter,
        quotechar=quote,
        doublequote=escape == quote,
        escapechar=None if escape == quote else escape,
    )
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
            if len(rows) > SAMPLE_ROWS:
                break
    except csv.Error as error:
        if not rows:
            raise DatasetError("The first line is not readable as CSV.", "Check its quotes.", line=1) from error
    return rows[:-1] if len(rows) > SAMPLE_ROWS or (len(rows) > 2 and not sample.endswith("\n")) else rows


def _score(rows: list[list[str]]) -> tuple[float, int]:
    """Rate a split: share of rows with the most common number of cells, if more than one; then that number."""
    if not rows:
        return 0.0, 0
    cells, times = Counter(len(row) for row in rows).most_common(1)[0]
    return (times / len(rows), cells) if cells > 1 else (0.0, 1)


def _is_header(rows: list[list[str]]) -> bool:
    """Tell names from data: no cell of a header is a number, a date, an address or empty between others."""
    first = rows[0]
    cells = [cell.strip() for cell in first]
    if not any(cells) or any(DATA_CELL.fullmatch(cell) for cell in cells if cell):
        return False
    return sum(1 for cell in cells if cell) * 2 >= len(cells)


def _names(cells: list[str]) -> list[str]:
    """Take the header's cells as names; a cell without text is named by its place."""
    names = [cell.strip().lstrip("\ufeff") or f"column{index}" for index, cell in enumerate(cells, 1)]
    names_check(names)
    return names


def names_check(names: list[str]) -> None:
    """Refuse columns that cannot be told apart."""
    if repeated := duplicates(names):
        raise DatasetError(f"Two columns are named “{repeated[0][:100]}”.", "Rename one of them in the file.", line=1)
