"""What a query's columns are to the events plugin."""

import pytest

from destinations import specs
from destinations.specs.base import ColumnCheck

GOOD = {"event": "VARCHAR", "timestamp": "TIMESTAMP", "email": "VARCHAR"}


def check(columns: dict[str, str], source: str = "offline", **settings: object) -> ColumnCheck:
    return specs.get("tiktok-ads-events").columns_check(columns, {"event_source": source, **settings})


def test_good_columns_pass_without_a_word() -> None:
    assert check({"EVENT": "VARCHAR", "Timestamp": "BIGINT", "Phone": "HUGEINT"}) == ColumnCheck()


@pytest.mark.parametrize(
    ("gone", "missing"),
    [("event", "event"), ("timestamp", "timestamp"), ("email", "email")],
)
def test_missing_column_is_an_error(gone: str, missing: str) -> None:
    found = check({name: kind for name, kind in GOOD.items() if name != gone})
    assert found.missing == (missing,)
    assert not found.ok


def test_fixed_event_name_stands_in_for_the_column() -> None:
    assert check({"timestamp": "DATE", "email": "VARCHAR"}, fixed_event_name="Lead").ok


def test_web_needs_a_page_or_a_default_one() -> None:
    assert check(GOOD, "web").missing == ("page_url",)
    assert check(GOOD, "web", default_page_url="https://a.example/").ok


def test_external_id_alone_is_enough_for_the_web_only() -> None:
    columns = {"event": "VARCHAR", "timestamp": "DATE", "external_id": "BIGINT", "page_url": "VARCHAR"}
    assert check(columns, "web").ok
    assert check(columns, "offline").missing == ("email",)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("e_mail", "email"),
        ("phone_number", "phone"),
        ("user_agent", "agent"),
        ("ttclid", "tiktok_click_id"),
        ("ttp", "cookie_id"),
        ("search_string", "query"),
        ("Order ID", "order_id"),
        ("quantitiy", "quantity"),
    ],
)
def test_near_miss_is_suggested(name: str, meant: str) -> None:
    columns = {
        "event": "VARCHAR",
        "timestamp": "DATE",
        "external_id": "VARCHAR",
        "page_url": "VARCHAR",
        name: "VARCHAR",
    }
    assert check(columns, "web").suggestions == {name: meant}


def test_missing_column_names_the_one_that_may_be_meant() -> None:
    found = check({"event": "VARCHAR", "time_stamp": "DATE", "e_mail": "VARCHAR"})
    assert found.errors[0] == "Column timestamp is missing. Perhaps time_stamp AS timestamp?"
    assert found.errors[1].endswith("Perhaps e_mail AS email?")


def test_unknown_column_is_named_and_ignored() -> None:
    found = check(GOOD | {"colour_of_the_door": "VARCHAR"})
    assert found.ok
    assert found.warnings == ("Column colour_of_the_door is unknown and ignored.",)


def test_column_of_another_source_is_named_and_ignored() -> None:
    found = check(GOOD | {"ip": "STRUCT(a INTEGER)"})
    assert found.ok
    assert "event source offline" in found.warnings[0]


@pytest.mark.parametrize(
    "kind", ["BLOB", "STRUCT(a INTEGER)", "INTEGER[]", "MAP(VARCHAR, VARCHAR)", "VARCHAR[3]", "BIT"]
)
def test_column_that_is_no_scalar_is_an_error(kind: str) -> None:
    assert "Cast it to VARCHAR" in check(GOOD | {"order_id": kind}).errors[0]


@pytest.mark.parametrize(
    ("kind", "ok"), [("VARCHAR[]", True), ("BIGINT[]", True), ("BLOB[]", False), ("VARCHAR[][]", False)]
)
def test_identity_may_be_a_list_of_scalars(kind: str, ok: bool) -> None:
    assert check(GOOD | {"phone": kind}).ok is ok


@pytest.mark.parametrize(
    "kind", ["VARCHAR", "ENUM('a', '[]')", "DECIMAL(18,3)", "UUID", "TIMESTAMP WITH TIME ZONE", "JSON"]
)
def test_scalar_of_any_type_is_fine(kind: str) -> None:
    assert check(GOOD | {"order_id": kind}).ok
