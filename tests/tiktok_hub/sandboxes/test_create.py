"""What a sandbox gets of production: configuration and people; rows and tokens only when asked."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django_scopes import scopes_disabled

from destinations.models import Credential
from orchestrations.models import Dataset, Orchestration, Query, Schedule
from orchestrations.queries import query_preview
from tests.tiktok_hub.sandboxes.conftest import TOKEN, edit, get
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.sandboxes.comparing import sandbox_compare
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.sandboxes.services import sandbox_create, sandbox_of
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, Tenant
from tiktok_hub.tenancy.scope import tenant_scope


def test_a_sandbox_is_a_tenant_of_its_own_that_knows_its_production(sandbox, production):
    twin = sandbox.twin
    assert (twin.slug, twin.name, twin.sandbox_of) == ("acme-test", "Acme Retail · test", production)
    assert (twin.time_zone, twin.default_country) == ("America/New_York", "US")


def test_a_new_sandbox_does_not_deviate_from_production(sandbox):
    assert sandbox_compare(sandbox).deviations == ()


def test_a_sandbox_has_tables_without_rows_over_which_queries_run(sandbox):
    with tenant_scope(sandbox.twin) as twin:
        dataset = Dataset.objects.get(name="orders")
        assert (dataset.rows, dataset.pii_columns) == (0, {"mail"})
        assert dataset.path.startswith(f"{twin.pk}/")
        preview = query_preview(tenant=twin, sql=Query.objects.get(name="purchases").sql, masked=False)
    assert preview.rows == []
    assert [name for name, _ in preview.columns] == ["event", "timestamp", "email"]


def test_the_first_rows_of_each_dataset_come_along_when_asked(production, admin):
    sandbox = sandbox_create(production=production, name="rows", membership=admin, rows=10)
    assert get(sandbox.twin, Dataset, "orders").rows == 2
    assert get(sandbox.twin, Dataset, "orders").digest != get(production, Dataset, "orders").digest


def test_credentials_have_no_token_until_somebody_asks(sandbox):
    credential = get(sandbox.twin, Credential, "events")
    assert not credential.access_token
    assert not credential.is_usable


def test_tokens_are_copied_when_asked_and_the_log_of_both_says_so_without_them(production, other, admin):
    sandbox = sandbox_create(production=production, name="live", membership=admin, tokens=True)
    credential = get(sandbox.twin, Credential, "events")
    assert credential.access_token.reveal() == TOKEN
    assert credential.is_usable
    for tenant in (production, sandbox.twin):
        with tenant_scope(tenant):
            entry = Entry.objects.get(action=Action.SANDBOX_CREATED)
        assert {"field": "tokens", "old": None, "new": "copied: ads, events"} in entry.changes
        assert entry.actor == "ada@acme.example"
    with scopes_disabled():
        assert TOKEN not in str(list(Entry.objects.values()))
        assert TOKEN not in str(list(Sandbox.objects.values()))


def test_everybody_of_production_is_in_the_sandbox_with_policy_and_options(sandbox, production):
    people = []
    for tenant in (production, sandbox.twin):
        with tenant_scope(tenant):
            rows = Membership.objects.select_related("user")
            people.append({row.user.email: (row.policy, row.options) for row in rows})
    assert people[0] == people[1]
    assert "charlie@globex.example" not in people[1]


def test_who_loses_a_right_in_production_loses_it_in_the_sandbox(sandbox, production, bea, membership_in):
    with tenant_scope(production):
        member = Membership.objects.get(user=bea)
        member.policy, member.restrict_pii = Policy.READ_ONLY, True
        member.save()
        twin = membership_in(bea, sandbox.twin)
        assert (twin.policy, twin.restrict_pii) == (Policy.READ_ONLY, True)
        member.delete()
    with tenant_scope(sandbox.twin):
        assert not Membership.objects.filter(user=bea).exists()


def test_a_second_factor_that_production_requires_is_required_in_the_sandbox(sandbox, production, other):
    production.require_mfa = True
    production.save()
    assert set(Tenant.objects.filter(require_mfa=True).values_list("slug", flat=True)) == {"acme", "acme-test"}


def test_schedules_are_there_in_the_name_of_who_made_the_sandbox(sandbox, ada):
    with tenant_scope(sandbox.twin):
        schedule = Schedule.objects.get(orchestration__name="send")
        assert (schedule.cron, schedule.enabled, schedule.set_by) == ("0 6 * * *", True, ada)


def test_several_sandboxes_of_one_production_are_apart(sandbox, production, admin):
    second = sandbox_create(production=production, name="other", membership=admin)
    edit(sandbox.twin, Query, "spare", description="mine")
    assert sandbox_compare(second).deviations == ()
    assert {each.slug for each in production.sandboxes.all()} == {"acme-test", "acme-other"}


def test_there_is_no_sandbox_of_a_sandbox(sandbox, ada, membership_in):
    with pytest.raises(ValidationError, match="sandbox itself"):
        sandbox_create(production=sandbox.twin, name="deep", membership=membership_in(ada, sandbox.twin))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test", "taken"), ("", "Lower-case"), ("Big", "Lower-case"), ("a/b", "Lower-case"), ("-a", "Lower-case"),
        ("a" * 40, "too long"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_is_refused(sandbox, production, admin, name, message):
    before = Tenant.objects.count()
    with pytest.raises(ValidationError, match=message):
        sandbox_create(production=production, name=name, membership=admin)
    assert Tenant.objects.count() == before


@pytest.mark.parametrize(
    ("policy", "options", "asked"),
    [
        pytest.param(Policy.READ_ONLY, {"allow_sandbox_administration": False}, {}, id="no option"),
        pytest.param(Policy.BUSINESS_USER, {"restrict_pii": True}, {"rows": 10}, id="rows without personal data"),
        pytest.param(Policy.BUSINESS_USER, {}, {"tokens": True}, id="tokens without credentials"),
    ],
)
def test_a_copy_needs_the_right_to_what_is_copied(deputy, production, membership_in, policy, options, asked):
    membership = membership_in(deputy(policy), production)
    for name, value in options.items():
        setattr(membership, name, value)
    with pytest.raises(PermissionDenied):
        sandbox_create(production=production, name="mine", membership=membership, **asked)
    assert not Tenant.objects.filter(slug="acme-mine").exists()


def test_a_sandbox_whose_tables_cannot_be_read_is_not_made(production, admin):
    edit(production, Dataset, "orders", path=f"{production.pk}/datasets/gone.parquet")
    with pytest.raises(ValidationError, match="cannot be read"):
        sandbox_create(production=production, name="half", membership=admin)
    assert not Tenant.objects.filter(slug="acme-half").exists()


def test_a_sandbox_is_known_to_its_own_production_alone(sandbox, production, other):
    assert sandbox_of(sandbox.twin) == sandbox
    with tenant_scope(other):
        assert not Sandbox.objects.exists()
    with tenant_scope(sandbox.twin):
        assert Orchestration.objects.count() == 2
