"""The main job as people do it: connect, configure, hand over, run, see it complete."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import requests
from django.conf import settings as django_settings
from playwright.sync_api import Page, expect

from tests.orchestrations.conftest import order_rows, rows_write
from tests.programs import database_url, program
from tiktok_hub.hub.broker import broker_running

ADVERTISER, EVENT_SET = "7654321098765432109", "7654321098765432100"
SQL = "SELECT event, event_id, timestamp, email, phone, value, currency FROM orders"


@pytest.fixture
def worker(transactional_db, emulator) -> Iterator[None]:
    """A Celery worker on the test's database."""
    environment = {"DATABASE_URL": database_url(), "TIKTOK_API_URL": emulator.api_url}
    broker = broker_running(django_settings.HUB_DATA_DIR) if django_settings.HUB_EMBEDDED_BROKER else nullcontext()
    with broker, program("worker", "--pool", "prefork", "-c", "1", "--loglevel", "warning", **environment):
        yield


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A file of 1,500 orders, every hundredth without anybody to recognise."""
    rows = order_rows(1500, email=lambda i: "" if i % 100 == 0 else f"p{i}@m.example")
    return rows_write(tmp_path / "orders.csv", rows)


def credential_connect(page: Page) -> None:
    """Make a credential and authorise it at TikTok in the same browser."""
    page.get_by_role("link", name="Credentials").click()
    page.get_by_role("link", name="Add credential").first.click()
    page.get_by_label("Name").fill("acme-events")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Connect in this browser").click()
    page.get_by_role("button", name="Continue to TikTok").click()
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("TikTok is connected")).to_be_visible()
    page.get_by_role("link", name="Back to the credential").click()


def destination_make(page: Page) -> None:
    """Make a destination for shop purchases; saving it tests the connection."""
    page.get_by_role("link", name="Destinations").click()
    page.get_by_role("link", name="Add destination").first.click()
    page.get_by_role("link", name="TikTok Ads Events").click()
    page.get_by_label("Name", exact=False).first.fill("store-purchases")
    page.get_by_label("Credential").select_option(label="acme-events")
    page.get_by_label("Advertiser ID").fill(ADVERTISER)
    page.get_by_label("Event source", exact=False).first.select_option("offline")
    page.get_by_role("button", name="Save", exact=True).click()


def query_make(page: Page, orders: Path) -> None:
    """Upload the orders and write a query over them."""
    page.get_by_role("link", name="Datasets").click()
    page.get_by_role("link", name="Add dataset").first.click()
    page.locator("input[type=file]").set_input_files(orders)
    page.get_by_label("Name").fill("orders")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Queries").click()
    page.get_by_role("link", name="Add query").first.click()
    page.get_by_label("Name").fill("purchases")
    page.get_by_label("SQL").fill(SQL)
    page.get_by_label("Status").select_option("active")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("order-00001")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()


def orchestration_make(page: Page) -> None:
    """Tie the query to the destination, and say which event set it fills."""
    page.get_by_role("link", name="Orchestrations").first.click()
    page.get_by_role("link", name="Add orchestration").first.click()
    page.get_by_label("Name").fill("purchases-to-tiktok")
    page.get_by_label("Query").select_option(label="purchases")
    page.get_by_label("Destination").select_option(label="store-purchases")
    page.get_by_label("Event set ID").fill(EVENT_SET)
    page.get_by_role("button", name="Save", exact=True).click()


def test_an_admin_connects_and_a_business_user_sends_and_sees_it_complete(
    ada, bea, worker, emulator, orders, log_in: Callable[[str], Page]
):
    page = log_in("ada@acme.example")
    credential_connect(page)
    expect(page.get_by_text("Authorised").first).to_be_visible()
    destination_make(page)
    expect(page.get_by_text("store-purchases").first).to_be_visible()
    page.context.clear_cookies()

    page = log_in("bea@acme.example")
    query_make(page, orders)
    orchestration_make(page)
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("Succeeded with errors").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("1,485").first).to_be_visible()
    held = requests.get(
        f"{emulator.url}/_emulator/event_ids", params={"event_source_id": EVENT_SET, "summary": "1"}, timeout=10
    ).json()
    assert (held["ids"], held["held_more_than_once"]) == (1485, 0)
