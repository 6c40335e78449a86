"""First, every n-th, recovery: what is told of a trouble that lasts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential
from orchestrations.alerts.choices import RuleKind
from orchestrations.alerts.models import Incident, Notice
from orchestrations.alerts.services import alerts_old
from orchestrations.choices import AudienceStatus, RunPurpose, RunStatus
from orchestrations.models import Audience, GroupRun, OrchestrationGroup, Run, Schedule
from orchestrations.runs.refusals import GROUP_REFUSED, REFUSED, SKIPPED
from tiktok_hub.tenancy.scope import tenant_scope

F, S, H, C = RunStatus.FAILED, RunStatus.SUCCEEDED, RunStatus.HELD, RunStatus.CANCELLED
WELL = {"selected": 100, "in_events": 100, "events": 100, "accepted": 100}


def told(world) -> list[str]:
    """Return what Acme was told, in a word each."""
    with tenant_scope(world.tenant):
        rows = Notice.objects.order_by("pk").values_list("incident__rule__kind", "telling", "number")
        return [f"{kind} {telling} {number}" for kind, telling, number in rows]


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([F], ["failed trouble 1"]),
        ([F, F, F], ["failed trouble 1", "failed reminder 3"]),
        ([F] * 7, ["failed trouble 1", "failed reminder 3", "failed reminder 6"]),
        ([F, S], ["failed trouble 1", "failed recovery 1"]),
        ([F, F, S, S], ["failed trouble 1", "failed recovery 2"]),
        ([F, S, F], ["failed trouble 1", "failed recovery 1", "failed trouble 1"]),
        ([F, C, S], ["failed trouble 1", "failed recovery 1"]),
        ([F, C], ["failed trouble 1"]),
        ([S, S], []),
        ([C], []),
        ([H], ["held trouble 1"]),
        ([H, S], ["held trouble 1", "held recovery 1"]),
        ([F, H, S], ["failed trouble 1", "held trouble 1", "failed recovery 1", "held recovery 1"]),
    ],
    ids=lambda value: "-".join(str(each) for each in value) or "nothing",
)
@pytest.mark.parametrize("at_once", [True, False], ids=["one look", "a look each"])
def test_incident_tells_first_every_third_and_recovery(world, hook, ends, said, at_once):
    world.rule(RuleKind.FAILED, hook, every=3)
    world.rule(RuleKind.HELD, hook, every=3)
    for status in ends:
        world.run(status, **(WELL if status == S else {}))
        if not at_once:
            world.look()
    world.look()
    world.look()
    assert sorted(told(world)) == sorted(said)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": F, "error": {"resolution": REFUSED}}, ["not_started trouble 1"]),
        ({"status": C, "error": {"resolution": SKIPPED}}, ["not_started trouble 1"]),
        ({"status": F, "error": {"resolution": GROUP_REFUSED}}, ["not_started trouble 1"]),
        ({"status": F, "purpose": RunPurpose.PLAN}, []),
        ({"status": F, "sample": 10}, []),
        ({**WELL, "status": S, "rejected": 5}, []),
        ({**WELL, "status": S, "rejected": 6}, ["rejected trouble 1"]),
        ({**WELL, "status": S, "rejected": 3, "refused": 3}, ["rejected trouble 1"]),
        ({"status": S, "selected": 0}, []),
    ],
    ids=[
        "refused",
        "skipped",
        "refused in a group",
        "plan",
        "sample",
        "at the limit",
        "rejected",
        "rejected and refused",
        "no rows",
    ],
)
def test_run_is_judged_by_how_it_ended(world, hook, fields, said):
    world.run(**fields)
    world.look()
    assert told(world) == said


@pytest.mark.parametrize(
    ("before", "rows", "said"),
    [
        ([100] * 5, 49, ["rows trouble 1"]),
        ([100] * 5, 50, []),
        ([100] * 5, 150, []),
        ([100] * 5, 151, ["rows trouble 1"]),
        ([100] * 4, 1, []),
        ([90, 95, 100, 105, 1000], 120, []),
        ([100] * 5, 0, ["rows trouble 1"]),
        ([0] * 5, 1, ["rows trouble 1"]),
    ],
    ids=["too few", "just enough", "just not too many", "too many", "too few runs", "outlier", "none", "usually none"],
)
def test_unusual_rows_are_measured_by_the_median_of_successful_runs(world, hook, before, rows, said):
    for selected in before:
        world.run(S, selected=selected)
    world.run(S, selected=rows)
    world.look()
    assert told(world) == said


def test_unusual_rows_name_the_usual_range_and_end_with_a_usual_run(world, hook):
    for selected in (1000, 1000, 1000, 1000, 1000, 12, 990):
        world.run(S, selected=selected)
    world.look()
    with tenant_scope(world.tenant):
        incident = Incident.objects.get()
        assert "Usual are 500 to 1,500" in incident.notices.get(telling="trouble").text
    assert incident.closed_at is not None


@pytest.mark.parametrize(
    "fields", [{"skipped_at": timezone.now()}, {"replay_rows": "rejected"}], ids=["skipped", "replay"]
)
def test_skipped_runs_and_replays_end_nothing(world, hook, fields):
    world.run(F)
    world.run(S, **fields)
    world.look()
    assert told(world) == ["failed trouble 1"]


def test_own_rule_replaces_the_tenants(world, hook):
    quiet = world.orchestration_add("quiet")
    world.rule(RuleKind.FAILED, None, orchestration=quiet, every=1)
    world.run(F, quiet)
    world.run(F)
    world.look()
    assert told(world) == ["failed trouble 1"]
    with tenant_scope(world.tenant):
        assert Incident.objects.count() == 2


def test_own_rule_that_is_switched_off_silences_the_tenants(world, hook):
    world.rule(RuleKind.FAILED, hook, orchestration=world.orchestration, enabled=False)
    world.run(F)
    world.look()
    assert told(world) == []


def test_what_happened_before_the_rule_is_not_told(world, receiver):
    world.now -= timedelta(hours=2)
    world.run(F)
    world.channel("webhook", url=receiver.url)
    world.look()
    assert told(world) == []


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        (["ada@acme.example"], ["not_started reminder 2"]),
        (["ada@acme.example", "ops@acme.example"], ["not_started trouble 1", "not_started reminder 2"]),
    ],
    ids=["owner alone", "others too"],
)
def test_owner_who_knows_of_a_refusal_is_not_told_it_twice(world, ada, settings, addresses, said):
    settings.EMAIL_URL = "smtp://127.0.0.1:9"
    with tenant_scope(world.tenant):
        Schedule.objects.create(
            tenant=world.tenant, orchestration=world.orchestration, kind="cron", cron="0 2 * * *", time_zone="UTC",
            anchor=world.now, set_by=ada, set_at=world.now,
        )  # fmt: skip
    world.rule(RuleKind.NOT_STARTED, world.channel("email", addresses=addresses), every=2)
    for _ in range(2):
        world.run(F, error={"resolution": REFUSED})
    world.look()
    assert told(world) == said


def test_group_that_does_not_start_is_told_until_it_succeeds(world, hook):
    with tenant_scope(world.tenant):
        group = OrchestrationGroup.objects.create(tenant=world.tenant, name="nightly")
        for status, error in ((F, {"resolution": REFUSED}), (C, {"resolution": SKIPPED}), (S, {})):
            GroupRun.objects.create(
                tenant=world.tenant, group=group, status=status, error=error, finished_at=world.later(60),
                order=group.order, on_failure=group.on_failure,
            )  # fmt: skip
    world.look()
    assert told(world) == ["not_started trouble 1", "not_started recovery 2"]


def test_retried_run_that_fails_again_counts_again(world, hook):
    run = world.run(F)
    world.look()
    with tenant_scope(world.tenant):
        Run.objects.filter(pk=run.pk).update(finished_at=world.later(5))
    world.look()
    with tenant_scope(world.tenant):
        assert Incident.objects.get().count == 2


def test_credential_is_told_once_by_each_state_and_when_it_is_authorised_again(world, hook):
    def becomes(status: str, minutes: int) -> None:
        with tenant_scope(world.tenant):
            checked = world.later(60 * minutes)
            Credential.objects.update(status=status, checked_at=checked, problem="TikTok refuses it.")
        world.look()
        world.look()

    becomes(CredentialStatus.EXPIRED, 1)
    becomes(CredentialStatus.EXPIRED, 1)
    becomes(CredentialStatus.FAILED, 1)
    becomes(CredentialStatus.PENDING, 1)
    becomes(CredentialStatus.AUTHORISED, 1)
    assert told(world) == ["credential trouble 1", "credential trouble 3", "credential recovery 3"]


def test_credential_that_could_not_be_checked_for_days_is_in_doubt(world, hook):
    with tenant_scope(world.tenant):
        Credential.objects.update(checked_at=world.now - timedelta(days=4), problem="The last check failed.")
    world.look()
    with tenant_scope(world.tenant):
        assert Incident.objects.get().headline == "The credential “events” is in doubt"


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ([AudienceStatus.TOO_SMALL], ["audience trouble 1"]),
        ([AudienceStatus.EXPIRING, AudienceStatus.EXPIRED], ["audience trouble 1", "audience trouble 2"]),
        ([AudienceStatus.DELETED, AudienceStatus.CALCULATING], ["audience trouble 1"]),
        ([AudienceStatus.FAILED, AudienceStatus.READY], ["audience trouble 1", "audience recovery 1"]),
        ([AudienceStatus.NEW, AudienceStatus.CALCULATING, AudienceStatus.READY], []),
    ],
    ids=lambda value: "-".join(str(each) for each in value) or "nothing",
)
def test_audience_is_told_as_its_state_changes(world, hook, states, said):
    with tenant_scope(world.tenant):
        audience = Audience.objects.create(tenant=world.tenant, name="a", advertiser_id="1", transport="streaming")
    for status in states:
        with tenant_scope(world.tenant):
            Audience.objects.filter(pk=audience.pk).update(status=status, read_at=world.later(60))
        world.look()
    assert told(world) == said


def test_audience_that_tiktok_still_fills_is_not_called_too_small(world, hook):
    with tenant_scope(world.tenant):
        Audience.objects.create(
            tenant=world.tenant, name="a", advertiser_id="1", transport="streaming", state_at=timezone.now(),
            status=AudienceStatus.TOO_SMALL, read_at=timezone.now(),
        )  # fmt: skip
    world.look()
    assert told(world) == []


def test_other_tenant_is_told_nothing(world, hook, other, receiver):
    other.channel("webhook", url=receiver.url)
    world.run(F)
    assert len(world.tick()) == 1
    assert other.tick() == []
    assert told(other) == []


def test_purge_keeps_what_is_open_and_what_waits(world, hook):
    world.run(F)
    world.tick()
    world.run(S)
    world.run(H)
    world.look()
    with tenant_scope(world.tenant):
        assert sum(rows.delete()[0] for rows in alerts_old(world.now + timedelta(days=400))) > 0
        assert [each.rule.kind for each in Incident.objects.all()] == [RuleKind.HELD, RuleKind.FAILED]
        assert [each.telling for each in Notice.objects.all()] == ["recovery", "trouble"]
    assert world.look() == 0
