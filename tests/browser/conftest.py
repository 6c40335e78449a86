"""A real browser: Debian's Chromium, with nothing but this machine to talk to."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
WAIT = 10_000  # milliseconds


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser that the system has; Playwright's own downloads are not used."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a visitor who was never here; errors of its scripts fail the test."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context.new_page()
    context.close()
    assert errors == []


@pytest.fixture
def log_in(page: Page, live_server) -> Callable[[str], Page]:
    """Log somebody in by their e-mail address."""

    def enter(email: str) -> Page:
        page.goto(f"{live_server.url}/login/")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill("password")
        page.get_by_role("button", name="Log in").click()
        return page

    return enter
