"""Groups by command and by API: the same rules, and the same numbers."""

import json
import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from django_scopes import scopes_disabled

from destinations.models import Destination
from orchestrations.choices import RunStatus, RunTrigger
from orchestrations.groups.services import group_members_set, group_run_go, group_run_start
from orchestrations.models import GroupRun, Orchestration, OrchestrationGroup, Run
from orchestrations.runs.leases import ACTIVE
from orchestrations.runs.services import run_start
from tests.orchestrations.conftest import order_rows, run_through
from tests.orchestrations.runs.test_commands import command  # noqa: F401 - a fixture
from tests.orchestrations.several import another, end, hold
from tests.orchestrations.test_api import program
from tiktok_hub.hub import locks
from tiktok_hub.hub.runner import lock_path
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.fixture
def members(acme, ada, orchestration_of) -> list[Orchestration]:
    """Two orchestrations."""
    first = orchestration_of(acme, order_rows(5))
    return [first, another(first, "second")]


@pytest.fixture
def group(acme, members) -> OrchestrationGroup:
    """A group of them."""
    with tenant_scope(acme):
        made = OrchestrationGroup.objects.create(tenant=acme, name="nightly")
        group_members_set(group=made, members=members)
    return made


@pytest.fixture
def hub(transactional_db) -> Iterator[None]:
    """Be a hub to others: hold its lock, and do in a thread what its workers do for groups and runs."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            with scopes_disabled():
                groups = list(GroupRun.objects.select_related("tenant").filter(finished_at=None))
                active = list(Run.objects.select_related("tenant").filter(status__in=ACTIVE))
            for each in groups:
                with tenant_scope(each.tenant):
                    group_run_go(each.pk)
            for run in active:
                with tenant_scope(run.tenant):
                    run_through(run)
        connection.close()

    worker = threading.Thread(target=work)
    with locks.exclusive(lock_path()) as lock:
        locks.holder_write(lock, {"pid": 0, "ready": True})
        worker.start()
        yield
        stop.set()
        worker.join()


def test_command_sees_a_group_through_and_tells_how_each_member_fared(command, group, hub, emulator):  # noqa: F811
    status, out, _ = command("group_run", "acme", "nightly", "--wait", "--json")
    result = json.loads(out)
    assert (status, result["status"]) == (0, "succeeded")
    told = [(each["position"], each["orchestration"], each["status"]) for each in result["members"]]
    assert told == [(1, "purchases-to-tiktok", "succeeded"), (2, "second", "succeeded")]


def test_command_fails_with_the_group_and_says_why(command, group, members, hub, emulator):  # noqa: F811
    with tenant_scope(group.tenant):
        Orchestration.objects.filter(pk=members[0].pk).update(enabled=False)
    status, out, _ = command("group_run", "acme", "nightly", "--wait")
    assert status == 1
    assert "“purchases-to-tiktok” failed, and the group stops then. 1 after it did not run." in out
    assert "2. second  did not run" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(("group_run", "acme", "nighty"), "nightly"), (("run_skip", 999), "There is no run 999.")],
)
def test_command_refuses_what_is_not_there(command, group, arguments, sentence):  # noqa: F811
    status, _, err = command(*arguments)
    assert status == 2
    assert sentence in err


def test_command_skips_a_run_once(command, acme, members, ada, membership_in):  # noqa: F811
    with tenant_scope(acme):
        run = run_start(orchestration=members[0], membership=membership_in(ada, acme), trigger=RunTrigger.API)
    end(run, RunStatus.FAILED)
    assert command("run_skip", run.pk)[:2] == (
        0, f"Run {run.pk} is left as it is. See it: manage.py run_show {run.pk}\n",
    )  # fmt: skip
    assert command("run_skip", run.pk)[0] == 2


def test_program_starts_a_group_reads_it_and_ends_it(acme, group):
    caller = program(acme)
    (found,) = caller.get("groups").json()
    assert (found["members"], found["hidden"]) == (["purchases-to-tiktok", "second"], 0)
    started = caller.post(f"groups/{found['id']}/runs")
    assert started.status_code == 202
    number = started.json()["group_run"]
    assert caller.post(f"groups/{found['id']}/runs").status_code == 409
    with tenant_scope(acme):
        group_run_go(number)
    assert [each["status"] for each in caller.get(f"group-runs/{number}").json()["members"]] == ["queued", None]
    assert [each["group_run"] for each in caller.get(f"group-runs?group={found['id']}").json()] == [number]
    assert caller.post(f"group-runs/{number}/cancel").json()["status"] == "cancelled"


def test_program_skips_a_held_run(acme, members, ada, membership_in):
    with tenant_scope(acme):
        run = run_start(orchestration=members[0], membership=membership_in(ada, acme), trigger=RunTrigger.API)
    hold(run)
    assert program(acme, Policy.BUSINESS_USER).post(f"runs/{run.pk}/skip").status_code == 403
    assert program(acme).post(f"runs/{run.pk}/skip").json()["status"] == "cancelled"


def test_program_learns_nothing_of_closed_members_and_other_tenants(acme, globex, group, members, ada, membership_in):
    with tenant_scope(acme):
        closed = Destination.objects.get()
        closed.pk, closed.name, closed.admin_only = None, "closed", True
        closed.save()
        Orchestration.objects.filter(pk=members[1].pk).update(destination=closed)
        run = group_run_start(group=group, membership=membership_in(ada, acme), trigger=RunTrigger.API)
    caller = program(acme, Policy.BUSINESS_USER)
    (found,) = caller.get("groups").json()
    assert (found["members"], found["hidden"]) == (["purchases-to-tiktok"], 1)
    assert '"second"' not in caller.get(f"group-runs/{run.pk}").content.decode()
    for path in (f"groups/{group.pk}", f"group-runs/{run.pk}"):
        assert program(globex).get(path).status_code == 404
