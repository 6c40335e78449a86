"""Deleting a sandbox takes all of it, and nothing else."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import default_storage
from django_scopes import scopes_disabled

from orchestrations.models import Audience, Orchestration, Run, RunAudience
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.configuration import tenant_export
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.sandboxes.services import sandbox_create, sandbox_delete
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.fixture
def ran(sandbox):
    """A sandbox with a run that has ended, and an audience."""
    with tenant_scope(sandbox.twin) as twin:
        keep = Orchestration.objects.get(name="keep")
        run = Run.objects.create(tenant=twin, orchestration=keep, status="succeeded", inputs={})
        audience = Audience.objects.create(tenant=twin, name="Buyers", advertiser_id="1", transport="streaming")
        RunAudience.objects.create(tenant=twin, run=run, audience=audience, number=1)
    return sandbox


def test_a_deleted_sandbox_leaves_no_row_and_no_file(
    ran, production, admin, django_capture_on_commit_callbacks
):  # fmt: skip
    pk = ran.twin_id
    assert default_storage.exists(f"{pk}/datasets")
    before = tenant_export(production)
    with django_capture_on_commit_callbacks(execute=True):
        sandbox_delete(sandbox=ran, membership=admin, typed="acme-test")
    assert not Tenant.objects.filter(slug="acme-test").exists()
    assert not default_storage.exists(str(pk))
    assert default_storage.exists(f"{production.pk}/datasets")
    assert tenant_export(production) == before
    with scopes_disabled():
        assert not Sandbox.objects.exists()


def test_the_audit_log_of_a_deleted_sandbox_stays(ran, production, admin):
    pk = ran.twin_id
    with scopes_disabled():
        before = Entry.objects.filter(tenant_id=pk).count()
        sandbox_delete(sandbox=ran, membership=admin, typed="acme-test")
        assert Entry.objects.filter(tenant_id=pk).count() > before
        assert Entry.objects.filter(tenant=production, action=Action.SANDBOX_DELETED).count() == 1


def test_another_sandbox_stays(ran, production, admin):
    second = sandbox_create(production=production, name="other", membership=admin)
    sandbox_delete(sandbox=ran, membership=admin, typed="acme-test")
    with tenant_scope(second.twin):
        assert Orchestration.objects.count() == 2


@pytest.mark.parametrize("typed", ["", "acme", "acme-other"])
def test_a_sandbox_is_deleted_only_by_its_name(ran, admin, typed):
    with pytest.raises(ValidationError, match="acme-test"):
        sandbox_delete(sandbox=ran, membership=admin, typed=typed)
    assert Tenant.objects.filter(slug="acme-test").exists()


def test_a_sandbox_in_which_something_runs_is_not_deleted(ran, admin):
    with tenant_scope(ran.twin):
        Run.objects.update(status="running")
    with pytest.raises(ValidationError, match="not finished"):
        sandbox_delete(sandbox=ran, membership=admin, typed="acme-test")


def test_who_may_not_delete_sandboxes_does_not(ran, production, bea, membership_in):
    with pytest.raises(PermissionDenied):
        sandbox_delete(sandbox=ran, membership=membership_in(bea, production), typed="acme-test")
