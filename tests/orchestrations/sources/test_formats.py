"""Recognising files by their bytes: JSON, Parquet, gzip, and what is none of ours."""

import gzip
import io
import zipfile
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrations.sources import DatasetError


def parquet(table: pa.Table) -> bytes:
    """Write a table as Parquet bytes."""
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


ORDERS = parquet(pa.table({"id": [1, 2], "email": ["ada@x.com", ""]}))
BY_CONTENT = {
    "parquet-named-csv": (ORDERS, "orders.csv", "parquet"),
    "parquet-in-gzip": (gzip.compress(ORDERS), "orders.parquet", "parquet"),
    "csv-named-parquet": ("id,email\n1,ada@x.com\n", "orders.parquet", "csv"),
    "csv-in-gzip": (gzip.compress(b"id,email\n1,ada@x.com\n"), "orders.csv", "csv"),
    "tsv-named-txt": ("id\temail\n1\tada@x.com\n", "orders.txt", "tsv"),
    "json-lines-named-csv": ('{"id": 1, "email": "ada@x.com"}\n', "orders.csv", "json"),
    "json-lines-in-gzip": (gzip.compress(b'{"id": 1, "email": "ada@x.com"}\n'), "orders", "json"),
    "json-array": ('[{"id": 1, "email": "ada@x.com"}]', "orders.json", "json"),
    "json-spread": ('{\n  "id": 1,\n  "email": "ada@x.com"\n}\n', "orders.json", "json"),
    "json-with-mark": ('\ufeff{"id": 1, "email": "ada@x.com"}', "orders.json", "json"),
}


@pytest.mark.parametrize(("content", "name", "kind"), BY_CONTENT.values(), ids=BY_CONTENT.keys())
def test_the_content_decides_what_a_file_is(take: Callable, content: bytes | str, name: str, kind: str):
    info, rows = take(content, name)
    assert info.format == kind
    assert [column.name for column in info.columns] == ["id", "email"]
    assert rows[0]["email"] == "ada@x.com"


def test_parquet_keeps_types_and_empty_texts(take: Callable):
    table = pa.table({"id": pa.array([7654321098765432109]), "email": [""], "tags": [["a"]]})
    assert take(parquet(table))[1] == [{"id": 7654321098765432109, "email": "", "tags": ["a"]}]


JSON = {
    "big-integer": ('{"id": 7654321098765432109}', "VARCHAR", "7654321098765432109"),
    "very-big-integer": ('{"n": 123456789012345678901234567890}', "VARCHAR", "123456789012345678901234567890"),
    "integer": ('{"n": 5}', "BIGINT", 5),
    "decimal": ('{"n": 19.90}', "DECIMAL(18,1)", Decimal("19.9")),
    "text-number": ('{"n": "0012"}', "VARCHAR", "0012"),
    "text-integer": ('{"n": "12"}', "VARCHAR", "12"),
    "boolean": ('{"n": true}', "BOOLEAN", True),
    "null": ('{"n": null}', "VARCHAR", None),
    "nested": ('{"n": {"a": [1, "x"]}}', "VARCHAR", '{"a":[1,"x"]}'),
    "escaped": ('{"n": "a\\u00e9\\n\\"q\\""}', "VARCHAR", 'aé\n"q"'),
    "mixed": ('{"n": 1}\n{"n": "x"}', "VARCHAR", "1"),
}


@pytest.mark.parametrize(("content", "kind", "value"), JSON.values(), ids=JSON.keys())
def test_json_values_are_typed_without_loss(take: Callable, content: str, kind: str, value: object):
    info, rows = take(content)
    assert info.columns[0].type == kind
    assert next(iter(rows[0].values())) == value


def test_json_keys_that_appear_late_are_columns_too(take: Callable):
    info, rows = take('{"a": 1}\n' * 30_000 + '{"b": 2}\n')
    assert [column.name for column in info.columns] == ["a", "b"]
    assert rows[-1] == {"a": None, "b": 2}


BROKEN = {
    "cut-line": ('{"a": 1}\n{"a":\n', "Line 2 is not a JSON object", 2),
    "list-line": ('{"a": 1}\n[1]\n', "Line 2 is not a JSON object", 2),
    "number-line": ('{"a": 1}\n\n5\n', "Line 3 is not a JSON object", 3),
    "cut-array": ('[{"a": 1}, {"a": 2]', "not valid JSON", None),
    "array-of-numbers": ('[{"a": 1}, 5]', "not made of objects", None),
    "empty-array": ("[]", "not made of objects", None),
    "empty-object": ("{}", "not made of objects", None),
    "twin-keys": ('{"Email": 1, "email": 2}\n', "Two columns are named", 1),
    "cut-parquet": (ORDERS[:-9], "damaged or was cut off", None),
    "empty-parquet": (parquet(pa.table({"a": pa.array([], pa.int64())})), "no rows", None),
    "twin-columns": (parquet(pa.table({"a": [1], "A": [2]})), "Two columns are named", 1),
    "cut-gzip": (gzip.compress(b"a,b\n1,2\n" * 100)[:-9], "gzip file is damaged", None),
    "false-gzip": (b"\x1f\x8b and nothing else", "gzip file is damaged", None),
    "twice-gzip": (gzip.compress(gzip.compress(b"a,b\n1,2\n")), "compressed twice", None),
    "empty-gzip": (gzip.compress(b""), "is empty", None),
    "web-page": ("<!DOCTYPE html><html></html>", "web page", None),
    "pdf": (b"%PDF-1.7\n", "PDF", None),
    "old-excel": (b"\xd0\xcf\x11\xe0" + b"\x00" * 100, "Excel", None),
}


@pytest.mark.parametrize(("content", "says", "line"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_or_foreign_file_is_refused(take: Callable, content: bytes | str, says: str, line: int | None):
    with pytest.raises(DatasetError, match=says) as caught:
        take(content)
    assert caught.value.hint
    assert caught.value.line == line


def test_a_workbook_is_named_as_such(take: Callable):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(DatasetError, match="ZIP archive or an Excel workbook"):
        take(sink.getvalue(), "orders.csv")


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n" + b"1,2\n" * 300_000,
        gzip.compress(b"a,b\n" + b"1,2\n" * 3_000_000),
        gzip.compress(b"\x00" * 50_000_000),
    ],
    ids=["large-file", "bomb-of-rows", "bomb-of-zeros"],
)
def test_a_file_that_holds_too_much_is_refused(take: Callable, content: bytes):
    with pytest.raises(DatasetError, match=r"more than 1 MB|binary"):
        take(content, max_bytes=1_000_000)


def test_a_parquet_bomb_is_refused(take: Callable):
    bomb = parquet(pa.table({"a": ["x" * 1_000_000] * 100}).combine_chunks())
    plain = io.BytesIO()
    pq.write_table(
        pa.table({"a": [f"{n}" + "x" * 1_000_000 for n in range(100)]}), plain, compression="zstd", use_dictionary=False
    )
    assert len(bomb) < len(plain.getvalue()) * 100
    with pytest.raises(DatasetError, match="far more than is allowed"):
        take(plain.getvalue(), max_bytes=len(plain.getvalue()) + 1)


def test_personal_data_within_nested_columns_is_found(take: Callable):
    table = pa.table({"who": [{"phone": "x", "n": 1}], "list": [["ada@x.com"]], "tags": [["a"]], "box": [{"w": 1}]})
    assert [column.name for column in take(parquet(table))[0].columns if column.pii_guess] == ["who", "list"]
