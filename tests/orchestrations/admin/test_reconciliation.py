"""The reconciliation page: numbers that add up, of what is open to somebody, and the same as files."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from orchestrations.admin.reconciling_audiences import polyline
from orchestrations.choices import AudienceStatus, RunPurpose, RunStatus
from orchestrations.models import AudienceReading, Orchestration, Run
from tests.orchestrations.admin.conftest import text
from tests.orchestrations.audiences.made import audience_made
from tests.orchestrations.conftest import order_rows
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

PAGE, FILE = "/acme/orchestrations/run/reconciliation/", "/acme/orchestrations/run/reconciliation.csv"
ROWS = {"selected": 100, "rejected": 7, "duplicates": 3, "in_events": 90}
EVENTS = {"events": 80, "accepted": 70, "refused": 4, "unknown": 1}
GOOD = {"status": RunStatus.SUCCEEDED, "rejected_by_reason": {"bad_email": 7}, **ROWS, **EVENTS}


@pytest.fixture
def orchestration(acme, orchestration_of) -> Orchestration:
    """An orchestration of Acme that sends events."""
    return orchestration_of(acme, order_rows(1))


def ran(orchestration: Orchestration, *, days: float = 0, prepared: bool = True, **fields) -> Run:
    """Make a run of some days ago."""
    at = timezone.now() - timedelta(days=days)
    with tenant_scope(orchestration.tenant):
        run = Run.objects.create(tenant=orchestration.tenant, orchestration=orchestration, **{**GOOD, **fields})
        Run.objects.filter(pk=run.pk).update(created_at=at, prepared_at=at if prepared else None)
    return run


def seen(person, name: str = "ada", **asked: object):
    """Return what the page is made of."""
    return person(name).get(PAGE, asked).context


def lines(response) -> list[dict[str, str]]:
    """Read a file."""
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_sums_of_the_period_add_up(orchestration, person):
    ran(orchestration)
    ran(orchestration, days=3, sample=10)
    part = seen(person)["parts"][0]
    assert [each.adds_up for each in part.sums] == [True, True]
    assert (part.total.valid, part.total.sent, part.total.unsent) == (186, 150, 10)
    assert [(line.runs, line.counts["accepted"]) for line in part.lines] == [(2, 140)]
    assert "does not add up" not in text(person("ada").get(PAGE))


@pytest.mark.parametrize(
    ("fields", "runs"),
    [
        ({}, 1),
        ({"days": 6}, 1),
        ({"days": 8}, 0),
        ({"purpose": RunPurpose.PLAN}, 0),
        ({"prepared": False, "status": RunStatus.FAILED}, 0),
    ],
    ids=["today", "inside", "before", "plan", "not-prepared"],
)
def test_sums_hold_what_was_there_to_send_in_the_period(orchestration, person, fields, runs):
    ran(orchestration, **fields)
    assert sum(part.total.runs for part in seen(person, days=7)["parts"]) == runs


def test_runs_without_sums_are_counted_apart(orchestration, person):
    ran(orchestration, prepared=False, status=RunStatus.FAILED)
    page = text(person("ada").get(PAGE))
    assert "1 run of these days is not in the sums" in page
    assert "Nothing to reconcile yet" in page


def test_a_row_that_is_nowhere_shows(orchestration, person):
    ran(orchestration, in_events=89)
    assert "does not add up" in text(person("ada").get(PAGE))


def test_one_orchestration_is_shown_run_by_run(orchestration, acme, person):
    run = ran(orchestration)
    audience_made(acme, name="others")
    context = seen(person, orchestration=orchestration.pk)
    assert [line.url for line in context["runs"]] == [f"/acme/orchestrations/run/{run.pk}/change/"]
    assert context["audiences"] == []


@pytest.mark.parametrize(
    "asked", [{"days": "x"}, {"days": "9999"}, {"orchestration": "9" * 30}, {"orchestration": "-1"}]
)
def test_what_makes_no_sense_is_as_if_it_were_not_said(orchestration, person, asked):
    ran(orchestration)
    context = seen(person, **asked)
    assert (context["days"], context["chosen"], len(context["parts"])) == (30, None, 1)


@pytest.mark.parametrize(("name", "parts"), [("bea", 1), ("rita", 1), ("ben", 0)])
def test_only_destinations_that_are_open_count(orchestration, person, name, parts):
    ran(orchestration)
    assert len(seen(person, name)["parts"]) == parts
    assert seen(person, name, orchestration=orchestration.pk)["chosen"] == (orchestration if parts else None)


def test_another_tenants_runs_count_nowhere(orchestration, globex, orchestration_of, person, acme):
    ran(orchestration_of(globex, order_rows(1)))
    assert seen(person)["parts"] == []
    assert person("charlie").get(PAGE).status_code == 404


def test_audiences_tell_match_rate_and_what_is_missing(acme, person):
    audience = audience_made(acme, status=AudienceStatus.TOO_SMALL, people=1500, size=600, read_at=timezone.now())
    with tenant_scope(acme):
        for days, size in ((3, 500), (2, 600)):
            at = timezone.now() - timedelta(days=days)
            AudienceReading.objects.create(tenant=acme, audience=audience, read_at=at, status="too_small", size=size)
    [line] = seen(person)["audiences"]
    assert (line.rate, line.missing, line.audience.pk) == (40.0, 400, audience.pk)
    assert line.trend == "0.0,4.7 120.0,1.0"
    assert seen(person, "ben")["audiences"] == []


@pytest.mark.parametrize(("size", "rate"), [(None, None), (0, 0.0)], ids=["never-read", "nobody-matched"])
def test_match_rate_is_told_only_where_it_is_known(acme, person, size, rate):
    audience_made(acme, people=1500, size=size)
    assert [line.rate for line in seen(person)["audiences"]] == [rate]


def test_sizes_that_are_all_zero_make_a_line():
    assert polyline([0, 0]) == "0.0,23.0 120.0,23.0"


def test_file_of_runs_has_the_same_numbers_and_no_formulas(orchestration, person):
    with tenant_scope(orchestration.tenant):
        Orchestration.objects.update(name="=cmd()")
    run, lost = ran(orchestration), ran(orchestration, prepared=False, status=RunStatus.FAILED)
    found = lines(person("ada").get(FILE, {"days": 7}))
    assert [(row["run"], row["adds_up"]) for row in found] == [(str(run.pk), "yes"), (str(lost.pk), "not prepared")]
    assert (found[0]["orchestration"], found[0]["accepted"], found[0]["unsent"]) == ("'=cmd()", "70", "5")
    with tenant_scope(orchestration.tenant):
        assert Entry.objects.filter(action=Action.RECONCILIATION_DOWNLOADED).count() == 1


def test_file_of_audiences_has_the_match_rate(acme, person):
    audience_made(acme, people=1500, size=600)
    [row] = lines(person("ada").get(FILE, {"what": "audiences"}))
    assert (row["people_told"], row["size_at_tiktok"], row["match_rate_percent"]) == ("1500", "600", "40.0")


def test_files_leave_out_what_is_closed_to_somebody(orchestration, acme, person):
    ran(orchestration)
    audience_made(acme)
    assert lines(person("ben").get(FILE)) == lines(person("ben").get(FILE, {"what": "audiences"})) == []


def test_files_are_for_people_who_may_download(orchestration, acme, bea, person):
    ran(orchestration)
    assert "reconciliation.csv" in text(person("bea").get(PAGE))
    with tenant_scope(acme):
        Membership.objects.filter(user=bea).update(restrict_downloads=True)
    assert "reconciliation.csv" not in text(person("bea").get(PAGE))
    assert person("bea").get(FILE).status_code == 403
