"""From production into the sandbox: what it takes over, and what it loses by that."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from destinations.models import Credential
from orchestrations.models import Dataset, Orchestration, Query
from tests.tiktok_hub.sandboxes.conftest import TOKEN, edit, get
from tests.tiktok_hub.sandboxes.test_promote import exported
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.configuration import tenant_export
from tiktok_hub.sandboxes.comparing import Standing, sandbox_compare
from tiktok_hub.sandboxes.services import pull_changes, sandbox_pull
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.fixture
def pull(sandbox, admin):
    """Pull as Ada."""

    def go(**options):
        return sandbox_pull(**{"sandbox": sandbox, "membership": admin, **options})

    return go


@pytest.fixture
def moved(sandbox, production):
    """Production and sandbox after both have changed: `spare` on both sides, the rest on one."""
    edit(production, Query, "spare", description="theirs")
    edit(production, Query, "buyers", description="theirs")
    edit(sandbox.twin, Query, "spare", description="ours")
    edit(sandbox.twin, Query, "purchases", description="ours")
    for tenant, name in ((sandbox.twin, "only ours"), (production, "only theirs")):
        with tenant_scope(tenant):
            Query.objects.create(tenant=tenant, name=name, sql="SELECT 1 AS one")


def description(tenant, name: str) -> str:
    """Return the description of a query."""
    return get(tenant, Query, name).description


def test_a_pull_makes_the_sandbox_what_production_is(sandbox, production, moved, pull):
    text = tenant_export(production)
    pull(remove=True)
    assert sandbox_compare(sandbox).deviations == ()
    assert exported(sandbox.twin) == exported(production)
    assert tenant_export(production) == text


def test_a_pull_when_nothing_changed_changes_nothing(sandbox, pull):
    before = tenant_export(sandbox.twin)
    assert pull() == ()
    assert tenant_export(sandbox.twin) == before


def test_a_pull_leaves_what_only_the_sandbox_has(sandbox, moved, pull):
    pull()
    assert get(sandbox.twin, Query, "only ours") is not None
    assert get(sandbox.twin, Query, "only theirs") is not None
    assert description(sandbox.twin, "purchases") == ""


def test_a_pull_removes_what_was_removed_in_production(sandbox, production, pull):
    with tenant_scope(production):
        Query.objects.get(name="spare").delete()
    pull()
    assert get(sandbox.twin, Query, "spare") is None


def test_a_pull_that_keeps_ones_changes_lets_them_be_promoted(sandbox, production, moved, pull, promote):
    pull(keep=True)
    assert description(sandbox.twin, "buyers") == "theirs"
    assert description(sandbox.twin, "spare") == "ours"
    promote()
    assert [description(production, name) for name in ("spare", "purchases", "buyers")] == ["ours", "ours", "theirs"]


def test_a_pull_says_before_what_it_will_overwrite(sandbox, moved):
    comparison, changes = pull_changes(sandbox)
    assert {change.name for change in changes} == {"spare", "buyers", "purchases", "only theirs"}
    lost = {each.change.name for each in comparison.of(Standing.OURS) + comparison.of(Standing.BOTH)}
    assert lost == {"spare", "purchases", "only ours"}


def test_a_pull_brings_new_tables_without_rows_and_leaves_those_that_are_there(sandbox, production, pull):
    with tenant_scope(production):
        orders = Dataset.objects.get(name="orders")
        Dataset.objects.create(
            tenant=production, name="visits", path=orders.path, columns=orders.columns, loaded_at=orders.loaded_at
        )
    before = get(sandbox.twin, Dataset, "orders").path
    pull()
    assert get(sandbox.twin, Dataset, "visits").rows == 0
    assert get(sandbox.twin, Dataset, "orders").path == before


def test_a_pull_loads_tables_anew_when_asked(sandbox, production, pull):
    pull(rows=10)
    assert get(sandbox.twin, Dataset, "orders").rows == 2
    pull(rows=0)
    assert get(sandbox.twin, Dataset, "orders").rows == 0


def test_a_pull_brings_tokens_only_when_asked(sandbox, pull):
    pull()
    assert not get(sandbox.twin, Credential, "events").access_token
    pull(tokens=True)
    assert get(sandbox.twin, Credential, "events").access_token.reveal() == TOKEN


def test_a_pull_is_in_the_log_of_both(sandbox, production, moved, pull):
    pull()
    for tenant in (production, sandbox.twin):
        with tenant_scope(tenant):
            changes = Entry.objects.get(action=Action.SANDBOX_PULLED).changes
        assert {"field": "query spare: description", "old": "ours", "new": "theirs"} in changes


def test_a_pull_that_cannot_remove_something_changes_nothing(sandbox, production, pull):
    with tenant_scope(production):
        Query.objects.get(name="spare").delete()
    with tenant_scope(sandbox.twin):
        keep = Orchestration.objects.get(name="keep")
        keep.query = Query.objects.get(name="spare")
        keep.save()
    before = tenant_export(sandbox.twin)
    with pytest.raises(ValidationError, match="is used by"):
        pull(keep=True)
    assert tenant_export(sandbox.twin) == before


def test_who_may_not_change_sandboxes_does_not_pull(pull, production, bea, membership_in):
    with pytest.raises(PermissionDenied):
        pull(membership=membership_in(bea, production))
