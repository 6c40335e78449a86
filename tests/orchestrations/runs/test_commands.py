"""The commands about runs: what they print and the exit status, with a worker in a thread and the emulator."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django_scopes import scopes_disabled

from destinations.models import Destination
from orchestrations.choices import RunStatus
from orchestrations.management.commands.orchestration_run import Command as OrchestrationRun
from orchestrations.models import Run
from orchestrations.runs.leases import ACTIVE
from tests.orchestrations.conftest import order_rows, run_through
from tests.orchestrations.runs.test_results import dirty
from tiktok_hub.hub import locks
from tiktok_hub.hub.process import Child
from tiktok_hub.hub.runner import lock_path
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

NAME = "purchases-to-tiktok"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command() -> Command:
    """Run a command and return exit status, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        out, err = StringIO(), StringIO()
        try:
            call_command(*map(str, arguments), stdout=out, stderr=err)
        except SystemExit as end:
            return int(end.code or 0), out.getvalue(), err.getvalue()
        except CommandError as error:
            return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
        return 0, out.getvalue(), err.getvalue()

    return run


@pytest.fixture
def hub(transactional_db) -> Iterator[None]:
    """Be a hub to others: hold its lock, and do in a thread what its workers do."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            with scopes_disabled():
                active = list(Run.objects.select_related("tenant").filter(status__in=ACTIVE))
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


@pytest.fixture
def orders(acme, ada, orchestration_of) -> Callable[..., Any]:
    """Make Acme's orchestration over some rows."""
    return lambda count=20, **changes: orchestration_of(acme, order_rows(count, **changes))


def one_object(out: str) -> dict[str, Any]:
    """Read the one JSON object that stdout must be."""
    found: dict[str, Any] = json.loads(out)
    return found


def test_waiting_prints_one_object_that_accounts_for_every_row(command, hub, held, orders):
    orders(email=dirty)
    status, out, _ = command("orchestration_run", "acme", NAME, "--wait", "--json")
    result = one_object(out)
    assert status == 3
    assert (result["status"], result["selected"], result["accepted"]) == ("succeeded_with_errors", 20, 18)
    assert result["rejected_by_reason"] == {"bad_email": 2}
    assert result["rejects_file"].startswith(str(django_settings.HUB_DATA_DIR))


@pytest.mark.parametrize(
    ("changes", "action", "status"),
    [
        ({}, None, 0),
        ({"email": dirty}, None, 3),
        ({}, {"code": 40105}, 1),
        ({"timestamp": "soon"}, None, 3),
    ],
    ids=["succeeded", "with errors", "failed", "all rejected"],
)
def test_the_exit_status_says_how_it_went(command, hub, held, orders, fault, changes, action, status):
    orders(**changes)
    if action:
        fault({"match": {"path": "/event/track/"}, "action": action})
    assert command("orchestration_run", "acme", NAME, "--wait")[0] == status


def test_the_outcome_is_told_in_words(command, hub, held, orders):
    orders(email=dirty)
    _, out, err = command("orchestration_run", "acme", NAME, "--wait")
    assert "succeeded with errors" in out
    assert "2 bad_email" in out
    assert err == ""


def test_rejects_go_where_they_are_asked_to(command, hub, held, orders, tmp_path):
    orders(email=dirty)
    path = tmp_path / "rejects.csv"
    _, out, _ = command("orchestration_run", "acme", NAME, "--wait", "--json", "--rejects", path)
    assert one_object(out)["rejects_file"] == str(path)
    assert path.read_text().count("bad_email") == 2


def test_a_sample_sends_the_first_rows_and_says_that_they_count(command, hub, held, orders):
    orders()
    _, out, _ = command("orchestration_run", "acme", NAME, "--sample", 5, "--wait", "--json")
    result = one_object(out)
    assert (result["selected"], result["accepted"], result["sample"]) == (5, 5, 5)
    assert "without a test event code" in result["note"]


