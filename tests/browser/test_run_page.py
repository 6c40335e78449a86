"""The page of a run that is at work: it moves by itself, and ends in the final numbers."""

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from orchestrations.choices import RunTrigger
from orchestrations.models import Run
from orchestrations.runs.services import run_start
from tests.browser.test_main_job import worker
from tests.orchestrations.conftest import orchestration_of, order_rows
from tiktok_hub.tenancy.scope import tenant_scope

__all__ = ["orchestration_of", "worker"]

BATCHES, PER_BATCH = 32, 1000
ANSWER = 3  # seconds that TikTok takes for each request


@pytest.fixture
def run(acme, ada, worker, emulator, orchestration_of, membership_in) -> Run:
    """A run of 32,000 orders, two of them bad, to a TikTok that takes its time."""
    slow = {"match": {"path": "event/track/"}, "action": {"delay": ANSWER}}
    requests.post(f"{emulator.url}/_emulator/faults", json=[slow], timeout=10).raise_for_status()
    rows = order_rows(BATCHES * PER_BATCH, email=lambda index: "" if index < 2 else f"p{index}@m.example")
    orchestration = orchestration_of(acme, rows)
    with tenant_scope(acme):
        member = membership_in(ada, acme)
        return run_start(orchestration=orchestration, membership=member, trigger=RunTrigger.MANUAL)


def shown(page: Page) -> float:
    """Return how far the bar is, in percent."""
    return float(page.get_by_role("progressbar").get_attribute("aria-valuenow") or 0)


def test_the_page_of_a_run_moves_without_reload_and_ends_in_final_numbers(page, live_server, log_in, run):
    log_in("ada@acme.example")
    page.goto(f"{live_server.url}/acme/orchestrations/run/{run.pk}/change/")
    page.evaluate("window.same = true")
    bar, said = page.get_by_role("progressbar", name="Delivering"), page.locator("#run-said")
    expect(bar).to_be_visible(timeout=20_000)
    expect(bar).to_have_attribute("aria-valuenow", re.compile("[1-9]"))
    before = shown(page)
    expect(page.get_by_label("Status of the run")).to_contain_text(re.compile(r"events/s\s+·\s+[\w ]+ to go"))
    expect(said).to_contain_text("Delivering")
    page.wait_for_function(f"Number(document.querySelector('[role=progressbar]')?.ariaValueNow ?? 100) > {before}")
    expect(page.get_by_label("Status of the run")).to_contain_text("Succeeded with errors", timeout=20_000)
    expect(said).to_have_text("Succeeded with errors. 31,998 events accepted, 2 rows rejected.")
    expect(page.locator("canvas#throughput")).to_be_visible()
    expect(page.get_by_text("✓ adds up")).to_have_count(2)
    assert page.evaluate("window.same && Boolean(Chart.getChart('throughput'))")
    assert "1,000" in page.get_by_label("Batches", exact=True).inner_text()
