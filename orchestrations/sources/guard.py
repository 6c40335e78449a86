"""Judge a user's SQL before it reaches the engine: one statement, a query, over known datasets only.

DuckDB's own parser is asked (`json_serialize_sql`), so that what is judged is what will run: a second parser that reads
some corner of the dialect differently would be a hole, and would refuse legitimate DuckDB SQL. Nothing is bound or run
here. This is a guard rail with good sentences; the wall is the locked-down engine process (`engine`, `sandbox`).
"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from orchestrations.sources.base import QueryError, did_you_mean

MAX_SQL_CHARACTERS = 100_000

QUERY_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
TABLE_FUNCTIONS = {
    "range",
    "generate_series",
    "unnest",
    "repeat",
    "repeat_row",
    "json_each",
    "json_tree",
    "generate_subscripts",
}
HIDDEN_FUNCTIONS = {
    "current_setting",
    "getenv",
    "query",
    "query_table",
    "sleep_ms",
    "write_log",
    "which_secret",
    "json_execute_serialized_sql",
    "json_serialize_plan",
    "json_deserialize_sql",
    "json_serialize_sql",
}
HIDDEN_PREFIXES = ("duckdb_", "pragma_", "read_", "parquet_", "sniff_", "pg_sleep")

OUT_OF_REACH = "Queries can read this tenant's datasets only."
OUT_OF_REACH_HINT = (
    "Files, web addresses, other databases, extensions and settings are out of reach: "
    "upload the data as a dataset and select from its name."
)
ONLY_QUERIES = "Only a query is allowed here: one SELECT (WITH, FROM … and VALUES work too)."


@dataclass(frozen=True)
class QueryShape:
    """What the parser found: the datasets a query reads, as they are named in it."""

    tables: tuple[str, ...]


def query_check(sql: str, tables: Collection[str] | None = None) -> QueryShape:
    """Refuse anything but one query over known datasets.

    `tables` are the dataset names that exist; None leaves that judgement to the engine. Raises QueryError with line and
    column where the parser knows them.
    """
    if len(sql) > MAX_SQL_CHARACTERS:
        raise QueryError(f"The query is longer than {MAX_SQL_CHARACTERS:,} characters.", "Shorten it.")
    if "\x00" in sql:
        raise QueryError("The query contains a NUL character.", "Type it again without invisible characters.")
    statement = _single_statement(sql)
    nodes = list(_walk(statement))
    for node in nodes:
        _node_check(node, sql)
    return QueryShape(tuple(_tables_check(nodes, sql, tables)))


def position(sql: str, offset: int) -> tuple[int | None, int | None]:
    """Turn a byte offset, as DuckDB counts, into line and column, both from 1."""
    encoded = sql.encode()
    if offset > len(encoded):
        return None, None
    before = encoded[:offset].decode(errors="ignore")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _single_statement(sql: str) -> dict[str, Any]:
    """Parse, and return the tree of the one query in the text."""
    with duckdb.connect(config={"autoload_known_extensions": "false", "autoinstall_known_extensions": "false"}) as con:
        row = con.execute(
            "SELECT json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true)", [sql]
        ).fetchone()
        tree = json.loads(row[0]) if row else {}
        if tree.get("error_type") == "not implemented":
            raise _not_a_query(sql, [statement.type.name for statement in con.extract_statements(sql)])
    if tree.get("error"):
        raise _syntax_error(sql, tree)
    statements = tree.get("statements", [])
    if not statements:
        raise QueryError("The query is empty.", "Write a SELECT over one of the datasets.")
    if len(statements) > 1:
        raise QueryError(
            f"The text holds {len(statements)} statements.", "Keep one query; remove what follows the first “;”."
        )
    found: dict[str, Any] = statements[0]
    if found.get("named_param_map"):
        raise QueryError(
            "The query has placeholders (? or $1), and nothing fills them.", "Write the values themselves."
        )
    return found


def _not_a_query(sql: str, types: list[str]) -> QueryError:
    """Say which statement is in the way."""
    if len(types) > 1:
        return QueryError(
            f"The text holds {len(types)} statements.", "Keep one query; remove what follows the first “;”."
        )
    kind = types[0] if types else "UNKNOWN"
    if kind == "MULTI":
        return QueryError(
            "PIVOT needs its values written out here, so that the columns are known beforehand.",
            "Write PIVOT … ON column IN (value, value, …).",
        )
    return QueryError(ONLY_QUERIES, f"Remove the {kind.replace('_', ' ')} statement. {OUT_OF_REACH}")


def _syntax_error(sql: str, tree: dict[str, Any]) -> QueryError:
    """Translate the parser's complaint."""
    message = str(tree.get("error_message", ""))
    if "depth" in message:
        return QueryError("The query is nested too deeply.", "Split it into steps with WITH.")
    line, column = position(sql, int(tree["position"])) if "position" in tree else (None, None)
    where = f" (line {line}, column {column})" if line else ""
    near = message.partition("at or near ")[2].strip('"')
    sentence = (
        f"The SQL has a mistake near “{near}”{where}." if near else f"The SQL is not complete or not valid{where}."
    )
    return QueryError(
        sentence, "Check the words and commas just before that place.", line=line, column=column, detail=message
    )


