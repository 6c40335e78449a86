"""Each night deletes what is old enough, and nothing that anybody can still ask for."""

import os
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from destinations.models import Credential, CredentialLink
from orchestrations.alerts.models import Channel, Delivery
from orchestrations.choices import RunPurpose, RunStatus
from orchestrations.models import Audience, Batch, Dataset, GroupRun, OrchestrationGroup, RetentionReport, Run
from orchestrations.retention import services
from orchestrations.retention.machine import hub_tidy
from orchestrations.retention.services import retention_preview, retention_run
from orchestrations.runs.spool import Spool
from tests.orchestrations.retention.conftest import FILES, aged, files_of, stored
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.people.models import Invitation
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

ALL, TABLES, NOTHING = set(FILES), {"rows.parquet", "issues.parquet"}, set()
OK, MIXED, FAILED = RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS, RunStatus.FAILED
CASES = [
    pytest.param(1, FAILED, {}, ALL, True, id="young"),
    pytest.param(27.9, OK, {}, ALL, True, id="just within its spool's time"),
    pytest.param(28.1, FAILED, {}, TABLES, True, id="past its spool's time"),
    pytest.param(28.1, RunStatus.CANCELLED, {}, TABLES, True, id="cancelled"),
    pytest.param(28.1, OK, {"purpose": RunPurpose.PLAN}, TABLES, True, id="a plan"),
    pytest.param(89.9, MIXED, {}, TABLES, True, id="just within its rejects' time"),
    pytest.param(90.1, FAILED, {}, NOTHING, True, id="past its rejects' time"),
    pytest.param(399.9, FAILED, {}, NOTHING, True, id="just within its own time"),
    pytest.param(400.1, FAILED, {}, NOTHING, False, id="past its own time"),
    pytest.param(400.1, OK, {}, NOTHING, True, id="the last that went well"),
    pytest.param(400.1, OK, {"sample": 10}, NOTHING, False, id="a sample that went well"),
    pytest.param(400.1, OK, {"purpose": RunPurpose.PLAN}, NOTHING, False, id="a plan that went well"),
    pytest.param(500, RunStatus.HELD, {}, ALL, True, id="held"),
    pytest.param(500, RunStatus.QUEUED, {}, ALL, True, id="queued"),
    pytest.param(500, RunStatus.RUNNING, {}, ALL, True, id="running"),
]


def retained(tenant) -> RetentionReport:
    """Let the night pass in a tenant."""
    with tenant_scope(tenant):
        report = retention_run(tenant=tenant, again=True)
    assert report is not None
    return report


@pytest.mark.parametrize(("days", "status", "values", "left", "there"), CASES)
def test_what_is_kept_of_a_run_depends_on_its_age_and_state(acme, globex, run_aged, days, status, values, left, there):
    run, other = run_aged(acme, days, status, **values), run_aged(globex, 1000)
    retained(acme)
    assert files_of(run) == left
    assert files_of(other) == ALL
    with tenant_scope(acme):
        found = Run.objects.filter(pk=run.pk).first()
        assert Batch.objects.filter(run=run.pk).exists() == there
    assert (found is not None) == there
    if found is not None:
        assert (found.spool_deleted_at is not None) == ("000001.zst" not in left)
        assert (found.rejects_deleted_at is not None) == ("rows.parquet" not in left)


@pytest.mark.parametrize(("days", "status", "values", "left", "there"), CASES)
def test_preview_says_what_the_night_then_does(acme, run_aged, days, status, values, left, there):
    run = run_aged(acme, days, status, **values)
    with tenant_scope(acme):
        foretold = retention_preview(tenant=acme)
        assert not RetentionReport.objects.exists()
    assert files_of(run) == ALL
    done = retained(acme)
    assert (foretold.deleted, foretold.kept) == (done.deleted, done.kept)


def test_contradictory_times_never_take_what_a_retry_needs(acme, run_aged, settings):
    settings.HUB_RETENTION_REJECTS_DAYS = settings.HUB_RETENTION_RUNS_DAYS = 1.0
    run = run_aged(acme, 20)
    retained(acme)
    assert files_of(run) == ALL


def test_every_run_that_can_be_tried_again_has_its_requests(acme, run_aged):
    runs = [run_aged(acme, days, status) for days in (0, 27, 29, 91) for status in (FAILED, MIXED, RunStatus.CANCELLED)]
    retained(acme)
    with tenant_scope(acme):
        kept = Run.objects.filter(spool_deleted_at=None)
        assert {run.pk for run in kept} == {run.pk for run in runs[:6]}
        assert [Spool(run.spool).body_read(1) for run in kept] == [b"[]"] * 6


