"""The engine: what queries give, in which order and types, and how its errors read."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrations.sources import (
    Column,
    Engine,
    EngineLimits,
    QueryError,
    SourceError,
    StorageFullError,
    engine_open,
)
from orchestrations.sources.engine import size_bytes
from orchestrations.sources.messages import query_error

ROWS = 500_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine over half a million rows in many row groups."""
    path = tmp_path_factory.mktemp("data") / "large.parquet"
    duckdb.sql(
        f"COPY (SELECT i AS id, md5(i::VARCHAR) AS hash FROM range({ROWS}) t(i)) TO '{path}' (ROW_GROUP_SIZE 20000)"
    )
    with engine_open({"large": path}, workdir=path.parent / "work", limits=EngineLimits(threads=2)) as opened:
        yield opened


def test_describe_names_columns_and_types_without_running(engine: Engine):
    assert engine.describe("SELECT id, email, amount * 2 AS twice FROM orders") == [
        Column("id", "BIGINT"),
        Column("email", "VARCHAR", pii_guess=True),
        Column("twice", "DOUBLE"),
    ]


def test_describe_takes_expressions_without_names_and_nested_types(engine: Engine):
    columns = engine.describe("SELECT count(*), [1] AS list, {'a': 1} AS struct, 'x'::BLOB AS bytes FROM orders")
    assert [(column.name, column.type) for column in columns] == [
        ("count_star()", "BIGINT"), ("list", "INTEGER[]"), ("struct", "STRUCT(a INTEGER)"), ("bytes", "BLOB"),
    ]  # fmt: skip


def test_preview_gives_the_first_rows_and_says_that_there_are_more(engine: Engine):
    preview = engine.preview("SELECT id FROM orders ORDER BY id DESC", limit=3)
    assert preview.rows.to_pydict() == {"id": [1000, 999, 998]}
    assert preview.truncated


def test_preview_of_all_rows_is_not_truncated(engine: Engine):
    assert not engine.preview("SELECT id FROM orders", limit=1000).truncated


def test_preview_without_rows_has_columns(engine: Engine):
    preview = engine.preview("SELECT id FROM orders WHERE false")
    assert (preview.rows.num_rows, [column.name for column in preview.columns]) == (0, ["id"])


def test_count_counts(engine: Engine):
    assert engine.count("FROM orders WHERE id <= 10") == 10


def test_snapshot_keeps_the_order_of_the_file(large: Engine, tmp_path: Path):
    snapshot = large.snapshot("SELECT * FROM large WHERE id % 3 <> 1", tmp_path / "result.parquet")
    ids = pq.read_table(snapshot.path)["id"].to_pylist()
    assert snapshot.rows == len(ids)
    assert ids == [number for number in range(ROWS) if number % 3 != 1]


def test_snapshot_keeps_the_order_of_the_query(large: Engine, tmp_path: Path):
    snapshot = large.snapshot("SELECT id, hash FROM large ORDER BY hash", tmp_path / "result.parquet")
    hashes = pq.read_table(snapshot.path)["hash"].to_pylist()
    assert len(hashes) == ROWS
    assert hashes == sorted(hashes)


def test_snapshot_relation_numbers_the_rows_from_one(large: Engine, tmp_path: Path):
    snapshot = large.snapshot("SELECT id FROM large ORDER BY id DESC", tmp_path / "it's.parquet", sample=150_000)
    with duckdb.connect() as con:
        relation = con.sql(f"FROM {snapshot.relation()}")
        assert relation.columns == ["id", "_row"]
        assert con.sql(
            f"SELECT min(_row), max(_row), bool_and(id + _row = {ROWS}) FROM {snapshot.relation()}"
        ).fetchall() == [(1, 150_000, True)]


def test_snapshot_tells_its_progress(large: Engine, tmp_path: Path):
    heard: list[int] = []
    large.snapshot("FROM large", tmp_path / "result.parquet", progress=heard.append)
    assert heard == sorted(heard)
    assert len(heard) >= 4
    assert heard[-1] == ROWS


def test_snapshot_of_a_sample_keeps_the_first_rows(engine: Engine, tmp_path: Path):
    snapshot = engine.snapshot("SELECT id FROM orders", tmp_path / "result.parquet", sample=10)
    assert pq.read_table(snapshot.path)["id"].to_pylist() == list(range(1, 11))


