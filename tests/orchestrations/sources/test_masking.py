"""Masking previews by column name and value shape."""

import pyarrow as pa
import pytest

from orchestrations.sources import mask_table, pii_columns

MASKED = {
    "email": ("ada@gmail.com", "a•••@g•••.com"),
    "email-padded": (" ada@gmail.com ", "a•••@g•••.com"),
    "email-short": ("a@b.de", "a•••@b•••.de"),
    "email-subdomain": ("ada.l@mail.shop.co.uk", "a•••@m•••.uk"),
    "phone": ("+15551234534", "+1•••••34"),
    "phone-written": ("+1 (555) 123-4534", "+1•••••34"),
    "phone-local": ("5551234567", "•••••67"),
    "hash": ("5e884898da28047151d0e56f8dc62927", "•••"),
    "name": ("Ada Lovelace", "•••"),
    "short-number": ("12345", "•••"),
    "almost-email": ("ada@", "•••"),
    "empty": ("", "•••"),
    "null": (None, None),
}


@pytest.mark.parametrize(("value", "shown"), MASKED.values(), ids=MASKED.keys())
def test_a_value_is_masked(value: str | None, shown: str | None):
    table = pa.table({"x": pa.array([value], pa.string())})
    assert mask_table(table, {"x"})["x"].to_pylist() == [shown]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([15551234534]),
        pa.array([["ada@x.com"]]),
        pa.array([{"email": "ada@x.com"}]),
        pa.array([b"ada@x.com"]),
        pa.array([1.5]),
    ],
    ids=["integer", "list", "struct", "bytes", "double"],
)
def test_other_types_are_hidden_whole(column: pa.Array):
    assert mask_table(pa.table({"x": column}), {"x"})["x"].to_pylist() == ["•••"]


def test_encoded_texts_are_masked_like_texts():
    table = pa.table({"x": pa.array(["ada@gmail.com", None]).dictionary_encode()})
    assert mask_table(table, {"x"})["x"].to_pylist() == ["a•••@g•••.com", None]


def test_other_columns_and_the_order_stay():
    table = pa.table({"email": ["ada@gmail.com"], "value": [1]})
    masked = mask_table(table, {"email"})
    assert masked.column_names == ["email", "value"]
    assert masked["value"].equals(table["value"])


def test_a_table_without_rows_is_masked_too():
    assert mask_table(pa.table({"x": pa.array([], pa.int64())}), {"x"}).num_rows == 0


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "E-Mail",
        "customerEmail",
        "email_sha256",
        "phone",
        "Phone Number",
        "mobile",
        "external_id",
        "user_id",
        "customerId",
        "first_name",
        "LastName",
        "name",
        "ip",
        "ip_address",
        "agent",
        "idfa",
        "aaid",
        "cookie_id",
        "ttclid",
        "zip",
        "street",
        "birthdate",
    ],
)
def test_personal_names_are_found(name: str):
    assert pii_columns([name]) == {name}


@pytest.mark.parametrize(
    "name",
    [
        "event",
        "event_id",
        "timestamp",
        "order_id",
        "content_id",
        "content_name",
        "product_name",
        "price",
        "quantity",
        "value",
        "currency",
        "page_url",
        "description",
        "shop_id",
        "brand",
        "ship_date",
        "country",
        "locale",
        "tip",
    ],
)
def test_other_names_are_not(name: str):
    assert pii_columns([name]) == set()
