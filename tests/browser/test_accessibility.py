"""Look at every page as people with other eyes and hands do: axe's serious and critical findings fail."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.test_content_security import STRANGERS, everything, pages, visit

__all__ = ["everything"]

GRAVE = ("serious", "critical")
PHONE = {"width": 360, "height": 740}
SCROLLS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def findings(page: Page) -> Iterator[str]:
    """Yield what axe holds against the page: the rule, and the first elements that break it."""
    result: dict[str, Any] = Axe().run(page).response
    for found in result["violations"]:
        if found["impact"] in GRAVE:
            where = "; ".join(" ".join(node["target"][0:1]) for node in found["nodes"][:3])
            yield f"{page.url}: {found['id']} ({found['help']}) at {where}"


@pytest.mark.parametrize("path", STRANGERS)
def test_a_page_for_strangers_is_accessible(live_server, page, ada, path):
    visit(page, f"{live_server.url}{path}")
    assert list(findings(page)) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_a_tenant_are_accessible(live_server, page, log_in, ada, everything, scheme):
    page.emulate_media(color_scheme=scheme)
    log_in(ada.email)
    found: list[str] = []
    for address in ["/account/", *pages(everything)]:
        visit(page, f"{live_server.url}{address}")
        found += findings(page)
    assert not found, "\n".join(found)


def test_no_page_of_a_tenant_scrolls_sideways_on_a_phone(
    live_server, page, log_in: Callable[[str], Page], ada, everything
):
    page.set_viewport_size(PHONE)
    log_in(ada.email)
    wide = []
    for address in ["/account/", *pages(everything)]:
        visit(page, f"{live_server.url}{address}")
        if page.evaluate(SCROLLS):
            wide.append(address)
    assert wide == []
