"""Translate what DuckDB says into sentences for the author of a query.

DuckDB's run-time messages quote the cell that failed (`Could not convert string 'ada@…' to INT32`). So only messages of
parser, binder and catalogue, which know names and never rows, are quoted; of all others only the class, the column's
name and the place in the SQL survive.
"""

import re

from orchestrations.sources.base import QueryError, StorageFullError, did_you_mean
from orchestrations.sources.guard import OUT_OF_REACH, OUT_OF_REACH_HINT

LOCKED = ("disabled by configuration", "disabled through configuration", "configuration has been locked")
CAST_HINT = "Use try_cast(column AS type), which gives NULL where a value does not fit, or clean the values first."
MEMORY = (
    "The query needs more memory than it may use.",
    "Filter or aggregate earlier, select fewer columns, or avoid building very long texts and lists.",
)
TEMP = (
    "The query used up the disk space set aside for intermediate results.",
    "Filter earlier, or avoid sorting and joining the whole dataset.",
)
FULL = re.compile(r"No space left on device|Disk quota exceeded|File too large")
LIMITS = {
    "rows": (
        "The result has more rows than a run may hold.",
        "Filter the query, or split it in several orchestrations.",
    ),
    "bytes": ("The result is larger than a run may hold.", "Select fewer columns or rows."),
    "preview": (
        "The first rows are too large to show.",
        "Select fewer columns, or shorten long texts with left(column, 200).",
    ),
}


def query_error(kind: str, message: str, sql: str) -> QueryError:
    """Build the QueryError for an exception class name and message of the engine process."""
    if kind == "LimitError":
        return QueryError(*LIMITS[message])
    if kind == "PermissionException" or any(words in message for words in LOCKED):
        return QueryError(OUT_OF_REACH, OUT_OF_REACH_HINT, detail=kind)
    if kind in {"OutOfMemoryException", "MemoryError", "ArrowMemoryError"}:
        return QueryError(*(TEMP if "max_temp_directory_size" in message else MEMORY), detail=kind)
    if kind in {"IOException", "OSError"} and FULL.search(message):
        return StorageFullError("The disk of this machine is full.", "Ask the operator to make room.", detail=kind)
    body, line, column = _split(message, sql)
    sentence, hint = _sentence(kind, body, sql)
    return QueryError(sentence, hint, line=line, column=column, detail=body if kind in NAMES_ONLY else kind)


def _binder(body: str, sql: str) -> tuple[str, str]:
    """Say which column or function does not fit, with the engine's candidates."""
    if found := re.match(r'Referenced column "(.+?)" not found', body):
        candidates = re.findall(r'"([^"]+)"', body.partition("Candidate bindings:")[2])
        return f"There is no column “{found[1]}” in this query.", _candidates(found[1], candidates)
    if found := re.search(r'"(.+?)" does not have a column named "(.+?)"', body):
        return f"“{found[1]}” has no column “{found[2]}”.", "Check the name against the columns of the dataset."
    if found := re.match(r'Ambiguous reference to column name "(.+?)"', body):
        return f"Several tables have a column “{found[1]}”.", "Write the table before it, as in orders.id."
    if found := re.match(r"No function matches the given name and argument types '(.+?)'\.", body):
        return (
            f"The values do not fit the function or operator: {found[1]}.",
            "Cast them, as in CAST(column AS DOUBLE).",
        )
    first, _, rest = body.partition("\n")
    return f"The query cannot be understood: {first}", rest.partition("\n")[0]


def _catalog(body: str, sql: str) -> tuple[str, str]:
    """Say which dataset or function does not exist."""
    found = re.match(r'(?:(.+?) [Ff]unction|Table) with name "?(.+?)"? does not exist', body)
    near = re.search(r'Did you mean "(.+?)"', body)
    if not found:
        return _binder(body, sql)
    if found[1]:
        return (
            f"There is no function {found[2]}().",
            f"Did you mean {near[1]}()?" if near else "See DuckDB's list of functions.",
        )
    return f"There is no dataset named “{found[2]}”.", "Check the name against the list of datasets."


def _parser(body: str, sql: str) -> tuple[str, str]:
    """Say that the SQL is not SQL; the guard says it better, and first."""
    return "The SQL has a mistake.", body.partition("\n")[0]


def _conversion(body: str, sql: str) -> tuple[str, str]:
    """Name the column whose values do not convert; never the value."""
    column = (
        body.rpartition("when casting from source column ")[2].strip()
        if "when casting from source column " in body
        else ""
    )
    if column and column.lower() in sql.lower():
        return f"A value of the column “{column}” cannot be converted to the type asked for.", CAST_HINT
    return "A value cannot be converted to the type asked for.", CAST_HINT


def _value(body: str, sql: str) -> tuple[str, str]:
    """Say that a function refused a value; never which."""
    if body.startswith("More than one row returned by a subquery"):
        return "A subquery used as a value returned more than one row.", "Add LIMIT 1 or an aggregate such as max()."
    return (
        "A function refused one of the values it was given.",
        "Wrap it in try(…), which gives NULL instead, or filter such rows.",
    )


def _range(body: str, sql: str) -> tuple[str, str]:
    """Say that a number or a text became too large."""
    return "A value is too large for its type.", "Cast to a wider type, or use try_cast(column AS type)."


TRANSLATIONS = {
    "BinderException": _binder,
    "CatalogException": _catalog,
    "ParserException": _parser,
    "SyntaxException": _parser,
    "ConversionException": _conversion,
    "InvalidInputException": _value,
    "OutOfRangeException": _range,
    "InvalidTypeException": _conversion,
    "TypeMismatchException": _conversion,
}
NAMES_ONLY = {"BinderException", "CatalogException", "ParserException", "SyntaxException"}


def _sentence(kind: str, body: str, sql: str) -> tuple[str, str]:
    """Choose the translation; what has none is named by its class only."""
    translate = TRANSLATIONS.get(kind)
    if translate:
        return translate(body, sql)
    return "The query could not be run.", f"The engine reports: {re.sub(r'(?<!^)(?=[A-Z])', ' ', kind).lower()}."


def _candidates(name: str, candidates: list[str]) -> str:
    """Turn the engine's candidate columns into a hint."""
    plain = [each.rpartition(".")[2] for each in candidates]
    return did_you_mean(name, plain) or (f"Columns there: {', '.join(plain)}." if plain else "Check the name.")


def _split(message: str, sql: str) -> tuple[str, int | None, int | None]:
    """Cut off the class and the excerpt of the SQL; read the place from the excerpt.

    The excerpt is looked up in the SQL, since its line number counts from whatever DuckDB had put around the query.
    """
    body = re.sub(r"^[A-Z][\w ]* Error: ", "", message)
    body, _, excerpt = body.rpartition("\n\nLINE ") if "\n\nLINE " in body else (body, "", "")
    found = re.match(r"(\d+: )(\.\.\.)?(.*?)(\.\.\.)?\n( *)\^", excerpt)
    if not found or not found[3]:
        return body, None, None
    caret = len(found[5]) - len("LINE ") - len(found[1]) - len(found[2] or "")
    for number, line in enumerate(sql.split("\n"), 1):
        start = line.find(found[3])
        if start >= 0 and caret >= 0:
            return body, number, start + caret + 1
    return body, None, None


def reserved_error(name: str) -> QueryError:
    """Refuse an output column whose name the snapshot needs for itself."""
    return QueryError(
        f"The output column “{name}” has a name that is kept for row numbers.", "Give it another name with AS."
    )
