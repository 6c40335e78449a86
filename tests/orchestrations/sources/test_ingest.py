"""Taking CSV in: dialects, encodings, types; and what is said of a broken file."""

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from orchestrations.sources import DatasetError, dataset_import

DIALECTS = {
    "comma": ("a,b\n1,x\n", [{"a": 1, "b": "x"}]),
    "semicolon": ("a;b\n1;x,y\n", [{"a": 1, "b": "x,y"}]),
    "tab": ("a\tb\n1\tx;y\n", [{"a": 1, "b": "x;y"}]),
    "bar": ("a|b\n1|x\n", [{"a": 1, "b": "x"}]),
    "crlf": ("a,b\r\n1,x\r\n", [{"a": 1, "b": "x"}]),
    "cr": ("a,b\r1,x\r", [{"a": 1, "b": "x"}]),
    "no-last-newline": ("a,b\n1,x", [{"a": 1, "b": "x"}]),
    "blank-lines": ("a,b\n\n1,x\n\n", [{"a": 1, "b": "x"}]),
    "quoted-delimiter": ('a,b\n1,"x, y"\n', [{"a": 1, "b": "x, y"}]),
    "quoted-newline": ('a,b\n1,"x\ny"\n', [{"a": 1, "b": "x\ny"}]),
    "doubled-quotes": ('a,b\n1,"x ""q"""\n', [{"a": 1, "b": 'x "q"'}]),
    "escaped-quotes": ('a,b\n1,"x \\"q\\""\n', [{"a": 1, "b": 'x "q"'}]),
    "backslash-at-end": ('a,b\n1,"C:\\"\n2,"x ""y"""\n', [{"a": 1, "b": "C:\\"}, {"a": 2, "b": 'x "y"'}]),
    "single-quotes": ("a,b\n1,'x,y'\n2,'z'\n3,'z'\n", [{"a": 1, "b": "x,y"}, {"a": 2, "b": "z"}, {"a": 3, "b": "z"}]),
    "apostrophe": ("a,b\n1,'t is\n", [{"a": 1, "b": "'t is"}]),
    "empty-is-null": ('a,b\n,""\n1,x\n', [{"a": None, "b": None}, {"a": 1, "b": "x"}]),
    "one-column": ("email\nada@x.com\n", [{"email": "ada@x.com"}]),
    "no-header": (
        "1,ada@x.com\n2,b@x.com\n",
        [{"column1": 1, "column2": "ada@x.com"}, {"column1": 2, "column2": "b@x.com"}],
    ),
    "no-header-one-column": ("ada@x.com\nb@x.com\n", [{"column1": "ada@x.com"}, {"column1": "b@x.com"}]),
    "nameless-column": ("a,,c\n1,2,3\n", [{"a": 1, "column2": 2, "c": 3}]),
    "blanks-around-names": (" a , b \n1,x\n", [{"a": 1, "b": "x"}]),
}


@pytest.mark.parametrize(("content", "rows"), DIALECTS.values(), ids=DIALECTS.keys())
def test_a_dialect_is_detected(take: Callable, content: str, rows: list[dict[str, object]]):
    assert take(content)[1] == rows


@pytest.mark.parametrize(
    ("encoded", "encoding"),
    [
        ("a,b\n1,é€\n".encode(), "utf-8"),
        ("a,b\n1,é€\n".encode("utf-8-sig"), "utf-8"),
        ("a,b\n1,é€\n".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "a,b\n1,é€\n".encode("utf-16-be"), "utf-16"),
        ("a,b\n1,é€\n".encode("utf-16-le"), "utf-16-le"),
        ("a,b\n1,é€\n".encode("cp1252"), "cp1252"),
        (gzip.compress("a,b\n1,é€\n".encode("utf-16")), "utf-16"),
        (gzip.compress("a,b\n1,é€\n".encode("cp1252")), "cp1252"),
    ],
    ids=[
        "utf-8",
        "utf-8-bom",
        "utf-16-le-bom",
        "utf-16-be-bom",
        "utf-16-bare",
        "windows",
        "gzip-utf-16",
        "gzip-windows",
    ],
)
def test_an_encoding_is_detected(take: Callable, encoded: bytes, encoding: str):
    info, rows = take(encoded)
    assert rows == [{"a": 1, "b": "é€"}]
    assert info.dialect.endswith(encoding)