def test_without_waiting_the_run_is_queued_and_followed_later(command, orders, settings):
    settings.HUB_EMBEDDED_BROKER = True
    orders()
    status, out, err = command("orchestration_run", "acme", NAME)
    with scopes_disabled():
        run = Run.objects.get()
    assert (status, run.status, run.trigger) == (0, RunStatus.QUEUED, "command")
    assert f"manage.py run_show {run.pk}" in out
    assert "No hub runs" in err


def test_a_run_belongs_to_the_tenants_first_administrator_or_to_the_person_named(command, orders, bea):
    orders()
    assert command("orchestration_run", "acme", NAME, "--json")[0] == 0
    with scopes_disabled():
        first = Run.objects.select_related("started_by").get()
    assert first.started_by.email == "ada@acme.example"
    command("run_cancel", first.pk)
    command("orchestration_run", "acme", NAME, "--user", "BEA@acme.example")
    with scopes_disabled():
        assert Run.objects.select_related("started_by").latest("pk").started_by == bea


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("acne", NAME), "Did you mean “acme”?"),
        (("acme", "purchases-to-tiktk"), f"Did you mean “{NAME}”?"),
        (("globex", NAME), "There is none yet."),
        (("acme", NAME, "--user", "rita@acme.example"), "Read Only"),
        (("acme", NAME, "--user", "charlie@globex.example"), "no active member"),
        (("acme", NAME, "--user", "ben@acme.example"), "not open to you"),
    ],
    ids=["tenant", "orchestration", "another tenant's", "read only", "stranger", "closed destination"],
)
def test_wrong_use_is_one_sentence_and_status_2(command, orders, rita, charlie, ben, arguments, said):
    orders()
    with scopes_disabled():
        Destination.objects.update(admin_only=True)
    status, out, err = command("orchestration_run", *arguments, "--json")
    assert status == 2
    assert said in one_object(out)["error"]["sentence"]
    assert said in err
    with scopes_disabled():
        assert not Run.objects.exists()


def test_what_prevents_a_run_is_said_before_anything_starts(command, orders):
    orchestration = orders()
    with tenant_scope(orchestration.tenant):
        Destination.objects.update(settings={"advertiser_id": "1"})
    status, _, err = command("orchestration_run", "acme", NAME)
    assert status == 2
    assert "advertiser_id: Must be the 19-digit id" in err


def test_a_tenant_without_an_administrator_asks_for_a_name(command, orders):
    orders()
    with scopes_disabled():
        Membership.objects.all().delete()
    assert "--user" in command("orchestration_run", "acme", NAME)[2]


def test_waiting_ends_in_time_and_the_run_goes_on(command, orders):
    orders()
    with locks.exclusive(lock_path()) as lock:
        locks.holder_write(lock, {"pid": 0, "ready": True})
        status, _, err = command("orchestration_run", "acme", NAME, "--wait", "--timeout", "0.3")
    with scopes_disabled():
        run = Run.objects.get()
    assert (status, run.status) == (1, RunStatus.QUEUED)
    assert "has not ended after 0.3 s" in err
    assert f"run_cancel {run.pk}" in err


@pytest.fixture
def services() -> Iterator[Child]:
    """Be what a command started for the time of its work; it does nothing."""
    child = Child("services", [sys.executable, "-c", "import time; time.sleep(60)"], {})
    child.start()
    yield child
    child.stop(5.0)


@pytest.mark.parametrize(("status", "waited"), [(RunStatus.RUNNING, True), (RunStatus.HELD, False)])
def test_a_run_left_behind_goes_on_before_the_next_starts(command, orders, services, status, waited):
    orchestration = orders()
    command("orchestration_run", "acme", NAME)
    with tenant_scope(orchestration.tenant):
        Run.objects.update(status=status)
        with pytest.raises(CommandError, match="0.1 s") if waited else nullcontext():
            OrchestrationRun(stderr=StringIO()).left_behind_finish(orchestration, timeout=0.1, started=services)