def _walk(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every object of the tree; without recursion, since users choose the depth."""
    waiting: list[Any] = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(reversed(item.values()))
        elif isinstance(item, list):
            waiting.extend(reversed(item))


def _node_check(node: dict[str, Any], sql: str) -> None:
    """Refuse data changes hidden in CTEs, listings of the catalog, and functions that look outside."""
    kind = node.get("type", "")
    if "cte_map" in node and kind not in QUERY_NODES:
        raise QueryError(ONLY_QUERIES, f"Remove the {kind.partition('_')[0]} inside WITH: a query changes nothing.")
    if kind == "SHOW_REF" and node.get("show_type") not in {"DESCRIBE", "SUMMARY"}:
        raise QueryError(ONLY_QUERIES, "The datasets are listed beside the editor; SHOW is not needed.")
    if kind == "TABLE_FUNCTION":
        _table_function_check(node, sql)
    name = str(node.get("function_name", "")).lower()
    if node.get("class") == "FUNCTION" and (name in HIDDEN_FUNCTIONS or name.startswith(HIDDEN_PREFIXES)):
        raise _out_of_reach(sql, node, f"{name}()")


def _table_function_check(node: dict[str, Any], sql: str) -> None:
    """Allow only the table functions that make rows out of nothing or out of a value."""
    name = str(node.get("function", {}).get("function_name", "")).lower()
    if name and name not in TABLE_FUNCTIONS:
        raise _out_of_reach(sql, node, f"{name}()")


def _out_of_reach(sql: str, node: dict[str, Any], what: str) -> QueryError:
    """Point at what reaches outside."""
    line, column = position(sql, int(node.get("query_location", 1 << 62)))
    where = f" at line {line}, column {column}" if line else ""
    return QueryError(OUT_OF_REACH, f"Remove {what}{where}. {OUT_OF_REACH_HINT}", line=line, column=column)


def _tables_check(nodes: list[dict[str, Any]], sql: str, tables: Collection[str] | None) -> Iterator[str]:
    """Yield the datasets that are read, each once; refuse names that are neither dataset nor WITH."""
    ctes = {str(entry["key"]).lower() for node in nodes for entry in node.get("cte_map", {}).get("map", [])}
    ctes |= {str(node["cte_name"]).lower() for node in nodes if "cte_name" in node}
    for name in ctes:
        _cte_check(name)
    known = None if tables is None else {name.lower() for name in tables}
    seen: set[str] = set()
    for node in nodes:
        if node.get("type") != "BASE_TABLE":
            continue
        path = [str(part) for part in node.get("qualified_name", {}).get("path", [node.get("table_name", "")])]
        name = path[-1]
        if name.lower() in ctes and path[:-1] in ([], ["recurring"]):
            continue
        if known is not None and (name.lower() not in known or path[:-1] not in ([], ["main"], ["memory", "main"])):
            raise _unknown_table(sql, node, ".".join(path), tables or ())
        if name.lower() not in seen:
            seen.add(name.lower())
            yield name


def _cte_check(name: str) -> None:
    """Refuse names after WITH that mean a file or the catalog where the WITH does not reach.

    A WITH inside a subquery names nothing outside of it, and not even itself inside: there DuckDB would open a file of
    that name, past the views that hide personal data, or its catalog, where the files' names stand.
    """
    if re.search(r"[^\w \-$]", name) or name in _catalog_names():
        raise QueryError(f"The name “{name}” cannot be used after WITH.", "Use letters, digits and underscores.")


@cache
def _catalog_names() -> frozenset[str]:
    """Return the names that DuckDB's own catalog answers to without a schema before them."""
    with duckdb.connect() as con:
        return frozenset(name for (name,) in con.execute("SELECT lower(view_name) FROM duckdb_views()").fetchall())


def _unknown_table(sql: str, node: dict[str, Any], name: str, tables: Collection[str]) -> QueryError:
    """Name the dataset that does not exist, and the one that was probably meant."""
    if "/" in name or "\\" in name or "*" in name:
        return _out_of_reach(sql, node, f"“{name}”")
    line, column = position(sql, int(node.get("query_location", 1 << 62)))
    there = ", ".join(sorted(tables)[:10]) or "none yet"
    hint = did_you_mean(name, tables) or f"Datasets of this tenant: {there}."
    return QueryError(f"There is no dataset named “{name}”.", hint, line=line, column=column)
