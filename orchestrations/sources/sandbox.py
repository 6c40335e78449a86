"""The program of the child process in which users' SQL runs; started by `engine`, never imported.

Why a process: DuckDB's `memory_limit` does not count strings and lists that functions build (`repeat`, `range`,
`lpad`), and some functions do not stop when interrupted. Both were seen to take gigabytes and minutes. Here the kernel
holds the memory down (RLIMIT_DATA), and the parent may kill at any moment and loses nothing. The process starts with an
empty environment, so the product's keys are not in its memory either.

The program stands alone (`python -I sandbox.py`: DuckDB, pyarrow, standard library) and talks in lines of JSON: set-up
first, then one request after the other on standard input; on standard output `{"progress": rows}` and at last `{"ok":
…}` or `{"error": {"type": …, "message": …}}`. Messages may hold cell values: the parent translates, and never passes
them on.
"""

import json
import os
import queue
import re
import resource
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

Message = dict[str, Any]

READ_ROWS = 20_000
GROUP_ROWS = 100_000
GROUP_BYTES = 64 << 20
PREVIEW_BYTES = 32 << 20
AS_TEXT = re.compile(r"\b(INTERVAL|BIT|UNION|VARIANT|BIGNUM|UHUGEINT|GEOMETRY|TIME WITH TIME ZONE)\b")


class LimitError(Exception):
    """A limit that this program watches itself: rows, bytes, preview bytes."""


def limit_process(setup: Message) -> None:
    """Let the kernel refuse memory beyond the limit, and core dumps: they would hold personal data."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (setup["data_bytes"], setup["data_bytes"]))


def connect(setup: Message) -> tuple[duckdb.DuckDBPyConnection, list[str]]:
    """Open a database that holds nothing but views on the given files, and lock it.

    Returns the connection and the names of the datasets whose file could not be read. `temp_directory` is private to
    this process: DuckDB counts it among the places that queries may read.
    """
    con = duckdb.connect(
        ":memory:",
        config={
            "threads": str(setup["threads"]),
            "memory_limit": setup["memory"],
            "temp_directory": setup["scratch"],
            "max_temp_directory_size": setup["temp"],
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "preserve_insertion_order": "true",
        },
    )
    con.execute(f"SET TimeZone = '{setup['time_zone']}'")
    broken = [name for name, view in setup["views"].items() if not view_created(con, view)]
    con.execute(f"SET allowed_paths = [{', '.join(setup['paths'])}]")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con, broken


def view_created(con: duckdb.DuckDBPyConnection, view: str) -> bool:
    """Create one view; False where its file is missing or damaged, so that the other datasets stay usable."""
    try:
        con.execute(view)
    except duckdb.Error:
        return False
    return True


def bound(con: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
    """Bind a query, without the semicolon and comments at its end: DuckDB puts its text into larger queries."""
    end = len(sql)
    for offset, kind in reversed(duckdb.tokenize(sql)):
        if kind != duckdb.token_type.comment and sql[offset] != ";":
            break
        end = offset
    return con.sql(sql[:end])


def storable(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Cast the types that Parquet cannot keep as they are: to text, sums of integers to DECIMAL(38,0)."""
    names, types = relation.columns, [str(each) for each in relation.types]
    if not any(AS_TEXT.search(kind) or kind == "HUGEINT" for kind in types):
        return relation
    return relation.project(", ".join(stored(name, kind) for name, kind in zip(names, types, strict=True)))


def stored(name: str, kind: str) -> str:
    """Give the expression of one column in `storable`."""
    identifier = '"' + name.replace('"', '""') + '"'
    if AS_TEXT.search(kind):
        return f"{identifier}::VARCHAR AS {identifier}"
    return f"{identifier}::DECIMAL(38,0) AS {identifier}" if kind == "HUGEINT" else identifier


def columns(relation: duckdb.DuckDBPyRelation) -> list[list[str]]:
    """List names and DuckDB types."""
    return [[name, str(kind)] for name, kind in zip(relation.columns, relation.types, strict=True)]


def describe(con: duckdb.DuckDBPyConnection, request: Message) -> Message:
    """Bind the query without running it."""
    return {"columns": columns(bound(con, request["sql"]))}


def count(con: duckdb.DuckDBPyConnection, request: Message) -> Message:
    """Count the rows of the result."""
    return {"rows": bound(con, request["sql"]).aggregate("count(*)").fetchall()[0][0]}


def preview(con: duckdb.DuckDBPyConnection, request: Message) -> Message:
    """Write the first rows as an Arrow file."""
    relation = storable(bound(con, request["sql"]))
    table = relation.limit(request["limit"] + 1).to_arrow_table()
    if table.nbytes > PREVIEW_BYTES:
        raise LimitError("preview")
    shown = table.slice(0, request["limit"])
    with pa.OSFile(request["target"], "wb") as sink, pa.ipc.new_file(sink, shown.schema) as writer:
        writer.write_table(shown)
    return {"columns": columns(relation), "truncated": table.num_rows > request["limit"]}


def snapshot(con: duckdb.DuckDBPyConnection, request: Message, say: Any) -> Message:
    """Run the query once and write its rows in order.

    pyarrow's writer with lz4 and no dictionaries costs 0.5 s of CPU per million rows of 21 columns, DuckDB's own COPY
    1.0 s; reading back costs about the same from both.
    """
    relation = storable(bound(con, request["sql"]))
    if request["sample"] is not None:
        relation = relation.limit(request["sample"])
    described, rows = columns(relation), 0
    reader = relation.to_arrow_reader(READ_ROWS)
    with (
        pa.OSFile(request["target"], "wb") as sink,
        pq.ParquetWriter(sink, reader.schema, compression="lz4", use_dictionary=False) as writer,
    ):
        for group in groups(reader):
            rows += group.num_rows
            if rows > request["max_rows"]:
                raise LimitError("rows")
            writer.write_table(group, row_group_size=GROUP_ROWS)
            if sink.tell() > request["max_bytes"]:
                raise LimitError("bytes")
            say({"progress": rows})
    return {"rows": rows, "columns": described}


def groups(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Gather batches into row groups, bounded in rows and in bytes since cells may be large."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in reader:
        waiting.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= GROUP_ROWS or size >= GROUP_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def serve(con: duckdb.DuckDBPyConnection, request: Message, say: Any) -> Message:
    """Answer one request; whatever goes wrong is an answer as well, since the parent holds all the words."""
    try:
        if request["do"] == "snapshot":
            return {"ok": snapshot(con, request, say)}
        return {"ok": {"describe": describe, "count": count, "preview": preview}[request["do"]](con, request)}
    except Exception as error:
        return {"error": {"type": type(error).__name__, "message": str(error)}}


def lines(source: TextIO) -> "queue.SimpleQueue[str]":
    """Read requests on a thread, and leave at once when the parent is gone: nobody would stop the query."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in source:
            waiting.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return waiting


def main() -> None:
    """Set up from the first line, then serve until the parent hangs up."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    requests = lines(sys.stdin)

    def say(message: Message) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    setup = json.loads(requests.get())
    limit_process(setup)
    try:
        con, broken = connect(setup)
    except duckdb.Error as error:
        say({"error": {"type": type(error).__name__, "message": str(error)}})
        return
    say({"ok": {"broken": broken}})
    while True:
        say(serve(con, json.loads(requests.get()), say))


if __name__ == "__main__":
    main()
