"""The guard: what is a query, what is not, and how it says so."""

import pytest

from orchestrations.sources import QueryError, query_check

QUERIES = {
    "select": "SELECT * FROM orders",
    "trailing-semicolon": "SELECT 1 FROM orders; -- done",
    "from-first": "FROM orders SELECT id WHERE id > 3",
    "table": "TABLE orders",
    "values": "VALUES (1), (2)",
    "with": "WITH o AS (SELECT * FROM orders) SELECT * FROM o",
    "with-recursive": "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 5) SELECT * FROM r",
    "union": "SELECT id FROM orders UNION ALL SELECT id FROM orders",
    "union-by-name": "FROM orders UNION ALL BY NAME FROM people",
    "subquery": "SELECT (SELECT max(id) FROM orders) FROM people WHERE EXISTS (FROM orders)",
    "qualified": 'SELECT o.id FROM memory.main."Orders" o',
    "other-case": "SELECT * FROM ORDERS",
    "prefix-alias": "SELECT order_id: id FROM orders",
    "star-exclude": "SELECT * EXCLUDE (id) REPLACE (lower(email) AS email) FROM orders",
    "columns": "SELECT max(COLUMNS('i.*')) FROM orders",
    "qualify": "SELECT * FROM orders QUALIFY row_number() OVER (PARTITION BY email ORDER BY id) = 1",
    "asof": "SELECT * FROM orders ASOF JOIN people USING (id)",
    "lambda": "SELECT list_transform([1, 2], lambda x: x + 1) FROM orders",
    "pivot-in": "SELECT * FROM orders PIVOT (count(*) FOR id IN (1, 2))",
    "unpivot": "UNPIVOT orders ON id, amount INTO NAME n VALUE v",
    "group-by-all": "SELECT email, sum(amount) FROM orders GROUP BY ALL ORDER BY ALL",
    "sample": "SELECT * FROM orders USING SAMPLE 10",
    "rows-from-nothing": "SELECT * FROM range(3), generate_series(1, 2), unnest([1, 2])",
    "describe": "DESCRIBE orders",
    "semicolon-in-text": "SELECT 'a; DROP TABLE orders' FROM orders",
    "comments": "/* ; COPY */ SELECT 1 -- ; DROP\nFROM orders",
}


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_passes(sql: str):
    assert {name.lower() for name in query_check(sql, ["orders", "people"]).tables} <= {"orders", "people"}


def test_tables_are_told_once_each_and_without_ctes():
    sql = "WITH o AS (FROM orders) SELECT * FROM o JOIN people USING (id) JOIN orders USING (id)"
    assert sorted(query_check(sql).tables) == ["orders", "people"]


STATEMENTS = {
    "insert": "INSERT INTO orders VALUES (1)",
    "update": "UPDATE orders SET id = 1",
    "delete": "DELETE FROM orders",
    "merge": "MERGE INTO orders USING people ON orders.id = people.id WHEN MATCHED THEN DELETE",
    "truncate": "TRUNCATE orders",
    "create-table": "CREATE TABLE x AS SELECT 1",
    "create-view": "CREATE OR REPLACE VIEW orders AS SELECT 1",
    "create-macro": "CREATE MACRO f() AS 1",
    "create-secret": "CREATE SECRET (TYPE s3)",
    "drop": "DROP VIEW orders",
    "alter": "ALTER VIEW orders RENAME TO x",
    "copy-to": "COPY orders TO '/tmp/out.csv'",
    "copy-query-to": "COPY (SELECT 1) TO '/tmp/out.parquet'",
    "copy-from": "COPY orders FROM '/etc/passwd'",
    "export": "EXPORT DATABASE '/tmp/out'",
    "import": "IMPORT DATABASE '/tmp/out'",
    "attach": "ATTACH '/tmp/x.db'",
    "attach-memory": "ATTACH ':memory:' AS m",
    "detach": "DETACH memory",
    "use": "USE memory",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "set": "SET memory_limit = '100GB'",
    "set-variable": "SET VARIABLE x = 1",
    "reset": "RESET memory_limit",
    "pragma": "PRAGMA memory_limit = '100GB'",
    "pragma-call": "PRAGMA database_list",
    "call": "CALL pragma_version()",
    "checkpoint": "CHECKPOINT",
    "vacuum": "VACUUM",
    "begin": "BEGIN",
    "prepare": "PREPARE p AS SELECT 1",
    "execute": "EXECUTE p",
    "deallocate": "DEALLOCATE p",
    "explain": "EXPLAIN SELECT 1",
    "explain-analyze": "EXPLAIN ANALYZE SELECT 1",
    "dml-in-cte": "WITH x AS (INSERT INTO orders VALUES (1) RETURNING *) SELECT * FROM x",
    "delete-in-cte": "WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x",
    "show-tables": "SHOW TABLES",
    "show-all-tables": "SHOW ALL TABLES",
    "show-in-from": "SELECT * FROM (SHOW ALL TABLES)",
    "pivot-without-values": "PIVOT orders ON id",
    "select-into": "SELECT 1 INTO x",
    "comment-before-copy": "/* SELECT */ COPY orders TO '/tmp/x'",
}


@pytest.mark.parametrize("sql", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_what_is_no_query_is_refused(sql: str):
    with pytest.raises(QueryError):
        query_check(sql, ["orders", "people"])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; COPY orders TO 'x'",
        "SELECT 1; SELECT 2",
        "COPY orders TO 'x'; SELECT 1",
        "SELECT 1 /* */; -- x\n DROP VIEW orders",
    ],
    ids=["query-then-copy", "two-queries", "copy-then-query", "behind-comments"],
)
def test_several_statements_are_refused(sql: str):
    with pytest.raises(QueryError, match="2 statements"):
        query_check(sql, ["orders"])


