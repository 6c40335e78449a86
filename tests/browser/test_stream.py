"""A stream as an administrator sets it up: form, key, a first event in the live debugger, and the end of the key."""

import re

import requests
from playwright.sync_api import Page, expect

from tests.orchestrations.streaming import PIXEL, destination_in


def fill(page: Page, destination: str) -> None:
    """Fill in the form of a stream; what depends on the destination follows the choice."""
    page.get_by_label("Name").fill("web shop")
    page.get_by_label("Destination").select_option(destination)
    expect(page.get_by_text("Settings for this stream")).to_be_visible()
    page.get_by_label("Age of the oldest, seconds").fill("60")
    page.get_by_label("Allowed origins").fill("https://shop.example")
    page.get_by_role("button", name="Save", exact=True).click()


def key_made(page: Page) -> str:
    """Make a key and return it, as the page shows it this once."""
    page.get_by_label("Name of a new key").fill("shop server")
    page.get_by_role("button", name="Make a key").click()
    return str(page.locator("#write-key").text_content())


def test_an_event_is_seen_as_it_comes_until_its_key_is_revoked(transactional_db, live_server, log_in, acme, ada):
    destination_in(acme, event_source="web", event_source_id=PIXEL)
    page = log_in(ada.email)
    page.goto(f"{live_server.url}/acme/orchestrations/stream/add/")
    fill(page, "tiktok-ads-events destination")
    key = key_made(page)
    snippet = str(page.locator("#snippet-curl").text_content())
    assert key in snippet
    address = re.search(r"http://[^']+", snippet).group()  # type: ignore[union-attr]
    page.get_by_role("link", name="Live debugger").click()
    expect(page.get_by_text("Nothing has come yet")).to_be_visible()

    def post(event_id: str) -> requests.Response:
        item = {"event": "Purchase", "event_id": event_id, "email": "a@b.example", "page_url": "https://shop.example/"}
        return requests.post(address, json=item, headers={"Authorization": f"Bearer {key}"}, timeout=10)

    assert post("order-7").status_code == 202
    seen = page.locator(".os-event")
    expect(seen).to_contain_text(["order-7"])
    expect(seen).to_contain_text(["Waiting"])
    seen.get_by_text("As it is sent").click()
    expect(seen.locator("code").last).to_contain_text('"user_agent": "•••"')
    page.get_by_role("link", name="Keys and snippets").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke shop server").click()
    expect(page.get_by_text("is revoked: nothing can be posted")).to_be_visible()
    page.wait_for_timeout(1_100)  # collectors remember keys for a second
    assert post("order-8").status_code == 401
