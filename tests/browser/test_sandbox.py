"""A change is tried in a sandbox and promoted, as people do it in a browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from orchestrations.models import Query
from tests.tiktok_hub.sandboxes.conftest import configured, edit, get
from tiktok_hub.tenancy.models import Tenant


@pytest.fixture
def production(transactional_db, acme, globex, tmp_path) -> Tenant:
    """Acme and Globex, with things of the same names."""
    configured(tmp_path, "globex", "Globex", "globex-token")
    return configured(tmp_path, "acme", "Acme Retail", "acme-token")


def sandbox_make(page: Page, url: str) -> None:
    """Make a sandbox with ten rows of each dataset, and go into it."""
    page.goto(f"{url}/acme/")
    page.get_by_role("link", name="Sandboxes").click()
    page.get_by_role("link", name="Add sandbox").first.click()
    page.get_by_label("Name").fill("spring")
    page.get_by_label("Rows of each dataset").select_option("10")
    page.get_by_role("button", name="Create sandbox").click()
    expect(page.get_by_text("No difference")).to_be_visible()
    page.get_by_role("link", name="Open the sandbox").click()
    expect(page.get_by_text("Sandbox of Acme Retail.")).to_be_visible()


def query_describe(page: Page) -> None:
    """Describe a query of the sandbox, and go to the differences."""
    page.get_by_role("link", name="Queries").click()
    page.get_by_role("link", name="purchases").click()
    page.get_by_label("Description").fill("Without refunds")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Differences and promotion").click()
    expect(page.get_by_role("heading", name="To promote")).to_be_visible()


def pull_keeping(page: Page) -> None:
    """Pull, and keep what was changed in the sandbox."""
    page.get_by_role("link", name="Pull from production").click()
    page.get_by_label("Keep what was changed in the sandbox").check()
    page.get_by_role("button", name="Show what that changes").click()
    expect(page.get_by_label("Keep what was changed in the sandbox")).to_be_checked()
    page.get_by_role("button", name="Pull", exact=True).click()


def test_a_change_goes_from_the_sandbox_to_production(production, ada, log_in: Callable[[str], Page], live_server):
    page = log_in("ada@acme.example")
    sandbox_make(page, live_server.url)
    query_describe(page)
    edit(production, Query, "purchases", description="Theirs")
    page.reload()
    expect(page.get_by_text("This blocks a promotion")).to_be_visible()
    pull_keeping(page)
    page.get_by_label("Message").fill("Leave refunds out")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("No difference")).to_be_visible()
    assert get(production, Query, "purchases").description == "Without refunds"


def test_a_sandbox_is_deleted_by_typing_its_name(production, ada, log_in: Callable[[str], Page], live_server):
    page = log_in("ada@acme.example")
    sandbox_make(page, live_server.url)
    page.get_by_role("link", name="Differences and promotion").click()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_label("Type “acme-spring” to confirm").fill("acme-spring")
    page.get_by_role("button", name="Delete this sandbox").click()
    expect(page.get_by_text("Its audit log stays")).to_be_visible()
    assert not Tenant.objects.filter(slug="acme-spring").exists()
