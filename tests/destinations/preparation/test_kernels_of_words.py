"""Names, choices, flags, addresses: values that must be one of some forms."""

import pytest

from destinations.preparation.fields import Kind
from destinations.preparation.kernels import KERNELS
from tests.destinations.preparation.helpers import PIXEL, SET, kernel_of


@pytest.mark.parametrize(
    ("source", "given", "expected"),
    [
        ("offline", "Purchase", ("Purchase", None)),
        ("offline", " Lead ", ("Lead", None)),
        ("offline", "CompletePayment", ("CompletePayment", None)),
        ("offline", "purchase", (None, "unknown_event")),
        ("offline", "Purchase\nLead", (None, "unknown_event")),
        ("web", "InStoreVisit", ("InStoreVisit", None)),
        ("web", "é" * 50, ("é" * 50, None)),
        ("web", "x" * 51, (None, "event_name_too_long")),
        ("web", " ", (None, None)),
    ],
)
def test_event_name_is_judged_by_its_source(source: str, given: str, expected: tuple[object, object]) -> None:
    assert kernel_of("event", given, source=source) == expected


@pytest.mark.parametrize("given", ["", " ", None])
def test_blank_event_falls_back_to_the_fixed_name(given: str | None) -> None:
    assert kernel_of("event", given, source="offline", fixed_event_name="Lead") == ("Lead", None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("USD", ("USD", None)),
        (" usd ", ("USD", None)),
        ("BGN", (None, "unsupported_currency")),
        ("US$", (None, "bad_currency")),
        ("XXZ", (None, "bad_currency")),
        ("", (None, None)),
    ],
)
def test_currency_is_one_that_tiktok_takes(given: str, expected: tuple[object, object]) -> None:
    assert kernel_of("currency", given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("in_store", ("in_store", None)),
        ("In_Store", ("in_store", None)),
        ("fax", (None, "bad_channel")),
        (" ", (None, None)),
    ],
)
def test_channel_is_one_of_six(given: str, expected: tuple[object, object]) -> None:
    assert kernel_of("event_channel", given, source="offline") == expected


@pytest.mark.parametrize("given", ["true", "T", "YES", "1", " True "])
def test_flag_is_read_as_true(given: str) -> None:
    assert kernel_of("limited_data_use", given) == (True, None)


@pytest.mark.parametrize("given", ["false", "f", "No", "0"])
def test_flag_is_read_as_false(given: str) -> None:
    assert kernel_of("limited_data_use", given) == (False, None)


@pytest.mark.parametrize("given", ["y", "on", "maybe", "2"])
def test_other_words_are_no_flags(given: str) -> None:
    assert kernel_of("limited_data_use", given) == (None, "bad_boolean")


@pytest.mark.parametrize("duckdb_type", ["BOOLEAN", "INTEGER", "DOUBLE"])
def test_flag_types_are_read(duckdb_type: str) -> None:
    assert kernel_of("limited_data_use", "1", duckdb_type) == (True, None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("US", ("US", None)), (" fr ", ("FR", None)), ("USA", (None, "bad_country")), ("XX", (None, "bad_country"))],
)
def test_country_is_two_letters(given: str, expected: tuple[object, object]) -> None:
    assert kernel_of("country", given) == expected


@pytest.mark.parametrize(
    "given",
    ["8.8.8.8", "192.168.10.1", "255.255.255.255", "2001:db8:1111:a:b0::200", "::1", "::", "fe80::1", "::ffff:1.2.3.4"],
)
def test_ip_address_passes(given: str) -> None:
    assert kernel_of("ip", given) == (given, None)


@pytest.mark.parametrize(
    "given", ["256.1.1.1", "1.2.3", "01.2.3.4", "1.2.3.4:80", "fe80::1%eth0", ":::", "1:2:3", "host"]
)
def test_bad_ip_address_is_told(given: str) -> None:
    assert kernel_of("ip", given) == (None, "bad_ip")


@pytest.mark.parametrize(
    "given", ["https://shop.example.com/thanks?o=1001", "HTTP://x", "https://例え.jp/a#b", "android-app://com.example"]
)
def test_url_passes(given: str) -> None:
    assert kernel_of("referrer_url", given) == (given, None)


@pytest.mark.parametrize("given", ["www.example.com", "https://", "https:///x", "https://a b.com", "ftp://a.b", "/x"])
def test_bad_url_is_told(given: str) -> None:
    assert kernel_of("referrer_url", given) == (None, "bad_url")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("en", ("en", None)),
        ("en_US", ("en-US", None)),
        ("zh-Hant-TW", ("zh-Hant-TW", None)),
        ("english language", (None, "bad_locale")),
    ],
)
def test_locale_is_a_language_tag(given: str, expected: tuple[object, object]) -> None:
    assert kernel_of("locale", given) == expected


@pytest.mark.parametrize(
    ("column", "source", "given", "reason"),
    [
        ("event_source", "web", "web", None),
        ("event_source", "web", " WEB ", None),
        ("event_source", "web", "offline", "event_source_mismatch"),
        ("event_set_id", "offline", SET, None),
        ("event_set_id", "offline", " ", None),
        ("event_set_id", "web", PIXEL, None),
        ("event_set_id", "web", PIXEL.lower(), "event_source_id_mismatch"),
        ("event_set_id", "offline", "1", "event_source_id_mismatch"),
    ],
)
def test_row_may_repeat_but_not_change_the_destination(
    column: str, source: str, given: str, reason: str | None
) -> None:
    assert kernel_of(column, given, source=source) == (None, reason)


@pytest.mark.parametrize(
    ("given", "duckdb_type", "text"),
    [
        ("5044668852556", "BIGINT", "5044668852556"),
        ("1077218", "DOUBLE", "1077218"),
        ("5044668852556", "DOUBLE", "5044668852556"),
        ("170141183460469231731687303715884105727", "HUGEINT", "170141183460469231731687303715884105727"),
        ("12.50", "DECIMAL(10,2)", "12.5"),
        ("1200", "DECIMAL(18,0)", "1200"),
        ("1200.00", "DECIMAL(18,2)", "1200"),
        ("00042", "VARCHAR", "00042"),
        ("true", "BOOLEAN", "true"),
        ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "UUID", "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
        ("nan", "DOUBLE", None),
        ("a", "ENUM('a', 'b')", "a"),
        ('"abc"', "JSON", "abc"),
        ("2026-03-01", "DATE", "2026-03-01"),
    ],
)
def test_ids_of_any_type_become_exact_text(given: str, duckdb_type: str, text: str | None) -> None:
    assert kernel_of("order_id", given, duckdb_type) == (text, None)


def test_every_kind_has_a_kernel() -> None:
    assert set(KERNELS) == set(Kind)
