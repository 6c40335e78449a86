"""The pages about sandboxes in production, and how every page of a sandbox differs."""

import pytest

from destinations.models import Destination
from orchestrations.models import Dataset, Query
from tests.tiktok_hub.sandboxes.conftest import TOKEN, edit, get
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

LIST = "/acme/sandboxes/sandbox/"


@pytest.fixture
def ada_in(client_of, ada):
    """Ada's browser."""
    return client_of(ada)


@pytest.fixture
def address(sandbox) -> str:
    """The address of the sandbox's page in production."""
    return f"{LIST}{sandbox.pk}/"


def text(answer) -> str:
    """Return what a page says."""
    assert answer.status_code == 200
    return answer.content.decode()


def promoted(browser, address: str, **typed: str):
    """Promote what the page shows."""
    seen = browser.get(address).context["promotion"].comparison.fingerprint
    return browser.post(f"{address}promote/", {"seen": seen, "message": "Try it", **typed}, follow=True)


def test_a_sandbox_is_made_on_a_page(ada_in, production, other):
    answer = ada_in.post(f"{LIST}add/", {"name": "spring", "rows": "10", "tokens": "on"}, follow=True)
    assert "No difference" in text(answer)
    assert get(Tenant.objects.get(slug="acme-spring"), Dataset, "orders").rows == 2
    assert "acme-spring" in text(ada_in.get(LIST))


def test_a_name_that_is_taken_stays_typed(ada_in, sandbox):
    page = text(ada_in.post(f"{LIST}add/", {"name": "test", "rows": "100"}))
    assert "“acme-test” is taken" in page
    assert 'value="test"' in page


def test_differences_are_shown_field_by_field_without_secrets(ada_in, sandbox, address):
    edit(sandbox.twin, Query, "spare", sql="SELECT mail AS email\nFROM orders")
    edit(sandbox.twin, Destination, "store", enabled=False)
    page = text(ada_in.get(address))
    for shown in ("To promote", "spare", "<del>yes</del>", "<ins>no</ins>", "FROM orders"):
        assert shown in page
    assert TOKEN not in page


def test_a_promotion_is_done_on_the_page(ada_in, sandbox, address, production):
    edit(sandbox.twin, Query, "spare", description="better")
    assert ": 1 change." in text(promoted(ada_in, address))
    assert get(production, Query, "spare").description == "better"


def test_a_removal_needs_its_tick(ada_in, sandbox, address, production):
    with tenant_scope(sandbox.twin):
        Query.objects.get(name="spare").delete()
    promoted(ada_in, address)
    assert get(production, Query, "spare") is not None
    promoted(ada_in, address, remove="on")
    assert get(production, Query, "spare") is None


def test_a_promotion_without_a_message_keeps_the_page_and_says_so(ada_in, sandbox, address, production):
    edit(sandbox.twin, Query, "spare", description="better")
    assert "This field is required" in text(promoted(ada_in, address, message=""))
    assert get(production, Query, "spare").description == ""


def test_what_blocks_is_listed_and_what_was_typed_stays(ada_in, sandbox, address):
    edit(sandbox.twin, Query, "purchases", sql="SELECT mail AS email FROM orders")
    page = text(promoted(ada_in, address, message="My reason"))
    assert "This blocks a promotion" in page
    assert "My reason" in page


def test_what_changed_since_it_was_looked_at_is_not_promoted(ada_in, sandbox, address, production):
    edit(sandbox.twin, Query, "spare", description="seen")
    page = text(ada_in.post(f"{address}promote/", {"seen": "another", "message": "Try"}))
    assert "Somebody changed the sandbox or production meanwhile" in page
    assert get(production, Query, "spare").description == ""


