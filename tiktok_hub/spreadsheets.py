"""Write CSV that a spreadsheet opens as text: no cell of it runs as a formula.

A `'` goes before what Excel, LibreOffice or Google Sheets would run, also behind a separator inside of a text: where
the list separator is `;`, a comma file is cut there, quotes or not. Numbers stay as they are. See OWASP, CSV Injection.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow.compute as pc
from django.http import StreamingHttpResponse

# Read by Python's re and by Arrow's RE2. Full-width forms are run as well; a tab or line break before them is skipped.
FORMULA = r'(^|[;,|"\t\r\n])([ \t\r\n"]*[=+\-@＝＋－＠])|^([\t\r\n])'
HARMLESS = r"\1'\2\3"
_FORMULA = re.compile(FORMULA)
ROWS_PER_PIECE = 500


def cell(value: object) -> object:
    """Return a value as it may stand in a spreadsheet; None as nothing."""
    if value is None:
        return ""
    return value if isinstance(value, int | float) else _FORMULA.sub(HARMLESS, str(value))


def column(texts: Any) -> Any:
    """Return an Arrow column of texts as it may stand in a spreadsheet; null as nothing."""
    return pc.replace_substring_regex(pc.fill_null(texts, ""), FORMULA, HARMLESS)


def csv_response(lines: Iterable[str], filename: str) -> StreamingHttpResponse:
    """Return a CSV that browsers save and never show, and nobody keeps on the way."""
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a CSV with its header, in pieces of some hundred rows, as a streaming response sends it."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for number, row in enumerate(rows, 1):
        writer.writerow([cell(value) for value in row])
        if number % ROWS_PER_PIECE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
