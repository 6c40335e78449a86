"""Measure one way of mirroring an audience, in a process of its own: `python -m tests.benchmark.audiences WAY …`.

What is measured: rows and the state before are read from files; requests and the state afterwards come out.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from destinations.preparation.audiences import prepare
from destinations.preparation.contract import (
    PLACED_IDS_SCHEMA,
    Context,
    Issues,
    Limits,
    Piece,
    Placed,
    Prepared,
    Target,
)
from destinations.preparation.fields import Field, Kind, Required
from destinations.preparation.state import fold
from tests.benchmark import audience_reference as reference
from tests.benchmark.data import NOW
from tests.benchmark.preparing import peak_mb, plain_rows
from tests.benchmark.reference import Issue

MEMORY = "500MB"
"""What the engine may use; the process adds Python, Arrow and what is being compared."""
LIMITS = Limits(rows_per_request=10_000, bytes_per_request=1_000_000)
TYPES = ("EMAIL", "PHONE")
OUTCOMES = pa.schema([("batch", pa.int32()), ("action", pa.string()), ("outcome", pa.string())])
EXCEPTIONS = pa.schema([("batch", pa.int32()), ("position", pa.int32()), ("outcome", pa.string())])


class Declared:
    """The columns of an audience."""

    fields = (
        Field("email", None, Kind.EMAIL, "E-mail", sources=("EMAIL",), required=Required.ONE_OF, pii=True),
        Field("phone", None, Kind.PHONE, "Phone", sources=("PHONE",), required=Required.ONE_OF, pii=True),
    )


def columnar(path: Path, state: Path | None, result: Path, threads: int) -> Iterator[Piece]:
    """Mirror the rows of a file as the product does, every request taken for told."""
    pa.set_cpu_count(threads)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        con = duckdb.connect(config={"threads": threads, "memory_limit": MEMORY, "temp_directory": str(work / "temp")})
        ids = work / "ids.parquet"
        told = []
        with pq.ParquetWriter(ids, PLACED_IDS_SCHEMA, compression="none", use_dictionary=["kind"]) as writer:
            for piece in _pieces(con, path, state, work):
                if isinstance(piece, Placed) and piece.ids is not None:
                    writer.write_table(piece.ids)
                if isinstance(piece, Prepared):
                    told.append({"batch": piece.number, "action": piece.action, "outcome": "told"})
                yield piece
        outcomes = pa.Table.from_pylist(told, OUTCOMES)
        fold(con, state, ids, outcomes=outcomes, exceptions=EXCEPTIONS.empty_table(), result=result)


def _pieces(con: duckdb.DuckDBPyConnection, path: Path, state: Path | None, work: Path) -> Iterator[Piece]:
    source = f"read_parquet('{path}', file_row_number = true)"
    relation = f"(SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS _row FROM {source})"
    columns = {"email": "VARCHAR", "phone": "VARCHAR"}
    context = Context(NOW, "UTC", "US", LIMITS, (Target(1, state),), "mirror", work)
    yield from prepare(con, relation, columns, spec=Declared(), settings={"user_id_types": TYPES}, context=context)


def plain(path: Path, state: Path, result: Path) -> tuple[list[bytes], list[Issue]]:
    """Mirror the rows of a file with dicts and sets; return the requests and what is wrong with rows."""
    rules = reference.AudienceRules(TYPES, "US")
    table = pq.read_table(state, columns=["kind", "digest", "person"])
    ids = zip(table["kind"].to_pylist(), table["digest"].to_pylist(), strict=True)
    told = dict(zip(ids, table["person"].to_pylist(), strict=True))
    wanted = reference.read(plain_rows(path, pq.read_metadata(path).num_rows), rules)
    deletes, adds = reference.mirror(wanted, told, rules)
    after = [(kind, digest, wanted.person(row), True) for (kind, digest), row in wanted.owner.items()]
    columns = [list(column) for column in zip(*after, strict=True)]
    pq.write_table(pa.table(columns, schema=pq.read_schema(state)), result)
    return deletes + adds, wanted.issues


def agree(path: Path, state: Path) -> bool:
    """Compare both ways: requests byte for byte, issues and states one by one."""
    bodies: list[bytes] = []
    issues: list[Issue] = []
    with tempfile.TemporaryDirectory() as folder:
        results = [Path(folder) / "columnar.parquet", Path(folder) / "plain.parquet"]
        for piece in columnar(path, state, results[0], 2):
            if isinstance(piece, Prepared):
                bodies.append(piece.body)
            elif isinstance(piece, Issues):
                issues += [tuple(issue.values()) for issue in piece.table.to_pylist()]
        want, found = plain(path, state, results[1])
        states = [pq.read_table(result).sort_by([("kind", "ascending"), ("digest", "ascending")]) for result in results]
        return bodies == want and sorted(issues, key=repr) == sorted(found, key=repr) and states[0].equals(states[1])


def measured(way: str, path: Path, state: Path, threads: int) -> dict[str, Any]:
    """Run one way and say what it cost."""
    if way == "state":
        for _ in columnar(path, None, state, threads):
            pass
        return {"peak_mb": peak_mb()}
    if way == "agree":
        return {"agree": agree(path, state)}
    wall, cpu = time.perf_counter(), time.process_time()
    size = 0
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.parquet"
        if way == "plain":
            size = sum(map(len, plain(path, state, result)[0]))
        else:
            size = sum(len(p.body) for p in columnar(path, state, result, threads) if isinstance(p, Prepared))
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return took | {"rows": pq.read_metadata(path).num_rows, "peak_mb": peak_mb(), "megabytes": size / 1e6}


def main() -> None:
    """Print the measure as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=["columnar", "plain", "agree", "state"])
    parser.add_argument("file", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    print(json.dumps(measured(given.way, given.file, given.state, given.threads)))


if __name__ == "__main__":
    main()
