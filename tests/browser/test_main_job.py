"""The main job as people do it, led by the first steps: connect, configure, hand over, sample, run, see it complete."""

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


def step(page: Page, done: int, title: str) -> None:
    """See how far the first steps are on whatever page this is, and take the next one."""
    steps = page.get_by_label("First steps", exact=True).first
    expect(steps).to_contain_text(f"{done} of 6 done")
    steps.get_by_role("link", name=title, exact=True).click()


def credential_connect(page: Page) -> None:
    """Make a credential and authorise it at TikTok in the same browser."""
    step(page, 0, "Connect a TikTok account")
    page.get_by_label("Name").fill("acme-events")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Connect in this browser").click()
    page.get_by_role("button", name="Continue to TikTok").click()
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("TikTok is connected")).to_be_visible()
    page.get_by_role("link", name="Back to the credential").click()


def destination_make(page: Page) -> None:
    """Make a destination for shop purchases; saving it tests the connection."""
    step(page, 1, "Create a destination")
    page.get_by_role("link", name="TikTok Ads Events").click()
    page.get_by_label("Name", exact=False).first.fill("store-purchases")
    page.get_by_label("Credential").select_option(label="acme-events")
    page.get_by_label("Advertiser ID").fill(ADVERTISER)
    page.get_by_label("Event source", exact=False).first.select_option("offline")
    page.get_by_role("button", name="Save", exact=True).click()


def query_make(page: Page, orders: Path) -> None:
    """Upload the orders and write a query over them."""
    step(page, 2, "Upload data")
    page.locator("input[type=file]").set_input_files(orders)
    page.get_by_label("Name").fill("orders")
    page.get_by_role("button", name="Save", exact=True).click()
    step(page, 3, "Write a query")
    page.get_by_label("Name").fill("purchases")
    page.get_by_label("SQL").fill(SQL)
    page.get_by_label("Status").select_option("active")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("order-00001")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()


def orchestration_make(page: Page) -> None:
    """Tie the query to the destination, and say which event set it fills."""
    step(page, 4, "Send a sample")
    page.get_by_label("Name").fill("purchases-to-tiktok")
    page.get_by_label("Query").select_option(label="purchases")
    page.get_by_label("Destination").select_option(label="store-purchases")
    page.get_by_label("Event set ID").fill(EVENT_SET)
    page.get_by_role("button", name="Save", exact=True).click()


def sample_send(page: Page) -> None:
    """Send ten rows, and see what became of them."""
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Succeeded with errors").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("sample of 10 rows")).to_be_visible()


def schedule_make(page: Page) -> None:
    """Let the orchestration run by itself."""
    page.get_by_role("link", name="Overview").click()
    step(page, 5, "Schedule it")
    page.get_by_label("When it runs").select_option("interval")
    page.get_by_label("Minutes between runs").fill("90")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Schedule", exact=True)).to_contain_text("Every 90 minutes")


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
    sample_send(page)
    schedule_make(page)
    expect(page.get_by_label("First steps", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("Succeeded with errors").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("1,485").first).to_be_visible()
    held = requests.get(
        f"{emulator.url}/_emulator/event_ids", params={"event_source_id": EVENT_SET, "summary": "1"}, timeout=10
    ).json()
    assert (held["ids"], held["held_more_than_once"]) == (1485, 0)
