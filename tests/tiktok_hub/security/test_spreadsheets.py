"""No cell of a download runs in a spreadsheet."""

import csv
import io

import pyarrow as pa
import pytest

from tiktok_hub.spreadsheets import cell, column, csv_lines

CELLS = {
    "formula": ("=1+1", "'=1+1"),
    "plus": ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
    "minus": ("-1+1", "'-1+1"),
    "at": ("@SUM(A1)", "'@SUM(A1)"),
    "full width": ("＝1+1", "'＝1+1"),
    "full-width at": ("＠SUM", "'＠SUM"),
    "tab before": ("\t=1", "'\t=1"),
    "line break before": ("\r\n=1", "'\r\n=1"),
    "blanks before": ("  =1", "'  =1"),
    "tab alone": ("\tx", "'\tx"),
    "after a semicolon": ("a;=1", "a;'=1"),
    "after a comma and a blank": ("a, =1", "a,' =1"),
    "after quotes": ('a"=1', "a\"'=1"),
    "second line": ("a\n=1", "a\n'=1"),
    "words": ("Ada Lovelace", "Ada Lovelace"),
    "e-mail": ("a***@acme.example", "a***@acme.example"),
    "dashes inside": ("2026-01-02", "2026-01-02"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "safe"), CELLS.values(), ids=CELLS)
def test_a_text_runs_in_no_spreadsheet(text, safe):
    assert cell(text) == safe


@pytest.mark.parametrize(("text", "safe"), CELLS.values(), ids=CELLS)
def test_a_column_runs_in_no_spreadsheet(text, safe):
    assert column(pa.chunked_array([[text]])).to_pylist() == [safe]


@pytest.mark.parametrize(("value", "shown"), [(-5, -5), (-0.5, -0.5), (None, "")])
def test_numbers_and_nothing_stay(value, shown):
    assert cell(value) == shown


def test_a_whole_file_can_be_read_back():
    rows = [(number, f"=row {number}", None) for number in range(1200)]
    pieces = list(csv_lines(("id", "name", "note"), rows))
    read = list(csv.reader(io.StringIO("".join(pieces))))
    assert len(pieces) == 3
    assert read[0] == ["id", "name", "note"]
    assert read[-1] == ["1199", "'=row 1199", ""]