@pytest.mark.parametrize("stop", range(6))
def test_night_that_is_killed_anywhere_is_finished_by_the_next(acme, run_aged, stop):
    runs = [run_aged(acme, days) for days in (30, 95, 500)]
    with tenant_scope(acme):
        work = services.Pass(acme, timezone.now()).pieces()
        for _ in range(stop):
            next(work)
        work.close()
        for run in Run.objects.all():
            assert run.spool_deleted_at or "000001.zst" in files_of(run)
            assert run.rejects_deleted_at or files_of(run) >= TABLES
    retained(acme)
    assert [files_of(run) for run in runs] == [TABLES, NOTHING, NOTHING]
    with tenant_scope(acme):
        assert {run.pk for run in Run.objects.all()} == {run.pk for run in runs[:2]}


def test_versions_of_datasets_go_when_no_run_can_ask_for_them(acme, run_aged):
    keys = {name: f"{acme.pk}/datasets/{name}.parquet" for name in ("now", "asked", "held", "old", "young")}
    for name, key in keys.items():
        stored(key, days=0 if name == "young" else 60)
    with tenant_scope(acme):
        Dataset.objects.create(tenant=acme, name="orders", path=keys["now"], loaded_at=timezone.now())
    for name, days, status in (("asked", 5, FAILED), ("held", 50, RunStatus.HELD), ("old", 50, FAILED)):
        run_aged(acme, days, status, inputs={"tables": {"orders": keys[name]}})
    report = retained(acme)
    assert [name for name, key in keys.items() if not default_storage.exists(key)] == ["old"]
    assert report.deleted["datasets"] == {"count": 1, "bytes": 10}


def test_files_that_belong_to_nothing_go_after_a_day(acme, run_aged):
    audience = f"{acme.pk}/audiences/7"
    kept = [stored(f"{acme.pk}/spool/999998/1.zst"), stored(f"{audience}/state.parquet", days=500)]
    kept.append(stored(f"{audience}/being-made.parquet"))
    gone = [stored(f"{acme.pk}/spool/999999/1.zst", days=2), stored(f"{audience}/left.parquet", days=2)]
    with tenant_scope(acme):
        Audience.objects.create(tenant=acme, name="a", advertiser_id="1", transport="file", state_path=kept[1])
    report = retained(acme)
    assert [default_storage.exists(key) for key in (*kept, *gone)] == [True, True, True, False, False]
    assert not default_storage.exists(f"{acme.pk}/spool/999999")
    assert report.deleted["orphans"]["count"] == 2


def test_links_and_invitations_go_when_they_have_long_been_over(acme):
    with tenant_scope(acme):
        credential = Credential.objects.create(tenant=acme, name="c")
        for days in (-1, 89, 91):
            over = {"tenant": acme, "token_hash": str(days), "expires_at": timezone.now() - timedelta(days=days)}
            CredentialLink.objects.create(credential=credential, **over)
            Invitation.objects.create(email=f"i{days}@acme.example", **over)
    assert retained(acme).deleted == {"links": {"count": 2, "bytes": 0}}
    with tenant_scope(acme):
        assert {link.token_hash for link in CredentialLink.objects.all()} == {"-1", "89"}
        assert {each.token_hash for each in Invitation.objects.all()} == {"-1", "89"}


def test_report_tells_numbers_reasons_and_is_in_the_audit_log_once(acme, run_aged):
    run_aged(acme, 30)
    held, last = run_aged(acme, 500, RunStatus.HELD), run_aged(acme, 500, OK)
    with tenant_scope(acme):
        report = retention_run(tenant=acme)
        assert retention_run(tenant=acme) is None
        told = Entry.objects.get(action=Action.RETENTION_DONE)
    assert report is not None
    assert {kind: amount["count"] for kind, amount in report.deleted.items()} == {"spool": 4, "rejects": 2}
    assert report.kept == {"held": {"count": 1, "runs": [held.pk]}, "last": {"count": 1, "runs": [last.pk]}}
    assert [change["field"] for change in told.changes] == ["Prepared requests (files)", "Rejected rows (files)"]


def test_two_processes_do_not_work_in_one_tenant(acme):
    with tenant_scope(acme):
        report = services._begin(acme, timezone.now(), again=True)
        assert report is not None
        assert retention_run(tenant=acme, again=True) is None
        RetentionReport.objects.update(working_until=timezone.now() - timedelta(seconds=1))
        assert retention_run(tenant=acme, again=True) is not None