OUTSIDE = {
    "read_csv": "SELECT * FROM read_csv('/etc/passwd')",
    "read_csv_auto": "SELECT * FROM read_csv_auto('/etc/passwd')",
    "read_text": "SELECT * FROM read_text('/etc/passwd')",
    "read_blob": "SELECT * FROM read_blob('/etc/passwd')",
    "read_json": "SELECT * FROM read_json('/etc/passwd')",
    "read_parquet": "SELECT * FROM read_parquet('other.parquet')",
    "parquet_scan": "SELECT * FROM parquet_scan('other.parquet')",
    "upper-case": "SELECT * FROM READ_CSV('/etc/passwd')",
    "quoted-name": "SELECT * FROM \"read_csv\"('/etc/passwd')",
    "qualified": "SELECT * FROM main.read_csv('/etc/passwd')",
    "in-subquery": "SELECT (SELECT count(*) FROM read_text('/etc/passwd')) FROM orders",
    "in-cte": "WITH x AS MATERIALIZED (FROM glob('/etc/*')) SELECT 1 FROM orders, x",
    "in-lateral": "SELECT * FROM orders, LATERAL (SELECT * FROM read_text('/etc/passwd'))",
    "glob": "SELECT * FROM glob('/etc/*')",
    "sniff": "SELECT * FROM sniff_csv('/etc/passwd')",
    "metadata": "SELECT * FROM parquet_metadata('other.parquet')",
    "query": "SELECT * FROM query('SELECT 1')",
    "query_table": "SELECT * FROM query_table('orders')",
    "settings": "SELECT * FROM duckdb_settings()",
    "views": "SELECT * FROM duckdb_views()",
    "secrets": "SELECT * FROM duckdb_secrets()",
    "serialized": "SELECT * FROM json_execute_serialized_sql('{}')",
    "getenv": "SELECT getenv('PATH')",
    "getenv-method": "SELECT 'PATH'.getenv()",
    "current_setting": "SELECT current_setting('temp_directory')",
    "file-name": "FROM '/etc/passwd'",
    "relative-file": "FROM '../globex/people.parquet'",
    "http": "FROM 'https://example.com/x.parquet'",
    "s3": "FROM 's3://bucket/x.parquet'",
    "glob-name": "FROM '*.parquet'",
}


@pytest.mark.parametrize("sql", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_looking_outside_is_refused_with_a_clear_sentence(sql: str):
    with pytest.raises(QueryError, match="this tenant's datasets only"):
        query_check(sql, ["orders"])


@pytest.mark.parametrize(
    "name", ["duckdb_views", "information_schema.tables", "pg_catalog.pg_class", "sqlite_master", "other.orders"]
)
def test_the_catalogue_and_other_databases_are_unknown_datasets(name: str):
    with pytest.raises(QueryError, match="no dataset named"):
        query_check(f"SELECT * FROM {name}", ["orders"])


@pytest.mark.parametrize("name", ["duckdb_views", "sqlite_master", "pg_class", "/data/people.parquet", "x.csv"])
@pytest.mark.parametrize(
    "sql",
    [
        'WITH "{0}" AS (SELECT * FROM "{0}") SELECT * FROM "{0}"',
        'SELECT * FROM (WITH "{0}" AS (SELECT 1) FROM "{0}"), "{0}"',
        'WITH RECURSIVE "{0}" AS (SELECT 1 UNION SELECT 1 FROM "{0}") SELECT (FROM "{0}") FROM orders',
    ],
    ids=["in-itself", "beside-its-subquery", "recursive"],
)
def test_with_gives_no_way_to_files_and_catalogue(name: str, sql: str):
    with pytest.raises(QueryError, match="cannot be used after WITH"):
        query_check(sql.format(name), ["orders"])


def test_an_unknown_dataset_is_named_with_a_suggestion():
    with pytest.raises(QueryError, match=r"no dataset named “ordrs”. Did you mean “Orders”") as caught:
        query_check("SELECT *\nFROM ordrs", ["Orders", "people"])
    assert (caught.value.line, caught.value.column) == (2, 6)


@pytest.mark.parametrize(
    ("sql", "line", "column"),
    [
        ("SELEC 1", 1, 1),
        ("SELECT id\nFRM orders x", 2, 5),
        ("SELECT 'é', 1 FRM orders x", 1, 19),
        ("SELECT 1 +", 1, None),
    ],
    ids=["first-word", "second-line", "behind-non-ascii", "unfinished"],
)
def test_a_syntax_error_tells_its_place(sql: str, line: int, column: int | None):
    with pytest.raises(QueryError, match="SQL") as caught:
        query_check(sql, ["orders"])
    assert caught.value.line == line
    assert column is None or caught.value.column == column


@pytest.mark.parametrize(
    "sql", ["", "  \n", "-- only a comment", ";"], ids=["nothing", "blank", "comment", "semicolon"]
)
def test_an_empty_query_says_so(sql: str):
    with pytest.raises(QueryError, match="empty"):
        query_check(sql)


@pytest.mark.parametrize("sql", ["SELECT ?", "SELECT $1", "SELECT $name"], ids=["question-mark", "number", "name"])
def test_placeholders_are_refused(sql: str):
    with pytest.raises(QueryError, match="placeholders"):
        query_check(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(SELECT " * 5000 + "1" + ")" * 5000,
        "SELECT " + "1 + " * 20_000 + "1",
        "SELECT 'x" + "x" * 200_000 + "'",
        "SELECT 1\x00",
    ],
    ids=["nested", "chained", "long", "nul"],
)
def test_monstrous_texts_are_refused(sql: str):
    with pytest.raises(QueryError):
        query_check(sql)
