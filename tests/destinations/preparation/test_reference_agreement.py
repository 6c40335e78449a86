"""Over generated dirty rows, columns and the plain Python reference give the same bytes and the same issues."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.preparation.contract import Limits
from tests.benchmark import reference
from tests.destinations.preparation.helpers import NOW, PIXEL, SET, Outcome, default_settings, prepare_table, table_of

HASH = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
LIMITS = Limits(rows_per_request=4, bytes_per_request=2_500)

blank = st.sampled_from([None, "", " ", "\u00a0\t"])
free = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def near(*values: str) -> st.SearchStrategy[str | None]:
    """Draw one of the values, mostly as it is, else blank, padded or arbitrary."""
    good = st.sampled_from(values)
    return st.one_of(good, good, good, blank, good.map(lambda text: f" {text}\u2003"), good.map(str.swapcase), free)


moments = st.integers(NOW - 30 * 86400, NOW + 2000)
written_moments = st.one_of(
    moments.map(lambda s: datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
    moments.map(lambda s: datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")),
    moments.map(lambda s: datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%dT%H:%M:%S-05:30")),
    moments.map(lambda s: datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%d %H:%M+0200")),
    moments.map(lambda s: datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%d")),
    moments.map(str),
    moments.map(lambda s: str(s * 1000 + 7)),
    near("2026-02-30T10:00:00Z", "2026-03-01T24:00:00", "infinity", "1e3", "-5", "2026-03-01T10:00:00+15:00"),
)
numbers = st.one_of(
    near(
        "1", "10.50", "0.1", "1e3", "-3", "$5", "1,5", "nan", "1e-7", "0.30000000000000004", "1e17", "99999999999.999"
    ),
    st.floats(width=32).map(str),
    st.decimals(0, 1000, places=2).map(str),
)
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "event": near("Purchase", "Purchase", "Lead", "AddToCart", "CompletePayment", "loyalty"),
    "timestamp": written_moments,
    "event_id": st.one_of(st.none(), st.sampled_from("abc"), near("d", "e")),
    "email": near("a@example.com", "Jane.Doe+vip@Gmail.com", "b@münchen.de", "a..b@x.com", "a@b", HASH, HASH.upper()),
    "phone": near("+12133734253", "(555) 555-5555", "0612345678", "0044 20 7946 0018", "+44 (0)20 7946 0018", "12345"),
    "external_id": near("user_123", "C-1", HASH),
    "country": near("US", "FR", "USA", "XX"),
    "event_source": near("web", "offline"),
    "event_set_id": near(SET, PIXEL),
    "content_id": near("sku-1", "sku-2"),
    "content_name": free,
    "brand": near('O\'Neil "x" \\', "Brøther"),
    "price": numbers,
    "quantity": st.one_of(near("1", "2", "3.0", "0", "1.5"), st.integers(-1, 5).map(str)),
    "content_type": near("product", "product_group", "sku"),
    "currency": near("USD", "EUR", "BGN", "US$"),
    "value": st.one_of(st.none(), numbers),
    "order_id": near("o1", "o2"),
    "shop_id": near("s1"),
    "description": free,
    "query": near("shoes"),
    "event_channel": near("in_store", "email", "fax"),
    "ip": near("1.2.3.4", "2001:db8::1", "::ffff:1.2.3.4", "256.1.1.1"),
    "agent": free,
    "tiktok_click_id": near("E.C.P.x"),
    "cookie_id": near("ttp"),
    "locale": near("en", "en_US", "zh-Hant-TW", "e"),
    "page_url": near("https://a.example/?x=1", "shop"),
    "referrer_url": near("https://b.example/", "android-app://x", "b"),
    "limited_data_use": near("yes", "0", "TRUE", "maybe"),
    "note": near("ignored", "too"),
}
MAIN = ("event", "timestamp", "event_id", "email")


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Draw a table of text columns, with some rows given twice."""
    chosen = draw(st.sets(st.sampled_from([name for name in COLUMNS if name not in MAIN]), max_size=12))
    names = [name for name in COLUMNS if name in chosen or name in MAIN]
    rows = draw(st.lists(st.fixed_dictionaries({name: COLUMNS[name] for name in names}), min_size=1, max_size=14))
    again = draw(st.lists(st.sampled_from(rows), max_size=4))
    order = draw(st.permutations(rows + again))
    return pa.table({name: pa.array([row[name] for row in order], pa.string()) for name in names})


