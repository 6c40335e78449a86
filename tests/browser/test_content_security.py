"""Walk the main pages in a real browser: no page does what its Content-Security-Policy forbids."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from destinations.choices import LinkKind
from destinations.models import Credential
from destinations.services import link_create
from orchestrations.models import Stream
from tests.test_tenant_walk import things_make
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.scope import tenant_scope

STRANGERS = (
    *("/login/", "/login/forgotten/", "/invitation/no-such-link/"),
    *("/nowhere/", "/authorize/no-such-link/", "/oauth/tiktok/callback/"),
)
UNSAFE = ("unsafe-inline", "unsafe-eval", "http:", "https:", "*")


@pytest.fixture
def refusals(page: Page) -> Iterator[list[str]]:
    """What the browser refused because of a policy; the test fails when there is anything at its end."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            found.append(f"{page.url}: {message.text}")

    page.on("console", note)
    yield found
    assert found == []


@pytest.fixture
def everything(acme, ada) -> dict[type, object]:
    """One of everything at Acme, so that no page is empty."""
    return things_make(acme, ada, "walked")


def visit(page: Page, address: str) -> str:
    """Open a page, let its scripts work, and return its policy."""
    answer = page.goto(address)
    assert answer is not None
    page.wait_for_load_state("networkidle")
    return answer.header_value("content-security-policy") or ""


@pytest.mark.parametrize("path", STRANGERS)
def test_a_page_for_strangers_is_strict_and_works(live_server, page, refusals, ada, path):
    policy = visit(page, f"{live_server.url}{path}")
    assert "default-src 'none'" in policy
    assert not any(word in policy for word in UNSAFE)


def test_the_choice_of_a_tenant_is_strict(live_server, page, log_in, refusals, root, acme, globex):
    log_in(root.email)
    policy = visit(page, f"{live_server.url}/")
    expect(page.get_by_role("link", name="Globex")).to_be_visible()
    assert not any(word in policy for word in UNSAFE)


def test_the_authorization_goes_to_tiktok_and_back_under_a_strict_policy(
    live_server, page, refusals, emulator, acme, ada
):
    with tenant_scope(acme):
        credential = Credential.objects.create(tenant=acme, name="ads", type="tiktok")
        _, address = link_create(credential=credential, by=ada, site_url=live_server.url)
    policy = visit(page, address)
    assert not any(word in policy for word in UNSAFE)
    page.get_by_role("button", name="Continue to TikTok").click()
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("TikTok is connected")).to_be_visible()


def test_a_token_is_handed_over_under_a_strict_policy(live_server, page, refusals, emulator, acme, ada):
    with tenant_scope(acme):
        credential = Credential.objects.create(tenant=acme, name="ads", type="tiktok")
        _, address = link_create(credential=credential, by=ada, kind=LinkKind.SECRET, site_url=live_server.url)
    assert not any(word in visit(page, address) for word in UNSAFE)
    page.get_by_label("Access token").fill("not a token")
    page.get_by_role("button", name="Hand over the token").click()
    expect(page.get_by_role("alert")).to_contain_text("That is no TikTok access token")
    expect(page.get_by_label("Access token")).to_have_value("")
    page.get_by_label("Access token").fill("emulator-token-acme")
    page.get_by_role("button", name="Hand over the token").click()
    expect(page.get_by_text("The token is stored")).to_be_visible()


def pages(everything: dict[type, object]) -> Iterator[str]:
    """Yield the addresses of each model's list, form and object."""
    yield from ("/acme/", "/acme/orchestrations/run/reconciliation/")
    for model in tenant_site._registry:
        base = f"/acme/{model._meta.app_label}/{model._meta.model_name}/"
        yield base
        yield f"{base}add/"
        yield f"{base}{everything[model].pk}/change/"  # type: ignore[attr-defined]
    stream = f"/acme/orchestrations/stream/{everything[Stream].pk}/"  # type: ignore[attr-defined]
    yield from (stream, f"{stream}debugger/", f"{stream}connect/", f"{stream}reference/")


def test_the_pages_of_a_tenant_do_nothing_that_is_forbidden(live_server, page, log_in, refusals, ada, everything):
    log_in(ada.email)
    for address in ["/account/", *pages(everything)]:
        policy = visit(page, f"{live_server.url}{address}")
        assert "frame-ancestors 'none'" in policy


def test_the_pages_of_the_platform_do_nothing_that_is_forbidden(
    live_server, page, log_in: Callable[[str], Page], refusals, root, acme
):
    log_in(root.email)
    for path in ("", "tenancy/tenant/", "tenancy/user/", f"tenancy/tenant/{acme.pk}/change/", "tenancy/user/add/"):
        visit(page, f"{live_server.url}/platform/{path}")


def test_no_site_can_show_the_hub_in_a_frame(live_server, page, ada):
    page.set_content(f'<iframe src="{live_server.url}/login/"></iframe>')
    page.wait_for_timeout(500)
    assert page.frames[1].get_by_role("button").count() == 0


@pytest.mark.parametrize("path", ["/login/", "/acme/"], ids=["outside", "inside the theme"])
def test_a_script_slipped_into_a_page_does_not_run(live_server, page, log_in, ada, path):
    log_in(ada.email)
    page.goto(f"{live_server.url}{path}")
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'taken over'";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend", "<img src='data:,x' onerror='document.title = `taken over`'>");
    }""")
    page.wait_for_timeout(300)
    assert page.title() != "taken over"
