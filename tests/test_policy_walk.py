"""Walk the table of policies cell by cell through the real pages: policy × option × deed × own and other tenant."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from destinations.models import Destination
from tests.conftest import person
from tests.deeds import DEEDS, OPEN, SEEN_ELSEWHERE, Deed
from tests.test_tenant_walk import ROUTES, things_make
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.policies import ADDED, TABLE, TAKEN, permissions
from tiktok_hub.tenancy.scope import tenant_scope

OPTIONS = [frozenset[Option](), *(frozenset({option}) for option in Option), frozenset(Option)]
NAMED = ["no option", *(option.value for option in Option), "all options"]


def plain(route: str) -> str:
    """Return a route in the form in which deeds name addresses."""
    route = re.sub(r"<path:content_type_id>", "<content_type>", route)
    route = re.sub(r"<(path|int|str):(object_id|pk)>", "<id>", route)
    return re.sub(r"<int:\w+>", "1", re.sub(r"\(\?P<app_label>[^)]*\)", "(?P<app_label>…)", route))


def address(deed: Deed, ids: dict[str, int]) -> str:
    """Return a deed's address for one tenant's objects."""
    path = deed.path.replace("links/1/", f"links/{ids.get('destinations/credentiallink', 1)}/")
    path = path.replace("keys/1/", f"keys/{ids.get('orchestrations/writekey', 1)}/")
    return path.replace("<id>", str(ids.get("/".join(path.split("/")[:2]), 1)))


def opened(browser: Client, deed: Deed, path: str) -> bool:
    """Ask for a page and say whether it let the person in; what it wrote is taken back."""
    with transaction.atomic():
        answer: Any = getattr(browser, deed.method.lower())(path, {"post": "yes"} if "delete" in path else {})
        transaction.set_rollback(True)
    assert answer.status_code in {200, 302, 403, 404}, f"{deed} answered {answer.status_code}"
    return answer.status_code in {200, 302}


@pytest.fixture
def ids(acme, ada, rita) -> dict[str, int]:
    """Address of each model's pages → the id of Acme's object; the destination is open to everybody."""
    things = things_make(acme, rita, "x")
    with tenant_scope(acme):
        Destination.objects.update(pii_setting=True)
        # So that nobody who may touch members at all is refused because this one may do more.
        Membership.objects.filter(user=rita).update(restrict_pii=True)
    return {model._meta.label_lower.replace(".", "/"): thing.pk for model, thing in things.items()}


@pytest.fixture
def browser_of(acme, client_of) -> Callable[..., Client]:
    """Log somebody in who is a member of Acme with a policy and options."""

    def make(policy: Policy, options: frozenset[Option]) -> Client:
        return client_of(person(acme, "walker@acme.example", policy, **{option.value: True for option in options}))

    return make


@pytest.mark.parametrize("options", OPTIONS, ids=NAMED)
@pytest.mark.parametrize("policy", list(Policy))
def test_every_cell_of_the_table_is_what_the_pages_do(ids, browser_of, policy, options):
    browser, granted = browser_of(policy, options), permissions(policy, options)
    wrong = [
        str(deed)
        for deed in DEEDS
        if opened(browser, deed, f"/acme/{address(deed, ids)}") != (deed.permission in granted)
    ]
    assert wrong == []


@pytest.mark.parametrize("policy", list(Policy))
def test_no_policy_of_one_tenant_opens_anything_of_another(ids, globex, client_of, policy):
    everything = {option.value: True for option in Option if option in ADDED}
    browser = client_of(person(globex, "walker@globex.example", policy, **everything))
    assert [str(deed) for deed in DEEDS if opened(browser, deed, f"/acme/{address(deed, ids)}")] == []
    things = [deed for deed in DEEDS if "<id>" in deed.path]
    assert [str(deed) for deed in things if opened(browser, deed, f"/globex/{address(deed, ids)}")] == []


def test_every_permission_opens_something():
    names = {model._meta.model_name for model in tenant_site._registry}
    granted = {name for policy in Policy for name in permissions(policy) if name.rpartition("_")[2] in names}
    assert granted - SEEN_ELSEWHERE == {deed.permission for deed in DEEDS}


def test_every_address_belongs_to_a_permission():
    known = {deed.path for deed in DEEDS} | OPEN
    assert [route for route in ROUTES if plain(route) not in known and not _leads_to_change(route)] == []


def _leads_to_change(route: str) -> bool:
    """Say whether this is Django's own redirect from an object's address to its form."""
    return bool(re.fullmatch(r"\w+/\w+/<path:object_id>/", route))


def test_every_model_with_pages_stands_in_the_table():
    labels = {label for cells in (*TABLE.values(), *ADDED.values()) for label in cells}
    # Invitations go with members, single sign-on with the tenant's settings; a sandbox is a tenant.
    others = {"people.invitation", "people.singlesignon", "sandboxes.sandbox"}
    assert {model._meta.label_lower for model in tenant_site._registry} - others <= labels


def test_options_that_take_win_over_options_that_add():
    both = permissions(Policy.OPERATOR, frozenset({Option.ALLOW_USER_ADMINISTRATION, Option.RESTRICT_DOWNLOADS}))
    assert "audit.view_entry" in both
    assert not [name for name in both if ".download_" in name]
    assert not set(ADDED) & set(TAKEN)