def test_files_of_rejects_go_with_the_rejects(acme, globex, run_aged, tmp_path):
    runs = [run_aged(acme, 91), run_aged(acme, 89), run_aged(globex, 91)]
    (tmp_path / "rejects").mkdir()
    paths = [tmp_path / "rejects" / f"run-{number}.csv" for number in (*(run.pk for run in runs), 999999)]
    for path in paths:
        path.write_text("row")
        aged(path, 91)
    retained(acme)
    hub_tidy()
    assert [path.exists() for path in paths] == [False, True, True, False]


def test_storage_of_a_tenant_that_is_gone_goes_after_a_day(acme):
    old, young = stored("999999/spool/1/1.zst", days=2), stored("999998/spool/1/1.zst")
    kept = stored(f"{acme.pk}/datasets/x.parquet", days=2)
    then = (timezone.now() - timedelta(days=2)).timestamp()
    for folder in ("999999/spool/1", "999999/spool", "999999"):
        os.utime(default_storage.path(folder), (then, then))
    with hub_scope():
        hub_tidy()
    assert [default_storage.exists(key) for key in (old, young, kept)] == [False, True, True]
    assert not default_storage.exists("999999")


@pytest.mark.parametrize(
    ("days", "status", "prepared", "kept"),
    [
        pytest.param(0, RunStatus.QUEUED, None, True, id="being made"),
        pytest.param(0, FAILED, None, True, id="failed before it had its requests"),
        pytest.param(0, FAILED, timezone.now(), False, id="has requests of its own"),
        pytest.param(29, FAILED, None, False, id="old itself"),
    ],
)
def test_run_keeps_what_a_replay_of_it_reads(acme, run_aged, days, status, prepared, kept):
    run = run_aged(acme, 30)
    replay = run_aged(acme, days, status, replay_of=run)
    with tenant_scope(acme):
        Run.objects.filter(pk=replay.pk).update(prepared_at=prepared)
    report = retained(acme)
    assert files_of(run) == (ALL if kept else TABLES)
    assert report.kept == ({"replayed": {"count": 1, "runs": [run.pk]}} if kept else {})


@pytest.mark.parametrize(("status", "left"), [(OK, 3), (FAILED, 0)], ids=["a kept run", "a run that goes"])
def test_run_is_kept_as_long_as_the_one_that_it_followed(acme, run_aged, orchestration, status, left):
    first = run_aged(acme, 500, status)
    second = run_aged(acme, 500, after=first, orchestration=orchestration(acme, "second"))
    run_aged(acme, 500, after=second, orchestration=orchestration(acme, "third"))
    with tenant_scope(acme):
        foretold = retention_preview(tenant=acme)
    report = retained(acme)
    with tenant_scope(acme):
        assert Run.objects.count() == left
    assert (report.deleted, report.kept) == (foretold.deleted, foretold.kept)
    assert set(report.kept) == ({"last", "follower"} if left else set())


def test_execution_of_a_group_goes_with_its_last_run(acme, run_aged):
    with tenant_scope(acme):
        group = OrchestrationGroup.objects.create(tenant=acme, name="g")
        then = timezone.now() - timedelta(days=401)
        runs = [GroupRun.objects.create(tenant=acme, group=group, finished_at=then, status=FAILED) for _ in range(2)]
    run_aged(acme, 401, group_run=runs[0], position=1)
    run_aged(acme, 399, group_run=runs[1], position=1)
    assert retained(acme).deleted["runs"]["count"] == 2
    with tenant_scope(acme):
        assert list(GroupRun.objects.values_list("pk", flat=True)) == [runs[1].pk]


def test_messages_of_alerts_go_when_they_are_old_and_not_on_their_way(acme):
    with tenant_scope(acme):
        channel = Channel.objects.create(tenant=acme, name="c")
        for days, status in ((91, "sent"), (89, "sent"), (91, "waiting")):
            then = timezone.now() - timedelta(days=days)
            Delivery.objects.create(
                tenant=acme, channel=channel, title=f"{days} {status}", status=status, created_at=then
            )
        foretold = retention_preview(tenant=acme)
    assert retained(acme).deleted == foretold.deleted == {"alerts": {"count": 1, "bytes": 0}}
    with tenant_scope(acme):
        assert {each.title for each in Delivery.objects.all()} == {"89 sent", "91 waiting"}
