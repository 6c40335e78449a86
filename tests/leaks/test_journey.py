"""Markers go in at every door; they come out at none: no token, and no person but in the dataset's own file."""

import logging
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from orchestrations.choices import RunStatus
from orchestrations.models import Run
from tests.leaks.journey import CONVERSION, PEOPLE, Journey
from tests.leaks.traces import Traces, broker_recorded


@pytest.fixture
def _real_passwords(settings):
    """Let the real web server read the passwords that are made here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]


@pytest.fixture
def traces() -> Traces:
    """Everything that is left behind."""
    return Traces()


@pytest.fixture
def journey(transactional_db, _real_passwords, acme, ada, membership_in, emulator, tmp_path, traces) -> Journey:
    """Acme's way, led by Ada."""
    return Journey(membership_in(ada, acme), emulator.url, tmp_path, traces)


def pages(run: Run) -> list[str]:
    """Return the pages that somebody with restricted access looks at after a run."""
    own = f"orchestrations/run/{run.pk}/"
    return [
        "",
        "orchestrations/run/",
        *(own + page for page in ("change/", "live/", "batches/", "issues.csv")),
        f"orchestrations/query/{run.orchestration.query_id}/change/",
        "orchestrations/dataset/",
    ]


def test_no_secret_and_no_person_is_left_anywhere(journey, traces, hub, ben, client_of, caplog):
    caplog.set_level(logging.DEBUG)
    with broker_recorded(traces):
        runs = travel(journey, hub.url)
        browser = client_of(ben)
        for run in runs:
            journey.visit(browser, "Ben", pages(run))
            journey.visit_hub(hub.url, ben.email, pages(run))
    traces.add("log records", [(record.getMessage(), record.args, record.exc_text) for record in caplog.records])
    traces.add("output of the processes", hub.log.read_bytes())
    for collect in (traces.database, traces.files, traces.broker):
        collect()
    assert_worth_searching(traces, runs)
    assert sorted(traces.leaks({*journey.secrets.values(), *PEOPLE.values()})) == []
    assert [path for path in Path(django_settings.HUB_DATA_DIR, "work").rglob("*") if path.is_file()] == []


def assert_worth_searching(traces: Traces, runs: list[Run]) -> None:
    """See that what was searched is what the product left, and not empty."""
    assert b"run_deliver" in traces.found["broker's commands"]
    assert b"run_deliver" in traces.found["output of the processes"]
    assert b"connectionpool" in traces.found["output of the processes"]
    assert b"gAAAAA" in traces.found["table destinations_credential"]  # what Fernet's ciphertext begins with
    assert b"bad_email" in traces.found[f"Ben's page orchestrations/run/{runs[0].pk}/issues.csv"]
    assert any(name.endswith(".zst") for name in traces.found)


def travel(journey: Journey, hub: str) -> list[Run]:
    """Connect twice, send with every kind of trouble, and stumble over a cell."""
    by_link, pasted = journey.authorise(hub), journey.paste()
    first = journey.orchestration("by link", by_link, "SELECT * FROM people")
    second = journey.orchestration("pasted", pasted, "SELECT * FROM people")
    stumbling = journey.orchestration("stumbling", pasted, CONVERSION)
    journey.trouble()
    runs = [journey.run(orchestration) for orchestration in (first, second, stumbling)]
    journey.preview_failing()
    assert [run.status for run in runs] == [RunStatus.SUCCEEDED_WITH_ERRORS] * 2 + [RunStatus.FAILED]
    assert all(run.rejected and run.refused == 1 and run.warnings for run in runs[:2])
    return runs


def test_the_search_finds_what_is_hidden(traces):
    traces.add("plain", "so ZQMARK it is")
    traces.add("packed", b'{"body": "W1swLCAxXSwgInpxbWFyayBoaWRkZW4iXQ=="}')
    traces.add("clean", "nothing")
    assert traces.leaks({"zqmark"}) == {("plain", "zqmark"), ("packed", "zqmark")}
