"""Timestamps: ISO 8601, Unix seconds to nanoseconds, and SQL's own types, floored to epoch seconds.

A naive time lies in the tenant's zone; the hour that happens twice is the first of the two, the hour that is skipped is
shifted forward. Engines disagree on both, so offsets come from a table of the zone's changes.
"""

from destinations.preparation.kernels.base import Column, Kernel, Setup
from destinations.preparation.kernels.numbers import HUGE, WHOLE
from destinations.preparation.kernels.patterns import ISO, UNIX
from destinations.preparation.sql import full, marked, payload, trimmed

FUTURE = 600
"""Seconds a clock may run ahead."""


def timestamp(column: Column, setup: Setup) -> Kernel:
    """Give epoch seconds, and why they cannot be sent: unreadable, in the future, too old."""
    native = column.native
    if native == "VARCHAR":
        layers, seconds = _text(column, setup)
    elif native == "TIMESTAMP WITH TIME ZONE":
        layers, seconds = [{}, {}], _floor(column.raw)
    elif native in ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE"):
        local = column.named("local")
        layers, seconds = (
            [{local: _floor(f"try_cast({column.raw} AS TIMESTAMP)")}, {}],
            f"{local} - {setup.offset(local)}",
        )
    else:
        layers, seconds = [{}, {}], _unix(column.raw, native)
    value, bad, read = column.named("value"), column.named("bad"), column.named("read")
    given = (
        column.raw if native != "VARCHAR" else f"coalesce({column.named('local')}::VARCHAR, {column.named('answer')})"
    )
    late = f"""CASE WHEN {read} BETWEEN {setup.now - setup.max_age} AND {setup.now + FUTURE} THEN NULL
        WHEN {read} > {setup.now + FUTURE} THEN 'timestamp_in_future' WHEN {read} IS NOT NULL THEN 'timestamp_too_old'
        WHEN {given} IS NOT NULL THEN 'bad_timestamp' END"""
    return Kernel(
        (*layers, {read: seconds}, {bad: late}, {value: f"CASE WHEN {bad} IS NULL THEN {read} END"}), value, bad
    )


def _text(column: Column, setup: Setup) -> tuple[list[dict[str, str]], str]:
    x, ok, local, answer = column.raw, column.named("ok"), column.named("local"), column.named("answer")
    whole = f"epoch_us(try_cast(substr({x}, 1, 19) AS TIMESTAMP)) // 1000000"
    unix = f"CASE WHEN {full(x, UNIX)} THEN '=' || ({_magnitude(f'try_cast({x} AS BIGINT)')})"
    careful = f"{unix} ELSE careful_timestamp({trimmed(x)}) END"
    # A clean form with an impossible date (30 February) has no local time, and ends as a bad answer.
    steps = [
        {ok: full(x, ISO)},
        {local: f"CASE WHEN {ok} THEN {whole} END", answer: f"CASE WHEN {ok} THEN '!' ELSE {careful} END"},
    ]
    shift = f"(try_cast({x}[-5:-4] AS BIGINT) * 3600 + try_cast({x}[-2:] AS BIGINT) * 60)"
    naive = f"try_cast({payload(answer)} AS BIGINT)"
    seconds = f"""CASE WHEN {ok} THEN CASE WHEN ends_with({x}, 'Z') THEN {local}
            WHEN {x}[-6] = '+' THEN {local} - {shift}
            WHEN {x}[-6] = '-' THEN {local} + {shift}
            ELSE {local} - {setup.offset(local)} END
        WHEN {marked(answer, "=")} THEN {naive}
        WHEN {marked(answer, "~")} THEN {naive} - {setup.offset(naive)} END"""
    return steps, seconds


def _floor(moment: str) -> str:
    """Floor a moment to epoch seconds; NULL where it is infinite."""
    return f"CASE WHEN isfinite({moment}) THEN epoch_us({moment}) // 1000000 END"


def _unix(x: str, native: str) -> str:
    if native in WHOLE | HUGE:
        return _magnitude(f"try_cast({x} AS BIGINT)")
    return _magnitude(f"try_cast(floor({x}) AS BIGINT)")


def _magnitude(x: str) -> str:
    """Tell seconds, ms, µs and ns apart: seconds have at most 11 digits until the year 5138."""
    whens = [
        f"WHEN {x} BETWEEN {1 - limit} AND {limit - 1} THEN {x} // {unit}"
        for unit, limit in ((1, 10**11), (1000, 10**14), (10**6, 10**17), (10**9, 9 * 10**18))
    ]
    return f"CASE {' '.join(whens)} END"