def test_a_pull_shows_what_it_overwrites_and_does_it(ada_in, sandbox, address, production):
    edit(sandbox.twin, Query, "spare", description="ours")
    edit(production, Query, "buyers", description="theirs")
    page = text(ada_in.get(f"{address}pull/"))
    order = [page.index(each) for each in ("Overwritten in the sandbox", "spare</strong>", "buyers</strong>")]
    assert order == sorted(order)
    kept = text(ada_in.get(f"{address}pull/?preview=1&keep=on&rows="))
    assert "Overwritten" not in kept
    seen = ada_in.get(f"{address}pull/").context["seen"]
    assert ": 2 changes." in text(ada_in.post(f"{address}pull/now/", {"seen": seen, "rows": ""}, follow=True))
    assert get(sandbox.twin, Query, "buyers").description == "theirs"


def test_a_pull_with_a_choice_that_is_none_says_so(ada_in, address, sandbox):
    assert "Select a valid choice" in text(ada_in.post(f"{address}pull/now/", {"seen": "", "rows": "7"}))


def test_a_sandbox_is_deleted_by_typing_its_name(ada_in, sandbox, address):
    assert "Type “acme-test”" in text(ada_in.post(f"{address}delete/now/", {"typed": "acme"}))
    ada_in.post(f"{address}delete/now/", {"typed": "acme-test"})
    assert not Tenant.objects.filter(slug="acme-test").exists()


def test_every_page_of_a_sandbox_says_so_and_leads_to_production(ada_in, sandbox, address):
    page = text(ada_in.get("/acme-test/orchestrations/query/"))
    for shown in ("Sandbox of Acme Retail.", 'href="/acme/"', f'href="{address}"', "Acme Retail · test (sandbox)"):
        assert shown in page
    assert "Sandbox of" not in text(ada_in.get("/acme/orchestrations/query/"))


def test_who_may_not_promote_is_not_led_there(client_of, rita, sandbox, address):
    page = text(client_of(rita).get("/acme-test/"))
    assert "Sandbox of Acme Retail." in page
    assert address not in page


def test_a_sandbox_has_no_sandboxes(ada_in, sandbox):
    assert ada_in.get("/acme-test/sandboxes/sandbox/").status_code == 403
    assert ada_in.post("/acme-test/sandboxes/sandbox/add/", {"name": "x", "rows": "0"}).status_code == 403
    assert "Sandboxes" not in text(ada_in.get("/acme-test/"))


def test_the_option_opens_the_pages_and_offers_no_more_than_somebody_may(client_of, deputy, production):
    browser = client_of(deputy(Policy.BUSINESS_USER, restrict_pii=True))
    page = text(browser.get(f"{LIST}add/"))
    assert "tokens" not in browser.get(f"{LIST}add/").context["form"].fields
    assert "The first 10 rows" not in page


@pytest.mark.parametrize("path", ["", "add/", "{pk}/", "{pk}/pull/", "{pk}/delete/", "{pk}/change/"])
def test_pages_need_the_permission_in_production(client_of, bea, sandbox, path):
    assert client_of(bea).get(LIST + path.format(pk=sandbox.pk)).status_code == 403


@pytest.mark.parametrize("path", ["promote/", "pull/now/", "delete/now/"])
def test_deeds_need_the_permission_in_production(client_of, bea, sandbox, path):
    assert client_of(bea).post(f"{LIST}{sandbox.pk}/{path}", {"typed": "acme-test"}).status_code == 403
    assert Tenant.objects.filter(slug="acme-test").exists()


@pytest.mark.parametrize("path", ["", "pull/", "delete/", "promote/", "pull/now/", "delete/now/"])
def test_another_tenants_sandbox_does_not_exist(client_of, charlie, sandbox, path):
    browser = client_of(charlie)
    for slug in ("acme", "globex"):
        for method in (browser.get, browser.post):
            assert method(f"/{slug}/sandboxes/sandbox/{sandbox.pk}/{path}").status_code == 404
    with tenant_scope(sandbox.production):
        assert Sandbox.objects.count() == 1


def test_the_list_without_any_says_what_a_sandbox_is(ada_in, production):
    assert "No sandbox yet" in text(ada_in.get(LIST))
