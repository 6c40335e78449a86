"""Numbers and quantities, written on the wire as plain decimals: no exponent, no noise of binary sums."""

from destinations.preparation.kernels.base import Column, Kernel, Setup
from destinations.preparation.kernels.patterns import PADDED_NUMBER, QUANTITY, WIRE_NUMBER
from destinations.preparation.sql import full, marked, payload, reason, trimmed

WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
HUGE = frozenset({"HUGEINT", "UHUGEINT"})
DIGITS_15 = 999_999_999_999_999
"""Whole numbers up to here are exact in a double."""


def number(column: Column, setup: Setup) -> Kernel:
    """Give an amount ≥ 0 as text of at most 15 significant digits."""
    return _plain(column, column.named("plain"), reason(column.named("answer")))


def quantity(column: Column, setup: Setup) -> Kernel:
    """Give a whole number from 1 to 999,999,999 as text."""
    plain, answer = column.named("plain"), column.named("answer")
    whole = full(plain, QUANTITY)
    bad = f"CASE WHEN coalesce({plain}, {answer}) IS NOT NULL AND ({whole}) IS NOT TRUE THEN 'bad_quantity' END"
    return _plain(column, f"CASE WHEN {whole} THEN {plain} END", bad)


def _plain(column: Column, value: str, bad: str) -> Kernel:
    x, ok, answer, plain = column.raw, column.named("ok"), column.named("answer"), column.named("plain")
    good, fast, text = _by_type(column.native, x)
    careful = f"CASE WHEN {ok} THEN NULL ELSE {_careful(text)} END"
    chosen = f"CASE WHEN {ok} THEN {fast} WHEN {marked(answer, '=')} THEN {payload(answer)} END"
    named = {column.named("value"): value, column.named("bad"): bad}
    return Kernel(({ok: good}, {answer: careful}, {plain: chosen}, named), column.named("value"), column.named("bad"))


def _careful(text: str) -> str:
    padded = f"CASE WHEN {full(text, PADDED_NUMBER)} THEN '=' || rtrim(rtrim({text}, '0'), '.') "
    return padded + f"ELSE careful_number({trimmed(text)}) END"


def _by_type(native: str, x: str) -> tuple[str, str, str]:
    """Say for a type: when it is exact as it is, its text then, and the text that the careful path reads."""
    if native in WHOLE:
        return f"{x} BETWEEN 0 AND {DIGITS_15}", f"{x}::VARCHAR", f"{x}::VARCHAR"
    if native in ("DOUBLE", "FLOAT"):
        # Asked first: from a file's statistics, which leave NaN out, the engine may take the range for granted.
        exact = f"isfinite({x}) AND ({x} = 0 OR {x} BETWEEN 0.001 AND 999999999 AND round({x}, 6) = {x})"
        if native == "FLOAT":
            exact = "false"
        whole = f"CASE WHEN {x} = floor({x}) THEN try_cast({x} AS BIGINT)::VARCHAR ELSE {x}::VARCHAR END"
        return exact, whole, f"{x}::VARCHAR"
    text = x if native == "VARCHAR" else f"{x}::VARCHAR"
    return full(text, WIRE_NUMBER), text, text