def test_who_waits_is_told_when_nobody_works_any_more(command, orders, settings, monkeypatch):
    settings.HUB_EMBEDDED_BROKER = True
    monkeypatch.setattr("orchestrations.management.running.HUBLESS_SECONDS", 0.1)
    orchestration = orders()
    command("orchestration_run", "acme", NAME)
    with tenant_scope(orchestration.tenant), pytest.raises(CommandError, match="goes on as soon as a hub runs"):
        OrchestrationRun(stderr=StringIO()).wait(Run.objects.get(), timeout=None, started=None)


def test_show_tells_a_run_of_any_tenant(command, globex, orchestration_of, run_of, held):
    run = run_of(orchestration_of(globex, order_rows(3)))
    status, out, _ = command("run_show", run.pk, "--json")
    assert status == 0
    assert (one_object(out)["tenant"], one_object(out)["accepted"]) == ("globex", 3)


def test_show_of_a_failed_run_is_no_failure(command, acme, orchestration_of, run_of, held, fault):
    fault({"match": {"path": "/event/track/"}, "action": {"code": 40105}})
    run = run_of(orchestration_of(acme, order_rows(3)))
    status, out, _ = command("run_show", run.pk)
    assert status == 0
    assert "failed" in out


@pytest.mark.parametrize("name", ["run_show", "run_cancel", "run_retry"])
def test_a_run_that_does_not_exist_is_wrong_use(command, db, name):
    assert command(name, 4711)[::2] == (2, "There is no run 4711.")


def test_cancel_ends_a_waiting_run_once(command, orders):
    orders()
    command("orchestration_run", "acme", NAME)
    with scopes_disabled():
        run = Run.objects.get()
    assert f"Run {run.pk} is cancelled." in command("run_cancel", run.pk)[1]
    status, _, err = command("run_cancel", run.pk)
    assert (status, err) == (2, f"Run {run.pk} has ended already.")


def test_retry_sends_what_nobody_knew_of_and_tiktok_holds_it_once(command, hub, held, orders, fault):
    orders(3)
    fault({"match": {"path": "/event/track/"}, "action": {"commit_then_drop": True}, "times": 4})
    result = one_object(command("orchestration_run", "acme", NAME, "--wait", "--json")[1])
    assert (result["status"], result["unknown"]) == ("failed", 3)
    status, out, _ = command("run_retry", result["run"], "--wait", "--json")
    assert (status, one_object(out)["accepted"]) == (0, 3)
    assert {seen["held"] for seen in held("7654321098765432100").values()} == {1}


def test_retry_of_a_complete_run_has_nothing_to_do(command, hub, held, orders):
    orders(3)
    run = one_object(command("orchestration_run", "acme", NAME, "--wait", "--json")[1])["run"]
    status, _, err = command("run_retry", run)
    assert status == 2
    assert "nothing to retry" in err


def test_a_replay_is_told_and_then_done(command, hub, held, orders):
    orders(email=dirty)
    run = one_object(command("orchestration_run", "acme", NAME, "--wait", "--json")[1])["run"]
    status, out, _ = command("run_replay", run, "--rejected", "--dry-run", "--json")
    told = one_object(out)
    assert (status, told["replay"], told["rows"], told["prepared_again"]) == (0, "rejected", 2, 2)
    assert "18 events TikTok will drop as duplicates" in command("run_replay", run, "--dry-run")[1]
    status, out, _ = command("run_replay", run, "--wait", "--json")
    result = one_object(out)
    assert (status, result["replay_of"], result["replay"], result["accepted"]) == (3, run, "all", 18)
    assert {row["held"] for row in held("7654321098765432100").values()} == {1}


def test_a_replay_of_nothing_is_wrong_use(command, hub, held, orders):
    orders()
    run = one_object(command("orchestration_run", "acme", NAME, "--wait", "--json")[1])["run"]
    status, _, err = command("run_replay", run, "--unknown")
    assert (status, err) == (2, f"Run {run} has no unknown rows.")
