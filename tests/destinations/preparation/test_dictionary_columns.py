"""Engines run expressions on values that a CASE should keep from them: no value may fail the query."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from destinations.preparation.contract import Context
from destinations.preparation.events import prepare
from destinations.specs.events import SPEC
from tests.destinations.preparation.helpers import NOW, collected, default_settings, described, good_row, table_of

ROWS = 6_000
VALUES = {
    "DOUBLE": ["'nan'", "'inf'", "'-inf'", "'-0.0'", "1e300", "-1e300", "5e-324", "1772359200.5", "0.1", "NULL"],
    "FLOAT": ["'nan'", "'inf'", "3e38", "0.1", "1", "NULL"],
    "BIGINT": ["-9223372036854775808", "9223372036854775807", "0", "-1", "1772359200", "NULL"],
    "UBIGINT": ["18446744073709551615", "0", "1772359200"],
    "HUGEINT": ["-170141183460469231731687303715884105728", "170141183460469231731687303715884105727", "1"],
    "DECIMAL(38,10)": ["-9999999999999999999999999999", "9999999999999999999999999999.5", "1772359200", "0.5"],
    "TIMESTAMP": ["'infinity'", "'-infinity'", "'294247-01-01'", "'2026-03-01'", "'0044-03-15 (BC)'", "NULL"],
    "TIMESTAMP WITH TIME ZONE": ["'infinity'", "'-infinity'", "'294247-01-01'", "'2026-03-01 10:00:00+02'"],
    "TIMESTAMP_S": ["'infinity'", "'290000-01-01'", "'2026-03-01'"],
    "DATE": ["'infinity'", "'-infinity'", "'5881580-07-10'", "'2026-03-01'", "NULL"],
    "BOOLEAN": ["true", "false", "NULL"],
    "TIME": ["'24:00:00'", "'10:00'"],
    "UUID": ["'f47ac10b-58cc-4372-a567-0e02b2c3d479'"],
    "VARCHAR": [
        "'9999-99-99T99:99:99Z'", "'2026-02-30T10:00:00+14:59'", "'999999999999999999'", "'1e9999'", "'1772359200'",
        "'+'", "'-'", "'@'", "'\u00e9@\u00e9'", "chr(0)", "repeat('9', 5000)", "repeat('a@', 300)", "''",
    ],
}  # fmt: skip
COLUMNS = ["timestamp", "price", "quantity", "value", "email", "phone", "external_id", "event", "event_id", "currency"]


@pytest.mark.parametrize("source", ["web", "offline"])
@pytest.mark.parametrize("kind", VALUES)
def test_no_value_fails_the_query(kind: str, source: str, tmp_path: Path) -> None:
    con = duckdb.connect()
    choices, size = f"([{', '.join(VALUES[kind])}]::{kind}[])", len(VALUES[kind])
    columns = ", ".join(f'{choices}[(i // {n + 1}) % {size} + 1] AS "{name}"' for n, name in enumerate(COLUMNS))
    path = tmp_path / "rows.parquet"
    con.execute(f"COPY (SELECT i + 1 AS _row, {columns} FROM range({ROWS}) t(i)) TO '{path}'")
    relation = f"read_parquet('{path}')"
    names = {name: kind for name, kind in described(con, relation).items() if name != "_row"}
    context = Context(NOW, "America/New_York", "US", SPEC.limits)
    settings = default_settings(source, fixed_event_name="Lead")
    outcome = collected(prepare(con, relation, names, spec=SPEC, settings=settings, context=context))
    sent = [row for body in outcome.rows for _, row in body]
    gone = [row for row, _, _, _, level in outcome.issues if level != "warning"]
    assert sorted(sent + gone) == list(range(1, ROWS + 1))


def test_nan_beyond_a_file_s_statistics_is_a_bad_number(tmp_path: Path) -> None:
    values = [float(n % 90) + 0.5 for n in range(3000)]
    values[7], values[8] = float("nan"), -5.0
    rows = [good_row(event_id=str(n), value=value) for n, value in enumerate(values)]
    pq.write_table(table_of(rows), tmp_path / "rows.parquet")
    con = duckdb.connect()
    source = f"read_parquet('{tmp_path}/rows.parquet', file_row_number = true)"
    relation = f"(SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS _row FROM {source})"
    names = {name: kind for name, kind in described(con, relation).items() if name != "_row"}
    context = Context(NOW, "UTC", None, SPEC.limits)
    outcome = collected(prepare(con, relation, names, spec=SPEC, settings=default_settings("offline"), context=context))
    assert outcome.reasons == [(8, "bad_number", "reject"), (9, "negative_number", "reject")]
