"""A column of the query in the form its kernel reads: exact text, or its own type where the kernel knows it."""

import re

from destinations.preparation.errors import PreparationError
from destinations.preparation.fields import LISTS, Field, Kind
from destinations.preparation.kernels.numbers import HUGE, WHOLE
from destinations.preparation.sql import name

LIST_LENGTH = 10
"""Elements of a list that are read (assumed: TikTok states no limit)."""

NATIVE = {
    Kind.NUMBER: WHOLE | {"DOUBLE", "FLOAT"},
    Kind.QUANTITY: WHOLE | {"DOUBLE", "FLOAT"},
    Kind.TIMESTAMP: WHOLE
    | HUGE
    | {
        "DOUBLE",
        "FLOAT",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP_S",
        "TIMESTAMP_MS",
        "TIMESTAMP_NS",
        "TIMESTAMP WITH TIME ZONE",
    },
    Kind.BOOLEAN: frozenset({"BOOLEAN"}),
}
UNREADABLE = re.compile(r"BLOB|BIT|STRUCT|MAP|UNION|VARIANT|GEOMETRY|.*\]$", re.DOTALL)


def base_type(duckdb_type: str) -> str:
    """Write a type as kernels compare it: upper case, without precision or labels."""
    text = duckdb_type.strip().upper()
    return text if text.endswith("]") else text.split("(", 1)[0].strip()


def element_type(field: Field, duckdb_type: str) -> str | None:
    """Give the type of a list's elements where the field may be a list."""
    match = re.fullmatch(r"(.*)\[[0-9]*\]", duckdb_type.strip(), re.DOTALL)
    return match[1] if match and field.kind in LISTS else None


def readable(field: Field, duckdb_type: str) -> bool:
    """Say whether a column of this type can be read at all."""
    return not UNREADABLE.fullmatch(base_type(element_type(field, duckdb_type) or duckdb_type))


def native_type(field: Field, duckdb_type: str) -> str:
    """Give the type in which the kernel reads the column: its own, or VARCHAR."""
    kind = base_type(duckdb_type)
    if kind in ("DECIMAL", "NUMERIC") and field.kind is Kind.TIMESTAMP:
        return "DECIMAL"
    return kind if kind in NATIVE.get(field.kind, ()) else "VARCHAR"


def raw_columns(field: Field, column: str, duckdb_type: str) -> list[tuple[str, str]]:
    """Give (SQL, native type) of what is to be read: one, or one per element of a list."""
    if not readable(field, duckdb_type):
        raise PreparationError(f"Column {column} is of type {duckdb_type}, which cannot be sent. Cast it to VARCHAR.")
    if element := element_type(field, duckdb_type):
        items = [f"{name(column)}[{index}]" for index in range(1, LIST_LENGTH + 1)]
        return [(as_text(item, element), "VARCHAR") for item in items]
    native = native_type(field, duckdb_type)
    return [(name(column) if native != "VARCHAR" else as_text(name(column), duckdb_type, field.kind), native)]


def as_text(x: str, duckdb_type: str, kind: Kind = Kind.TEXT) -> str:
    """Write any scalar as exact text: ids given as numbers keep all digits and get neither `.0` nor an exponent."""
    match base_type(duckdb_type):
        case "VARCHAR":
            return x
        case "JSON":
            return f"({x} ->> '$')"
        case "DOUBLE" | "FLOAT" | "REAL":
            whole = f"WHEN {x} = floor({x}) AND abs({x}) < 1e18 THEN try_cast({x} AS BIGINT)::VARCHAR"
            return f"CASE WHEN NOT isfinite({x}) THEN NULL {whole} ELSE {x}::VARCHAR END"
        case "DECIMAL" | "NUMERIC":
            padded = f"contains({x}::VARCHAR, '.')"
            return f"CASE WHEN {padded} THEN rtrim(rtrim({x}::VARCHAR, '0'), '.') ELSE {x}::VARCHAR END"
        case "TIMESTAMP WITH TIME ZONE":
            return f"strftime({x} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
        case _:
            return f"{x}::VARCHAR"


def as_shown(x: str, native: str) -> str:
    """Write a value of a native type for people; never in the session's own time zone, nor with the sign of a NaN."""
    if native in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN isnan({x}) THEN 'nan' ELSE {x}::VARCHAR END"
    return as_text(x, native) if native == "TIMESTAMP WITH TIME ZONE" else f"{x}::VARCHAR"