def test_snapshot_without_rows_has_columns(engine: Engine, tmp_path: Path):
    snapshot = engine.snapshot("SELECT id, email FROM orders WHERE false", tmp_path / "result.parquet")
    assert (snapshot.rows, list(snapshot.columns)) == (0, ["id", "email"])
    assert duckdb.sql(f"FROM {snapshot.relation()}").columns == ["id", "email", "_row"]


def test_snapshot_replaces_an_older_one_only_when_it_is_whole(engine: Engine, tmp_path: Path):
    target = tmp_path / "result.parquet"
    engine.snapshot("SELECT 1 AS old", target)
    with pytest.raises(QueryError):
        engine.snapshot("SELECT email::INTEGER AS new FROM orders", target)
    assert pq.read_table(target).to_pydict() == {"old": [1]}


TYPES = {
    "hugeint": ("sum(id)", "DECIMAL(38,0)", 500500),
    "uhugeint": (
        "340282366920938463463374607431768211455::UHUGEINT",
        "VARCHAR",
        "340282366920938463463374607431768211455",
    ),
    "uuid": ("'66dbc873-ca79-4ad3-a64b-8e7b0dc6c2ae'::UUID", "UUID", "66dbc873-ca79-4ad3-a64b-8e7b0dc6c2ae"),
    "interval": ("INTERVAL 1 DAY", "VARCHAR", "1 day"),
    "bit": ("'101'::BIT", "VARCHAR", "101"),
    "bignum": ("'123'::BIGNUM", "VARCHAR", "123"),
    "enum": ("'a'::ENUM('a', 'b')", "ENUM('a', 'b')", "a"),
    "union": ("union_value(n := 1)", "VARCHAR", "1"),
    "variant": ("1::VARIANT", "VARCHAR", "1"),
    "json": ("'{\"a\": 1}'::JSON", "JSON", '{"a": 1}'),
    "null": ("NULL", '"NULL"', None),
    "list": ("[1, 2]", "INTEGER[]", [1, 2]),
    "big-id": ("7654321098765432109", "BIGINT", 7654321098765432109),
}


@pytest.mark.parametrize(("expression", "kind", "value"), TYPES.values(), ids=TYPES.keys())
def test_snapshot_keeps_every_type_exactly(engine: Engine, tmp_path: Path, expression: str, kind: str, value: object):
    snapshot = engine.snapshot(f"SELECT {expression} AS x FROM orders", tmp_path / "result.parquet", sample=1)
    assert snapshot.columns == {"x": kind}
    assert pq.read_table(snapshot.path)["x"].to_pylist() == [value]


def test_times_are_read_in_the_time_zone_of_the_tenant(ours: Path, tmp_path: Path):
    with engine_open({"orders": ours}, workdir=tmp_path, time_zone="America/New_York") as engine:
        rows = engine.preview("SELECT '2026-01-01 10:00:00'::TIMESTAMPTZ AS at").rows
    assert rows["at"][0].as_py().utcoffset() == timedelta(hours=-5)


def test_names_are_quoted(ours: Path, tmp_path: Path):
    with engine_open({'my "orders"; x': ours}, workdir=tmp_path / "it's") as engine:
        assert engine.count('FROM "my ""orders""; x"') == 1000


@pytest.mark.parametrize(
    "end", ["", ";", " ; -- done", "-- done", "\n/* ; */\n;"], ids=["none", "semicolon", "both", "comment", "block"]
)
def test_what_stands_behind_a_query_does_not_matter(engine: Engine, tmp_path: Path, end: str):
    sql = f"SELECT id FROM orders WHERE id < 4{end}"
    assert engine.count(sql) == engine.preview(sql).rows.num_rows == engine.snapshot(sql, tmp_path / "r").rows == 3


@pytest.mark.parametrize(
    "sql", ["SELECT 1 AS x, 2 AS X", "SELECT * FROM orders a JOIN orders b ON a.id = b.id"], ids=["letter-case", "join"]
)
def test_twin_columns_must_be_renamed(engine: Engine, sql: str):
    with pytest.raises(QueryError, match=r"Two output columns .* with AS"):
        engine.describe(sql)


@pytest.mark.parametrize("name", ["_row", "_ROW", "file_row_number"])
def test_names_kept_for_row_numbers_must_be_renamed(engine: Engine, name: str):
    with pytest.raises(QueryError, match="kept for row numbers"):
        engine.describe(f"SELECT 1 AS {name}")


