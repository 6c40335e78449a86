"""Measure one way of preparing events, in a process of its own: `python -m tests.benchmark.preparing WAY FILE …`."""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from destinations.preparation.contract import Context, Issues, Piece, Prepared
from destinations.preparation.events import prepare
from destinations.specs.events import SPEC
from tests.benchmark import reference
from tests.benchmark.data import NOW

PIXEL, PAGE, ZONE = "C3QEXAMPLEPIXELCODE0", "https://shop.example.com/", "America/New_York"
MEMORY = "300MB"
"""What the engine may use; the process adds Python, Arrow and the bodies at hand."""


def columnar(path: Path, rows: int, threads: int) -> Iterator[Piece]:
    """Prepare the first rows of a file as the product does."""
    pa.set_cpu_count(threads)
    scratch = tempfile.gettempdir()
    con = duckdb.connect(config={"threads": threads, "memory_limit": MEMORY, "temp_directory": scratch})
    source = f"read_parquet('{path}', file_row_number = true)"
    columns = {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM read_parquet('{path}')").fetchall()}
    relation = f"(SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS _row FROM {source} LIMIT {rows})"
    if rows >= pq.ParquetFile(path).metadata.num_rows:
        relation = relation.replace(f" LIMIT {rows}", "")
    settings = {"event_source": "web", "event_source_id": PIXEL, "default_page_url": PAGE, "max_age_days": 28}
    context = Context(NOW, ZONE, "US", SPEC.limits)
    yield from prepare(con, relation, columns, spec=SPEC, settings=settings, context=context)


def plain_rows(path: Path, rows: int) -> Iterator[Mapping[str, Any]]:
    """Read rows as dicts, a batch at a time."""
    left = rows
    for batch in pq.ParquetFile(path).iter_batches(10_000):
        yield from batch.slice(0, left).to_pylist()
        left -= batch.num_rows
        if left <= 0:
            return


def plain(path: Path, rows: int) -> reference.Outcome:
    """Prepare the first rows of a file row by row."""
    rules = reference.Rules("web", PIXEL, NOW, ZONE, "US", page_url=PAGE)
    return reference.prepare(plain_rows(path, rows), rules)


def agree(path: Path, rows: int) -> bool:
    """Compare both ways on the first rows: bodies byte for byte, issues one by one."""
    bodies: list[bytes] = []
    issues: list[reference.Issue] = []
    for piece in columnar(path, rows, 2):
        if isinstance(piece, Prepared):
            bodies.append(piece.body)
        elif isinstance(piece, Issues):
            issues += [tuple(issue.values()) for issue in piece.table.to_pylist()]
    want = plain(path, rows)
    return bodies == want.bodies and sorted(issues, key=repr) == sorted(want.issues, key=repr)


def peak_mb() -> int:
    """The most memory this process ever held."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def measured(way: str, path: Path, rows: int, threads: int) -> dict[str, Any]:
    """Run one way and say what it cost."""
    if way == "agree":
        return {"agree": agree(path, rows)}
    wall, cpu = time.perf_counter(), time.process_time()
    counts: dict[str, float] = {"events": 0, "rejected": 0, "megabytes": 0.0}
    reasons: set[str] = set()
    if way == "plain":
        outcome = plain(path, rows)
        counts["megabytes"] = sum(map(len, outcome.bodies)) / 1e6
    else:
        for piece in columnar(path, rows, threads):
            if isinstance(piece, Prepared):
                counts["events"] += piece.events
                counts["megabytes"] += len(piece.body) / 1e6
            elif isinstance(piece, Issues):
                rejects = piece.table.filter(pc.equal(piece.table.column("level"), "reject"))
                counts["rejected"] += rejects.num_rows
                reasons |= set(rejects.column("reason").unique().to_pylist())
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return counts | took | {"rows": rows, "peak_mb": peak_mb(), "reasons": len(reasons)}


def main() -> None:
    """Print the measure as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=["columnar", "plain", "agree"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(measured(given.way, given.file, given.rows, given.threads)))


if __name__ == "__main__":
    main()
