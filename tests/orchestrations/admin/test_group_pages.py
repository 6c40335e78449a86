"""Groups on the pages: form, page, buttons, the page of a run; and what may be skipped."""

import re

import pytest

from destinations.models import Destination
from orchestrations.choices import RunStatus
from orchestrations.groups.services import group_members_set, group_run_go
from orchestrations.models import GroupRun, Orchestration, OrchestrationGroup, Run, Schedule
from orchestrations.schedules.timetables import Wish, members_of, schedule_save
from tests.orchestrations.admin.conftest import text
from tests.orchestrations.several import another, end, hold
from tiktok_hub.tenancy.scope import tenant_scope

BASE = "/acme/orchestrations/orchestrationgroup/"
RUNS = "/acme/orchestrations/grouprun/"


@pytest.fixture
def members(ready) -> list[Orchestration]:
    """Three orchestrations."""
    return [ready, another(ready, "second"), another(ready, "third")]


@pytest.fixture
def group(acme, members) -> OrchestrationGroup:
    """A group of the first two."""
    with tenant_scope(acme):
        made = OrchestrationGroup.objects.create(tenant=acme, name="nightly")
        group_members_set(group=made, members=members[:2])
    return made


def typed(*members: Orchestration, **fields: str) -> dict[str, str]:
    """Return the form with these members, the first line left empty."""
    lines = {f"member_{number}": str(each.pk) for number, each in enumerate(members, 2)}
    plain = {"name": "nightly", "description": "words I typed", "enabled": "on", "order": "sequence"}
    return plain | {"on_failure": "stop"} | lines | fields


def names(group: OrchestrationGroup) -> list[str]:
    with tenant_scope(group.tenant):
        return [each.name for each in members_of(group)]


def page_of(group: OrchestrationGroup, page: str = "") -> str:
    return f"{BASE}{group.pk}/{page}"


def only(acme) -> OrchestrationGroup:
    with tenant_scope(acme):
        return OrchestrationGroup.objects.select_related("tenant").get()


def test_form_makes_a_group_with_members_in_the_order_of_the_lines_and_a_schedule(acme, members, person):
    cron = {"schedule-kind": "cron", "schedule-cron": "30 2 * * *", "schedule-overlap": "skip"}
    answer = person("bea").post(f"{BASE}add/", typed(*members[::-1], **cron, **{"schedule-missed": "once"}))
    made = only(acme)
    assert answer.url == page_of(made)
    assert names(made) == ["third", "second", "purchases-to-tiktok"]
    with tenant_scope(acme):
        assert Schedule.objects.get().set_by.name == "Bea"
    page = text(person("bea").get(page_of(made)))
    assert "At 02:30 every day" in page
    assert "Runs 3 orchestrations" in page


def test_form_says_what_is_wrong_and_keeps_what_was_typed(acme, group, members, person):
    mistakes = typed(members[0], members[0], name="nightly")
    page = text(person("bea").post(f"{BASE}add/", mistakes))
    assert "There is a group named “nightly” already" in page
    assert "“purchases-to-tiktok” is a member already." in page
    assert "words I typed" in page
    assert page.count(f'<option value="{members[0].pk}" selected>') == 2


def test_form_refuses_a_group_that_would_start_itself(acme, members, person):
    after = {"schedule-kind": "after", "schedule-after": str(members[0].pk), "schedule-ends": "any"}
    after |= {"schedule-overlap": "skip", "schedule-missed": "once"}
    assert "would be a circle that never ends" in text(person("bea").post(f"{BASE}add/", typed(members[0], **after)))
    assert person("bea").post(f"{BASE}add/", typed(members[1], **after)).status_code == 302
    assert "after “purchases-to-tiktok”" in text(person("bea").get(BASE))


def test_form_changes_the_order_and_leaves_out_empty_lines(group, members, person):
    person("bea").post(page_of(group, "change/"), typed(members[2], members[0]))
    assert names(group) == ["third", "purchases-to-tiktok"]
    assert "third" in text(person("bea").get(page_of(group, "change/")))


def test_preview_shows_what_a_group_follows(members, person):
    fields = {"schedule-kind": "after", "schedule-after": str(members[0].pk), "schedule-overlap": "skip"}
    page = text(person("bea").post(f"{BASE}schedule/", fields | {"schedule-missed": "once"}))
    assert "After “purchases-to-tiktok” has succeeded without errors" in page
    fields["schedule-after"] = ""
    page = text(person("bea").post(f"{BASE}schedule/", fields | {"schedule-missed": "once"}))
    assert "Choose the orchestration whose runs are to be followed" in page


def test_who_may_not_see_a_member_does_not_change_the_group(group, members, acme, ada, person):
    with tenant_scope(acme):
        closed = Destination.objects.create(
            tenant=acme, name="closed", plugin="tiktok-ads-events", credential=members[0].destination.credential,
            settings=members[0].destination.settings, admin_only=True,
        )  # fmt: skip
        Orchestration.objects.filter(pk=members[1].pk).update(destination=closed)
    page = text(person("bea").get(page_of(group)))
    assert "1 more is not open to you" in page
    assert "second" not in page
    page = text(person("bea").post(page_of(group, "change/"), typed(members[0])))
    assert "Some members of this group are not open to you" in page
    assert names(group) == ["purchases-to-tiktok", "second"]
    with tenant_scope(acme):
        run = GroupRun.objects.create(
            tenant=acme, group=group, order="sequence", on_failure="stop",
            members=[{"orchestration": each.pk, "name": each.name} for each in members[:2]],
        )  # fmt: skip
    page = text(person("bea").get(f"{RUNS}{run.pk}/change/"))
    assert ("not open to you" in page, "second" in page) == (True, False)
    assert "second" in text(person("ada").get(f"{RUNS}{run.pk}/change/"))