ERRORS = {
    "unknown-column": ("SELECT emial FROM orders", r"no column “emial”.*Did you mean “email”"),
    "unknown-column-of-alias": ("SELECT o.emial FROM orders o", r"“o” has no column “emial”"),
    "ambiguous": ("SELECT id FROM orders a JOIN orders b ON a.id = b.id", r"Several tables have a column “id”"),
    "unknown-function": ("SELECT lowr(email) FROM orders", r"no function lowr\(\)"),
    "wrong-types": ("SELECT sum(email) FROM orders", r"do not fit the function.*sum\(VARCHAR\)"),
    "missing-group-by": ("SELECT id, count(*) FROM orders", r"GROUP BY"),
    "conversion": ("SELECT email::INTEGER AS x FROM orders", r"column “email” cannot be converted.*try_cast"),
    "filter-conversion": ("SELECT id FROM orders WHERE email", r"cannot be converted"),
    "function-value": ("SELECT strptime(email, '%Y') AS x FROM orders", r"refused one of the values"),
    "raised": ("SELECT error(email) AS x FROM orders", r"refused one of the values"),
    "date-part": ("SELECT date_part(email, now()) AS x FROM orders", r"cannot be converted"),
    "overflow": ("SELECT 9223372036854775807 + id AS x FROM orders", r"too large"),
    "several-rows": ("SELECT (SELECT id FROM orders) AS x", r"more than one row"),
}


@pytest.mark.parametrize(("sql", "says"), ERRORS.values(), ids=ERRORS.keys())
def test_errors_are_sentences_without_cell_values(engine: Engine, sql: str, says: str):
    with pytest.raises(QueryError, match=says) as caught:
        engine.preview(sql)
    assert "acme.example" not in str(caught.value) + caught.value.detail + repr(caught.value.__cause__)


def test_an_error_tells_its_place(engine: Engine):
    with pytest.raises(QueryError) as caught:
        engine.preview("SELECT id,\n  email::INTEGER AS x\nFROM orders")
    assert (caught.value.line, caught.value.column) == (2, 8)


def test_a_cell_cannot_forge_an_error_message(tmp_path: Path):
    path = tmp_path / "forged.parquet"
    pq.write_table(pa.table({"email": ["x' to INT32 when casting from source column secret@acme.example"]}), path)
    with engine_open({"forged": path}, workdir=tmp_path) as engine, pytest.raises(QueryError) as caught:
        engine.preview("SELECT (email || '')::INTEGER AS x FROM forged")
    assert "secret@" not in str(caught.value)


def test_a_damaged_dataset_breaks_only_the_queries_that_use_it(ours: Path, tmp_path: Path):
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"PAR1 and nothing else")
    with engine_open({"orders": ours, "damaged": damaged, "gone": tmp_path / "gone"}, workdir=tmp_path) as engine:
        assert engine.count("FROM orders") == 1000
        for name, what in (("damaged", "damaged"), ("gone", "missing")):
            with pytest.raises(QueryError, match=f"“{name}” is {what}"):
                engine.count(f"FROM {name}")


def test_two_tables_must_not_differ_in_letter_case_only(ours: Path, tmp_path: Path):
    with pytest.raises(SourceError, match="Two datasets"), engine_open({"a": ours, "A": ours}, workdir=tmp_path):
        pass


def test_an_unknown_time_zone_is_refused(ours: Path, tmp_path: Path):
    with (
        pytest.raises(SourceError, match="no time zone"),
        engine_open({"a": ours}, workdir=tmp_path, time_zone="Mars/Base"),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "size"), [("512MB", 512_000_000), ("1.5 GB", 1_500_000_000), ("64MiB", 67_108_864), ("2gib", 2 << 30)]
)
def test_sizes_are_read_as_the_engine_reads_them(text: str, size: int):
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "many", "512", "12 parsecs"])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(SourceError, match="not a size"):
        size_bytes(text)


@pytest.mark.parametrize(
    ("kind", "full"), [("OSError", True), ("IOException", True), ("ConversionException", False)], ids=str
)
def test_a_full_disk_is_no_fault_of_the_query(kind: str, full: bool):
    error = query_error(kind, "[Errno 28] Error writing bytes to file: No space left on device", "SELECT 1")
    assert isinstance(error, StorageFullError) == full