TYPES = {
    "integer": ("n", ["1", "-20", "999999999999999"], "BIGINT"),
    "decimal": ("price", ["19.90", "5", "0.125"], "DECIMAL(18,3)"),
    "double": ("score", ["0.14285714285714285", "1e-05"], "DOUBLE"),
    "boolean": ("flag", ["true", "False"], "BOOLEAN"),
    "date": ("day", ["2026-01-31", "2025-12-01"], "DATE"),
    "timestamp": ("at", ["2026-01-31 10:00", "2026-01-31T10:00:00.5"], "TIMESTAMP"),
    "zoned": ("at", ["2026-01-31T10:00:00Z", "2026-01-31 10:00:00+02:00"], "TIMESTAMP WITH TIME ZONE"),
    "no-such-day": ("day", ["2026-01-31", "2026-02-30"], "VARCHAR"),
    "mixed-zones": ("at", ["2026-01-31T10:00:00Z", "2026-01-31T10:00:00"], "VARCHAR"),
    "leading-zero": ("n", ["7", "007"], "VARCHAR"),
    "leading-plus": ("n", ["+49123456", "1"], "VARCHAR"),
    "sixteen-digits": ("n", ["1234567890123456"], "VARCHAR"),
    "nineteen-digits": ("n", ["7654321098765432109", "1"], "VARCHAR"),
    "digits-and-exponent": ("n", ["12e4", "1"], "VARCHAR"),
    "thousands": ("n", ["1,000.00"], "VARCHAR"),
    "currency": ("n", ["$5"], "VARCHAR"),
    "padded": ("n", [" 5"], "VARCHAR"),
    "not-a-number": ("n", ["1.5", "nan"], "VARCHAR"),
    "hash": ("h", ["5e884898da28047151d0e56f8dc62927"], "VARCHAR"),
    "order-id": ("order_id", ["1001", "1002"], "VARCHAR"),
    "order-number": ("orderNumber", ["1001"], "VARCHAR"),
    "phone": ("phone_2", ["5551234567"], "VARCHAR"),
    "zip": ("ZIP", ["10115"], "VARCHAR"),
    "sku": ("sku", ["1001"], "VARCHAR"),
    "order-value": ("order_value", ["10.5"], "DECIMAL(18,1)"),
    "paid-is-no-id": ("paid", ["10"], "BIGINT"),
    "nothing": ("n", ["", ""], "VARCHAR"),
}


@pytest.mark.parametrize(("name", "cells", "kind"), TYPES.values(), ids=TYPES.keys())
def test_a_type_is_detected(take: Callable, name: str, cells: list[str], kind: str):
    info, _ = take(f"{name};other\n" + "".join(f'"{cell}";x\n' for cell in cells))
    assert info.columns[0].type == kind


def test_typed_values_are_exact(take: Callable):
    _, rows = take("id,price,day,at\n7654321098765432109,19.90,2026-01-31,2026-01-31T10:00:00+02:00\n")
    at = datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert rows == [{"id": "7654321098765432109", "price": Decimal("19.90"), "day": date(2026, 1, 31), "at": at}]


def test_the_last_row_counts_as_much_as_the_first(take: Callable):
    info, rows = take("a,b\n" + "1,2\n" * 30_000 + "007,x\n")
    assert [column.type for column in info.columns] == ["VARCHAR", "VARCHAR"]
    assert rows[-1] == {"a": "007", "b": "x"}


def test_the_order_of_rows_is_kept(take: Callable, tmp_path: Path):
    _, rows = take("n,text\n" + "".join(f"{number},{'x' * 40}\n" for number in range(250_000)))
    assert [row["n"] for row in rows] == list(range(250_000))
    assert pq.read_metadata(tmp_path / "stored" / "dataset.parquet").num_row_groups >= 2


