"""Markers go in at every door; they come out at none: no token, and no person but in the dataset's own file.

Allowed are: the dataset's file, which is the tenant's own; digests of people in storage, where the spool's requests and
the state of an audience are made of them, and nowhere else; the answer of the hash explainer, which shows a value's
steps to the person who typed it.
"""

import json
import logging
from hashlib import sha256
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from destinations.choices import CredentialType
from orchestrations.choices import RunPurpose, RunStatus
from orchestrations.models import Audience, Run
from tests.leaks.governed import governed
from tests.leaks.journey import CONVERSION, PEOPLE, Journey
from tests.leaks.traces import Traces, broker_recorded
from tests.orchestrations.alerts.receivers import receiver_running
from tests.programs import wait_for
from tiktok_hub.tenancy.scope import tenant_scope

ALERT_PAGES = [f"alerts/{name}/" for name in ("channel", "rule", "incident", "delivery")]
TYPED = {"kind": "EMAIL", "value": "Zqtyped.Person+shop@mail.example", "country": ""}
FORMS_OF_TYPED = ("zqtyped.person", "zqtypedperson")
TOLD = sha256(PEOPLE["e-mail as audiences hash it"].encode()).hexdigest()
EXPLAINED = sha256(b"zqtypedperson@mail.example").hexdigest()


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


def pages(runs: list[Run], audience: Audience) -> list[str]:
    """Return the pages that somebody with restricted access looks at after these runs."""
    of_run = ("change/", "live/", "batches/", "issues.csv")
    return [
        "",
        *(f"orchestrations/{name}/" for name in ("run", "dataset", "orchestration", "audience")),
        *(f"orchestrations/run/{run.pk}/{page}" for run in runs for page in of_run),
        *(f"orchestrations/query/{run.orchestration.query_id}/change/" for run in runs),
        f"orchestrations/audience/{audience.pk}/change/",
    ]


def test_no_secret_and_no_person_is_left_anywhere(journey, traces, hub, ben, client_of, caplog):
    caplog.set_level(logging.DEBUG)
    with broker_recorded(traces), receiver_running() as receiver:
        channel = journey.alerts(receiver)
        runs = travel(journey, hub.url)
        wait_for(lambda: any(alert["rule"] == "failed" for got in receiver.documents for alert in got["alerts"]))
        traces.add("alerts", [got.body for got in receiver.got])
        journey.visit(client_of(journey.membership.user), "Ada", [f"alerts/channel/{channel.pk}/change/", *ALERT_PAGES])
        governed(journey, hub.url, runs[0].pk)
        audience = explained(journey, hub.url, journey.membership.user.email, ben.email)
        with tenant_scope(journey.tenant):
            paths = pages(runs, audience)
        journey.visit(client_of(ben), "Ben", paths)
        journey.visit_hub(hub.url, ben.email, paths)
    traces.add("log records", [(record.getMessage(), record.args, record.exc_text) for record in caplog.records])
    traces.add("output of the processes", hub.log.read_bytes())
    for collect in (traces.database, traces.files, traces.broker):
        collect()
    assert_worth_searching(traces, runs)
    leaks = traces.leaks({*journey.secrets.values(), *PEOPLE.values(), *FORMS_OF_TYPED, TOLD, EXPLAINED})
    state, spools = f"file storage/{audience.state_path}", [f"file storage/{run.spool}/" for run in runs]
    assert (state, TOLD) in leaks
    assert sorted(leak for leak in leaks if not (leak[1] == TOLD and leak[0].startswith((state, *spools)))) == []
    assert [path for path in Path(django_settings.HUB_DATA_DIR, "work").rglob("*") if path.is_file()] == []


def assert_worth_searching(traces: Traces, runs: list[Run]) -> None:
    """See that what was searched is what the product left, and not empty."""
    assert b"run_deliver" in traces.found["broker's commands"]
    assert b"run_deliver" in traces.found["output of the processes"]
    records = [json.loads(line) for line in traces.found["output of the processes"].splitlines() if line[:1] == b"{"]
    about = {(record.get("tenant"), record.get("run"), record.get("task")) for record in records}
    assert {("acme", run.pk, task) for run in runs[:2] for task in ("run_prepare", "run_deliver")} <= about
    assert {"request", "batch", "task_id"} <= set().union(*records)
    assert b"connectionpool" in traces.found["output of the processes"]
    assert b"Hash explainer" in traces.found["explainer that is opened again"]
    assert b"gAAAAA" in traces.found["table destinations_credential"]  # what Fernet's ciphertext begins with
    for deed in (b"run.started", b"secret_link.used", b"invitation.accepted", b"sandbox.created", b"login_failed"):
        assert deed in traces.found["table audit_entry"]
    for run in (runs[0], runs[-1]):
        assert b"bad_email" in traces.found[f"Ben's page orchestrations/run/{run.pk}/issues.csv"]
    assert any(name.endswith(".zst") for name in traces.found)


def travel(journey: Journey, hub: str) -> list[Run]:
    """Connect, send events and an audience with every kind of trouble, plan, and stumble over a cell."""
    by_link, pasted, for_audiences = journey.authorise(hub), journey.paste(), journey.paste(CredentialType.AUDIENCES)
    first = journey.orchestration("by link", by_link, "SELECT * FROM people")
    second = journey.orchestration("pasted", pasted, "SELECT * FROM people")
    stumbling = journey.orchestration("stumbling", pasted, CONVERSION)
    audience = journey.audience(for_audiences)
    journey.trouble()
    runs = [journey.run(orchestration) for orchestration in (first, second, stumbling)]
    runs += [journey.run(audience, RunPurpose.PLAN), journey.run(audience)]
    journey.preview_failing()
    good, mixed = RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS
    assert [run.status for run in runs] == [mixed, mixed, RunStatus.FAILED, good, mixed]
    assert all(run.rejected and run.refused == 1 and run.warnings for run in (*runs[:2], runs[-1]))
    return runs


def explained(journey: Journey, hub: str, email: str, restricted: str) -> Audience:
    """Ask how values become digests: one that nobody told TikTok, and one that TikTok was told."""
    with tenant_scope(journey.tenant):
        audience = Audience.objects.get()
    masked = journey.explain(hub, restricted, **TYPED)
    assert "your access to personal data is restricted" in masked
    journey.traces.add("explainer for people with restricted access", masked.replace(EXPLAINED, ""))
    page = journey.explain(hub, email, **TYPED, audience=str(audience.pk))
    assert EXPLAINED in page
    page = journey.explain(hub, email, **{**TYPED, "value": PEOPLE["e-mail"]}, audience=str(audience.pk))
    assert TOLD in page
    return audience


def test_the_search_finds_what_is_hidden(traces):
    traces.add("plain", "so ZQMARK it is")
    traces.add("packed", b'{"body": "W1swLCAxXSwgInpxbWFyayBoaWRkZW4iXQ=="}')
    traces.add("clean", "nothing")
    assert traces.leaks({"zqmark"}) == {("plain", "zqmark"), ("packed", "zqmark")}