def started(group: OrchestrationGroup) -> GroupRun:
    with tenant_scope(group.tenant):
        found = GroupRun.objects.select_related("tenant").get()
        group_run_go(found.pk)
    return found


def members_run(group_run: GroupRun, position: int) -> Run:
    with tenant_scope(group_run.tenant):
        return Run.objects.select_related("tenant").get(group_run=group_run, position=position)


def test_page_of_a_run_shows_every_member_and_polls_until_it_has_ended(group, person):
    answer = person("bea").post(page_of(group, "run/"))
    group_run = started(group)
    assert answer.url == f"{RUNS}{group_run.pk}/change/"
    page = text(person("bea").get(answer.url))
    assert "hx-get" in page
    assert "waits for its turn" in page
    end(members_run(group_run, 1), RunStatus.FAILED)
    started(group)
    page = text(person("bea").get(f"{RUNS}{group_run.pk}/live/"))
    assert "“purchases-to-tiktok” failed, and the group stops then. 1 after it did not run." in page
    assert "did not run" in page
    assert "hx-get" not in page
    assert re.search(r"failed, and the group stops", text(person("rita").get(page_of(group))))
    assert text(person("bea").get(RUNS)).count("Failed") >= 1


def test_a_group_run_is_cancelled_and_the_group_disabled(group, person):
    person("bea").post(page_of(group, "run/"))
    group_run = started(group)
    person("bea").post(f"{RUNS}{group_run.pk}/cancel/")
    assert "Cancelled" in text(person("bea").get(f"{RUNS}{group_run.pk}/change/"))
    person("bea").post(page_of(group, "switch/"), {"enabled": "0"})
    page = text(person("bea").post(page_of(group, "run/"), follow=True))
    assert "The group “nightly” is disabled." in page


def test_schedule_of_a_group_is_paused_and_its_changes_are_shown_to_who_may_read_the_log(group, bea, person):
    with tenant_scope(group.tenant):
        schedule_save(orchestration=group, wish=Wish(time_zone="UTC", cron="30 2 * * *"), user=bea)
    person("bea").post(page_of(group, "pause/"), {"enabled": "0"})
    page = text(person("ada").get(page_of(group)))
    assert "It is paused" in page
    assert "enabled: yes → no" in page
    assert "In the audit log" in page
    assert "Who changed what" not in text(person("bea").get(page_of(group)))


def test_group_is_deleted_unless_it_runs(group, person, acme):
    person("bea").post(page_of(group, "run/"))
    page = text(person("bea").get(page_of(group, "delete/"), follow=True))
    assert "is not finished yet" in page
    group_run = started(group)
    person("bea").post(f"{RUNS}{group_run.pk}/cancel/")
    person("bea").post(page_of(group, "delete/"), {"post": "yes"})
    with tenant_scope(acme):
        assert not OrchestrationGroup.objects.exists()
        assert Run.objects.get().group_run_id is None


def test_member_is_not_deleted_and_its_page_says_why(group, members, person):
    page = text(person("ada").get(f"/acme/orchestrations/orchestration/{members[0].pk}/delete/", follow=True))
    assert "is a member of the group “nightly”" in page


@pytest.mark.parametrize(
    ("status", "who", "offered"),
    [("failed", "bea", True), ("held", "bea", False), ("held", "olga", True), ("failed", "rita", False)],
)
def test_skip_is_offered_to_who_may_and_takes_the_run_off_the_first_page(group, person, status, who, offered):
    person("bea").post(page_of(group, "run/"))
    group_run = started(group)
    run = members_run(group_run, 1)
    hold(run) if status == "held" else end(run, RunStatus.FAILED)
    address = f"/acme/orchestrations/run/{run.pk}/"
    assert ("run-skip" in text(person(who).get(f"{address}change/"))) is offered
    assert f"{address}change/" in attention(person("olga"))
    if offered:
        page = text(person(who).post(f"{address}skip/", follow=True))
        assert f"Run {run.pk} is left as it is." in page
        assert f"group run {group_run.pk} of nightly" in page
        assert f"{address}change/" not in attention(person("olga"))


def attention(browser) -> str:
    """Return what the first page says needs somebody."""
    return text(browser.get("/acme/")).partition("Recent runs")[0]


def test_circle_names_a_group_that_is_not_saved_yet(acme, members, person):
    after = {"schedule-kind": "after", "schedule-after": str(members[0].pk), "schedule-overlap": "skip"}
    page = text(person("bea").post(f"{BASE}add/", typed(members[0], **after, **{"schedule-missed": "once"})))
    assert "“nightly” → “purchases-to-tiktok” → “nightly”" in page