def expected(table: pa.Table, source: str, **more: Any) -> reference.Outcome:
    made = default_settings(source, **more.get("settings", {}))
    rules = reference.Rules(
        source,
        str(made["event_source_id"]),
        NOW,
        "America/New_York",
        more.get("country"),
        fixed_event=made.get("fixed_event_name"),  # type: ignore[arg-type]
        page_url=made.get("default_page_url"),  # type: ignore[arg-type]
        limited=bool(made.get("limited_data_use")),
        rows_per_request=LIMITS.rows_per_request,
        bytes_per_request=LIMITS.bytes_per_request,
    )
    return reference.prepare(table.to_pylist(), rules)


def assert_agreement(table: pa.Table, source: str, **more: Any) -> None:
    got: Outcome = prepare_table(
        table,
        source,
        country=more.get("country"),
        time_zone="America/New_York",
        limits=LIMITS,
        **more.get("settings", {}),
    )
    want = expected(table, source, **more)
    assert sorted(got.issues, key=repr) == sorted(want.issues, key=repr)
    assert got.bodies == want.bodies
    assert got.rows == want.rows
    assert_counts(got, table.num_rows)


def assert_counts(outcome: Outcome, selected: int) -> None:
    """Every row is in exactly one place."""
    sent = [row for body in outcome.rows for _, row in body]
    out = [row for row, _, _, _, level in outcome.issues if level in ("reject", "duplicate")]
    assert sorted(sent + out) == list(range(1, selected + 1))


@settings(max_examples=60, deadline=None)
@given(
    table=tables(),
    source=st.sampled_from(["web", "offline"]),
    country=st.sampled_from([None, "US", "FR"]),
    fixed=st.sampled_from([None, "Lead"]),
    limited=st.booleans(),
)
def test_columns_agree_with_the_reference(
    table: pa.Table, source: str, country: str | None, fixed: str | None, limited: bool
) -> None:
    assert_agreement(table, source, country=country, settings={"fixed_event_name": fixed, "limited_data_use": limited})


typed_rows = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["Purchase", "Lead"]),
        "timestamp": st.one_of(st.none(), st.datetimes(datetime(2026, 1, 25), datetime(2026, 3, 2, 13))),  # noqa: DTZ001
        "event_id": st.one_of(st.none(), st.integers(0, 3)),
        "email": st.sampled_from(["a@example.com", "b@example.com", None]),
        "phone": st.one_of(st.none(), st.integers(2_000_000_000, 2_999_999_999)),
        "price": st.one_of(st.none(), st.floats(-1, 1e6), st.floats()),
        "quantity": st.one_of(st.none(), st.integers(-1, 4)),
        "value": st.one_of(st.none(), st.floats(0, 1e6).map(lambda x: round(x, 2)), st.floats(0, 1e-5)),
        "limited_data_use": st.one_of(st.none(), st.booleans()),
    }
)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(typed_rows, min_size=1, max_size=12), source=st.sampled_from(["web", "offline"]))
def test_typed_columns_agree_with_the_reference(rows: list[dict[str, Any]], source: str) -> None:
    kinds = {
        "event": pa.string(), "timestamp": pa.timestamp("us"), "event_id": pa.int64(), "email": pa.string(),
        "phone": pa.int64(), "price": pa.float64(), "quantity": pa.int32(), "value": pa.float64(),
        "limited_data_use": pa.bool_(),
    }  # fmt: skip
    table = pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()})
    assert_agreement(table, source, country="US")


def test_dates_agree_with_the_reference() -> None:
    days = [date(2026, 3, 2) - timedelta(days=n) for n in range(0, 32, 3)]
    rows = [{"event": "Lead", "timestamp": day, "event_id": str(day), "email": "a@example.com"} for day in days]
    assert_agreement(table_of(rows), "offline")
