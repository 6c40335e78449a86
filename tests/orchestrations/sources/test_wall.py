"""The wall: what holds when the guard lets something through. Queries here go to the engine process unjudged."""

import os
import time
from pathlib import Path

import pytest

from orchestrations.sources import Engine, EngineLimits, QueryCancelledError, QueryError, engine_open
from orchestrations.sources import engine as engine_module
from orchestrations.sources.guard import QueryShape


@pytest.fixture
def unguarded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The engine with its guard taken away."""
    monkeypatch.setattr(engine_module, "query_check", lambda sql, tables: QueryShape(()))
    return engine


FORBIDDEN = {
    "read_csv": "SELECT * FROM read_csv('/etc/passwd')",
    "read_text": "SELECT * FROM read_text('/etc/passwd')",
    "read_blob": "SELECT size FROM read_blob('/etc/passwd')",
    "glob": "SELECT * FROM glob('/etc/*')",
    "sniff": "SELECT * FROM sniff_csv('/etc/passwd')",
    "file-name": "FROM '/etc/passwd'",
    "query-function": "FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "other-tenant-absolute": "FROM '{theirs}'",
    "other-tenant-relative": "FROM read_parquet('../../globex/people.parquet')",
    "other-tenant-dotted": "FROM read_parquet('{ours}/../../globex/people.parquet')",
    "other-tenant-metadata": "FROM parquet_metadata('{theirs}')",
    "folder-of-ours": "FROM read_parquet('{folder}/*.parquet')",
    "http": "FROM read_parquet('http://127.0.0.1:9/x.parquet')",
    "s3": "FROM 's3://bucket/x.parquet'",
    "secrets": "FROM duckdb_secrets()",
}


@pytest.mark.parametrize("sql", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_engine_reads_nothing_but_the_datasets(unguarded: Engine, ours: Path, theirs: Path, sql: str):
    with pytest.raises(QueryError) as caught:
        unguarded.preview(sql.format(ours=ours, theirs=theirs, folder=ours.parent))
    assert "charlie@" not in str(caught.value) + caught.value.detail


CHANGES = {
    "copy-out": "COPY orders TO '{folder}/out.csv'",
    "copy-over-dataset": "COPY (SELECT 1 AS id) TO '{ours}'",
    "export": "EXPORT DATABASE '{folder}/out'",
    "attach": "ATTACH '{folder}/out.db'",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "set-memory": "SET memory_limit = '100GB'",
    "set-access": "SET enable_external_access = true",
    "set-paths": "SET allowed_paths = ['/etc/passwd']",
    "set-python": "SET python_enable_replacements = true",
    "reset": "RESET memory_limit",
    "pragma": "PRAGMA enable_profiling",
    "multi": "SELECT 1; COPY orders TO '{folder}/out.csv'",
}


@pytest.mark.parametrize("sql", CHANGES.values(), ids=CHANGES.keys())
def test_the_engine_changes_nothing(unguarded: Engine, ours: Path, sql: str):
    before = ours.read_bytes()
    with pytest.raises(QueryError, match="this tenant's datasets only"):
        unguarded.preview(sql.format(ours=ours, folder=ours.parent))
    assert ours.read_bytes() == before
    assert os.listdir(ours.parent) == [ours.name]
    assert unguarded.count("FROM orders") == 1000


def test_a_symlink_to_another_tenant_is_not_followed(unguarded: Engine, ours: Path, theirs: Path):
    link = ours.parent.parent / "link.parquet"
    link.symlink_to(theirs)
    with pytest.raises(QueryError):
        unguarded.preview(f"FROM '{link}'")
    link.unlink()


def test_variables_of_the_program_are_not_tables(unguarded: Engine):
    for name in ("setup", "request", "relation", "con"):
        with pytest.raises(QueryError, match="no dataset"):
            unguarded.describe(f"FROM {name}")


def test_the_process_knows_nothing_of_our_environment(unguarded: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_ENCRYPTION_KEYS", "marker-key")
    unguarded.close()
    unguarded.count("FROM orders")
    process = unguarded._started()._process.pid
    assert b"marker-key" not in Path(f"/proc/{process}/environ").read_bytes()


ENDLESS = {
    "cross-join": "SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e",
    "recursion": "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r",
    "not-interruptible": "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))",
    "sleep": "SELECT sum(id) FROM range(100000000000000) t(id)",
}


@pytest.mark.parametrize("sql", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_query_without_end_is_stopped_in_time(tight: Engine, sql: str):
    started = time.monotonic()
    with pytest.raises(QueryError, match="longer than the 2 seconds"):
        tight.preview(sql)
    assert time.monotonic() - started < 5
    assert tight.count("FROM orders") == 1000


GREEDY = {
    "huge-text": "SELECT length(repeat('x', 4000000000))",
    "impossible-text": "SELECT length(repeat('x', 10000000000))",
    "huge-texts": "SELECT sum(length(repeat(email, 50000000))) FROM orders",
    "huge-list": "SELECT len(range(1000000000))",
    "huge-format": "SELECT length(format('{:>2000000000}', 'x'))",
    "huge-aggregate": "SELECT length(string_agg(repeat(email, 1000), '')) FROM orders, range(1000)",
    "growing-recursion": "WITH RECURSIVE r(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM r) SELECT count(s) FROM r",
}


@pytest.mark.parametrize("sql", GREEDY.values(), ids=GREEDY.keys())
def test_a_greedy_query_meets_its_limit(tight: Engine, sql: str):
    with pytest.raises(QueryError, match=r"memory|disk space|too large|longer than"):
        tight.preview(sql)
    assert tight.count("FROM orders") == 1000


def test_a_sort_larger_than_memory_and_disk_is_refused(ours: Path, tmp_path: Path):
    sql = "SELECT sha256(a.email || b.email || c) AS e FROM orders a, orders b, range(2) t(c) ORDER BY e"
    limits = EngineLimits(memory="64MB", temp="5MB", seconds=60)
    with (
        engine_open({"orders": ours}, workdir=tmp_path, limits=limits) as engine,
        pytest.raises(QueryError, match="disk space"),
    ):
        engine.snapshot(sql, tmp_path / "result.parquet")


def test_a_result_with_too_many_rows_is_refused(tight: Engine, tmp_path: Path):
    with pytest.raises(QueryError, match="more rows"):
        tight.snapshot("SELECT a.id FROM orders a, orders b", tmp_path / "result.parquet")
    assert list(tmp_path.iterdir()) == []


def test_first_rows_too_large_to_show_are_refused(engine: Engine):
    with pytest.raises(QueryError, match=r"too large to show|memory"):
        engine.preview("SELECT repeat(email, 100000) FROM orders")


def test_a_query_is_cancelled_from_outside(ours: Path, tmp_path: Path):
    asked = iter([False] * 5)
    with engine_open({"orders": ours}, workdir=tmp_path, cancelled=lambda: next(asked, True)) as engine:
        started = time.monotonic()
        with pytest.raises(QueryCancelledError):
            engine.count(
                "FROM orders a, orders b, orders c, orders d, orders e WHERE a.id + b.id + c.id + d.id <> e.id"
            )
    assert time.monotonic() - started < 5


def test_a_killed_process_is_an_error_and_is_replaced(ours: Path, tmp_path: Path):
    with engine_open({"orders": ours}, workdir=tmp_path) as engine:
        engine.count("FROM orders")
        os.kill(engine._started()._process.pid, 9)
        with pytest.raises(QueryError):
            engine.count("FROM orders")
        assert engine.count("FROM orders") == 1000


def test_nothing_is_left_behind(ours: Path, tmp_path: Path):
    with engine_open({"orders": ours}, workdir=tmp_path) as engine:
        engine.preview("FROM orders")
        process = engine._started()._process
    assert process.poll() is not None
    assert list(tmp_path.iterdir()) == []