def test_the_same_file_gives_the_same_bytes(tmp_path: Path):
    source = tmp_path / "upload"
    source.write_text("a,b\n" + "".join(f"{number},{number % 7}\n" for number in range(10_000)))
    for name in ("one", "two"):
        dataset_import(source, tmp_path / name, filename="x.csv")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_answer_tells_what_was_found(take: Callable, tmp_path: Path):
    info, _ = take("email;n\nada@x.com;1\n")
    assert (info.format, info.dialect, info.rows) == ("csv", 'semicolon, quotes ", with header, utf-8', 1)
    assert info.bytes == (tmp_path / "stored" / "dataset.parquet").stat().st_size


@pytest.mark.parametrize(
    ("content", "personal"),
    [
        ("email,n\nx,1\n", ["email"]),
        ("contact,n\nada@x.com,1\n", ["contact"]),
        ("contact,n\n+49 30 1234567,1\n", ["contact"]),
        ("note,n\nsent to ada@x.com on Monday,1\n", ["note"]),
        ('{"buyer": {"mail": "ada@x.com"}, "n": 1}\n', ["buyer"]),
        ('{"buyers": ["+49301234567"], "codes": ["A1"]}\n', ["buyers"]),
    ],
    ids=["by-name", "by-address", "by-number", "within-a-text", "nested", "in-a-list"],
)
def test_personal_data_is_guessed_by_name_and_by_value(take: Callable, content: str, personal: list[str]):
    assert [column.name for column in take(content)[0].columns if column.pii_guess] == personal


BROKEN = {
    "empty": ("", "is empty", None),
    "blank": ("\n \n", "is empty", None),
    "header-only": ("a,b\n", "no rows", None),
    "too-few-cells": ("a,b\n1,2\n3\n", "Line 3 has 1 cell where the first line has 2", 3),
    "too-many-cells": ("a,b\n1,2\n3,4,5\n", "Line 3 has 3 cells", 3),
    "open-quote": ('a,b\n1,2\n3,"4\n', "quote that opens on line 3", 3),
    "text-behind-quote": ('a,b\n1,"2"x\n', "line 2", 2),
    "twin-names": ("a,b,A\n1,2,3\n", "Two columns are named “A”", 1),
    "long-line": ("a,b\n1," + "x" * 5_000_000 + "\n", "Line 2 is longer", 2),
    "broken-utf-8": ("a,b\n1,é\n2,".encode() + b"\xff\n", "Line 3 holds bytes that are not valid UTF-8", 3),
    "broken-utf-16": ("a,b\n1,é\n".encode("utf-16") + b"\x00", "not valid UTF-16", 3),
    "nul": ("a,b\n1,2\n" + "3,4\n" * 2000 + "5,\x00\n", "Line 2003 holds a NUL|binary", None),
    "binary": (bytes(range(256)) * 20, "binary|damaged", None),
    "too-many-columns": (
        ",".join(f"c{n}" for n in range(1500)) + "\n" + ",".join("1" * 1500) + "\n",
        "1,500 columns",
        None,
    ),
}


@pytest.mark.parametrize(("content", "says", "line"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_with_its_line(
    take: Callable, tmp_path: Path, content: bytes | str, says: str, line: int | None
):
    with pytest.raises(DatasetError, match=says) as caught:
        take(content)
    assert caught.value.hint
    assert line is None or caught.value.line == line
    assert list((tmp_path / "stored").iterdir()) == []


def test_an_error_quotes_no_cells(take: Callable):
    with pytest.raises(DatasetError) as caught:
        take('email,n\nada@x.com,1\n"bob@x.com"x,2,3\n')
    shown = f"{caught.value!r} {caught.value.detail} {caught.value.__cause__!r}"
    assert "bob@" not in shown


def test_a_failed_import_leaves_the_old_dataset_alone(take: Callable, tmp_path: Path):
    take("a,b\n1,2\n")
    with pytest.raises(DatasetError):
        take("a,b\n1\n")
    assert pq.read_table(tmp_path / "stored" / "dataset.parquet").to_pylist() == [{"a": 1, "b": 2}]
