"""Normalised values to JSON text in SQL: no empty object, array or string is ever written.

`x || NULL` is NULL and `concat_ws` leaves NULLs out, so what is missing vanishes without a second pass.
"""

from collections.abc import Mapping

from destinations.preparation.fields import LISTS, Field, Kind
from destinations.preparation.sql import literal

RAW = frozenset({Kind.NUMBER, Kind.QUANTITY, Kind.TIMESTAMP})
SAFE = frozenset({Kind.CURRENCY, Kind.CHOICE, Kind.COUNTRY})


def fragment(field: Field, values: list[str]) -> str:
    """Give the SQL of `"key":value` for a field, NULL where there is none."""
    key = literal('"' + (field.target or "").rsplit(".", 1)[-1] + '":')
    if field.kind in LISTS:
        return f"{key} || {_array(values)}"
    if field.kind in RAW:
        return f"{key} || {values[0]}"
    if field.kind is Kind.BOOLEAN:
        return f"CASE WHEN {values[0]} THEN {key} || 'true' END"
    if field.kind in SAFE:
        return f"""{key} || '"' || {values[0]} || '"'"""
    return f"{key} || to_json({values[0]})"


def _array(digests: list[str]) -> str:
    """Write digests as an array without repeats, in their order."""
    first, *others = digests
    if not others:
        return f"""'["' || {first} || '"]'"""
    unique = [first]
    for index, digest in enumerate(others, 1):
        seen = ", ".join(digests[:index])
        unique.append(f"CASE WHEN list_contains([{seen}], {digest}) THEN NULL ELSE {digest} END")
    return f"""'["' || nullif(concat_ws('","', {", ".join(unique)}), '') || '"]'"""


def joined(parts: list[str]) -> str:
    """Give the SQL of comma-separated fragments, NULL where all are missing."""
    return f"nullif(concat_ws(',', {', '.join(parts)}), '')" if parts else "NULL"


Tree = Mapping[str, "str | Tree"]
"""A payload: keys to SQL (or names of columns) that give `"key":value`, or to what is nested under them."""


def tree(fragments: Mapping[str, str]) -> Tree:
    """Nest fragments (target path → SQL or column name) by their paths, in the order they were declared."""
    inner: dict[str, dict[str, str]] = {}
    nested: dict[str, str | Tree] = {}
    for path, sql in fragments.items():
        head, _, rest = path.partition(".")
        if rest:
            inner.setdefault(head, {})[rest] = sql
            nested[head] = {}
        else:
            nested[head] = sql
    return nested | {head: tree(parts) for head, parts in inner.items()}


def object_sql(node: Tree) -> str:
    """Give the SQL of an object's members (without braces), NULL where it has none."""
    parts = []
    for key, child in node.items():
        if isinstance(child, str):
            parts.append(child)
        else:
            inner = object_sql(child)
            opening, closing = ("[{", "}]") if key.endswith("[]") else ("{", "}")
            parts.append(f"""'"{key.removesuffix("[]")}":{opening}' || {inner} || '{closing}'""")
    return joined(parts)
