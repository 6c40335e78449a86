"""What restricted people see of a query, and what nobody gets back."""

import pytest
from django.core.exceptions import ValidationError

from orchestrations.datasets import dataset_load
from orchestrations.models import Dataset
from orchestrations.queries import query_describe, query_preview
from tests.orchestrations.conftest import order_rows, rows_write
from tiktok_hub.tenancy.scope import tenant_scope

SECRET = "person7@mail.example"


@pytest.fixture
def orders(acme, tmp_path) -> Dataset:
    """Twenty orders of Acme."""
    with tenant_scope(acme):
        return dataset_load(
            tenant=acme, name="orders", file=rows_write(tmp_path / "o.csv", order_rows(20)), filename="o.csv"
        )


def cells(acme, sql: str, *, masked: bool) -> str:
    """Return everything that a preview shows, as text."""
    with tenant_scope(acme):
        return str(query_preview(tenant=acme, sql=sql, masked=masked).rows)


def test_people_with_access_see_values(acme, orders):
    assert SECRET in cells(acme, "SELECT email FROM orders", masked=False)


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT email FROM orders", id="plain"),
        pytest.param("SELECT email AS order_note FROM orders", id="alias"),
        pytest.param("SELECT reverse(reverse(email)) AS x FROM orders", id="function"),
        pytest.param("SELECT list(email) AS x FROM orders", id="nested"),
        pytest.param("SELECT orders AS x FROM orders", id="whole row"),
        pytest.param("SELECT to_json(orders)::VARCHAR AS x FROM orders", id="JSON"),
        pytest.param("SELECT string_agg(email) AS x FROM orders", id="aggregate"),
        pytest.param("SELECT hex(email) AS x FROM orders", id="hex of the mask"),
    ],
)
def test_restricted_people_get_no_value_back_by_any_wording(acme, orders, sql):
    shown = cells(acme, sql, masked=True)
    assert SECRET not in shown
    assert SECRET.encode().hex().upper() not in shown


def test_restricted_people_cannot_ask_whether_a_value_is_there(acme, orders):
    assert cells(acme, f"SELECT count(*) AS n FROM orders WHERE email = '{SECRET}'", masked=True) == "[(0,)]"


def test_columns_that_are_not_personal_stay_readable(acme, orders):
    assert "order-00007" in cells(acme, "SELECT event_id FROM orders", masked=True)


def test_a_mark_set_by_hand_masks_a_column(acme, orders):
    orders.columns = [{**column, "pii": column["name"] == "event_id"} for column in orders.columns]
    with tenant_scope(acme):
        orders.save()
    assert "order-00007" not in cells(acme, "SELECT event_id AS x FROM orders", masked=True)


def test_another_tenants_dataset_is_unknown(acme, globex, orders):
    with tenant_scope(globex), pytest.raises(ValidationError, match="no dataset named “orders”"):
        query_describe(tenant=globex, sql="SELECT * FROM orders")
