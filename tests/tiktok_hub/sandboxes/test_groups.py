"""Groups and what follows what, between production and its sandbox."""

import pytest

from orchestrations.groups.services import group_members_set
from orchestrations.models import Orchestration, OrchestrationGroup, Schedule
from orchestrations.removing import orchestration_delete
from orchestrations.schedules.timetables import Wish, members_of, schedule_save
from tests.tiktok_hub.sandboxes.conftest import get
from tests.tiktok_hub.sandboxes.test_promote import problems
from tiktok_hub.sandboxes.services import sandbox_delete
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope


def group_make(tenant: Tenant, user: object) -> None:
    """Let a group run both orchestrations, and one orchestration follow the other."""
    with tenant_scope(tenant):
        group = OrchestrationGroup.objects.create(tenant=tenant, name="nightly", order="parallel")
        send, keep = (Orchestration.objects.get(name=name) for name in ("send", "keep"))
        group_members_set(group=group, members=[keep, send])
        schedule_save(orchestration=keep, wish=Wish(time_zone="UTC", after=send), user=user)


def test_groups_and_followers_travel_to_production_in_the_promoters_name(sandbox, production, promote, ada):
    group_make(sandbox.twin, ada)
    promote()
    with tenant_scope(production):
        group = get(production, OrchestrationGroup, "nightly")
        assert ([each.name for each in members_of(group)], group.order) == (["keep", "send"], "parallel")
        assert str(Schedule.objects.get(orchestration__name="keep").after) == "send"


def test_what_production_still_runs_in_a_group_or_follows_is_not_removed(sandbox, production, promote, ada):
    group_make(production, ada)
    with tenant_scope(sandbox.twin):
        orchestration_delete(orchestration=Orchestration.objects.get(name="send"))
    said = problems(promote, remove=True)
    assert "“nightly” runs it in production" in said
    assert "“keep” follows it in production" in said


@pytest.mark.parametrize("made", [True, False])
def test_a_sandbox_with_groups_is_deleted(sandbox, admin, ada, made):
    if made:
        group_make(sandbox.twin, ada)
    sandbox_delete(sandbox=sandbox, membership=admin, typed=sandbox.twin.slug)
    assert not Tenant.objects.filter(pk=sandbox.twin.pk).exists()
