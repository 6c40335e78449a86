"""Every failure, provoked: its page says in plain words what happened and what to do, and offers the actions."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage

from destinations.choices import CredentialStatus
from destinations.models import Credential
from destinations.tiktok.codes import CODES, MESSAGE_RULES, OTHERWISE, RANGES, STATUSES, UNREADABLE
from destinations.tiktok.resolutions import RESOLUTIONS, ResolutionAction
from orchestrations.admin.troubles import DEEDS
from orchestrations.choices import RunStatus, RunTrigger
from orchestrations.datasets import dataset_load
from orchestrations.models import Orchestration, Run
from orchestrations.runs.delivery import run_deliver
from orchestrations.runs.preparing import run_prepare
from orchestrations.runs.refusals import GROUP_REFUSED, REFUSED, SKIPPED, run_record
from orchestrations.runs.resolutions import LOCAL, resolution_of
from orchestrations.runs.services import run_start
from orchestrations.runs.spool import Spool
from tests.conformance.audiences import audiences_provider
from tests.conformance.events import events_provider
from tests.conformance.world import World
from tests.orchestrations.admin.conftest import text
from tests.orchestrations.conftest import order_rows, rows_write, run_through
from tiktok_hub.tenancy.scope import tenant_scope

OWN_WORDS = "the very words of TikTok"
EVENTS, AUDIENCE = events_provider("offline", nowhere="7654321098765432999"), audiences_provider()
FULL_MESSAGE, BUSY = "The number of audiences exceeds the limit.", "Audience is not editable, please check its status"
CREATE = {"path": "/segment/audience/"}

AT_TIKTOK = [
    pytest.param(EVENTS, 40300, OWN_WORDS, "Advertiser not found", id="advertiser not found"),
    pytest.param(EVENTS, 40105, OWN_WORDS, "Invalid credentials", id="invalid credentials"),
    pytest.param(EVENTS, 40001, OWN_WORDS, "Missing advertiser permissions", id="missing permissions"),
    pytest.param(EVENTS, 40118, OWN_WORDS, "Not on TikTok&#x27;s allow-list", id="not allow-listed"),
    pytest.param(EVENTS, 40002, "Invalid value for event_source_id", "Event source not found", id="event source"),
    pytest.param(EVENTS, 40100, OWN_WORDS, "Throttled", id="throttled"),
    pytest.param(EVENTS, 50000, OWN_WORDS, "TikTok is having problems", id="tiktok unavailable"),
    pytest.param(EVENTS, 40002, OWN_WORDS, "TikTok refused the data", id="refused data"),
    pytest.param(EVENTS, 40002, "Invalid value for test_event_code", "Invalid setting", id="invalid setting"),
    pytest.param(EVENTS, 40008, OWN_WORDS, "Unexpected answer from TikTok", id="product defect"),
    pytest.param(EVENTS, 40113, OWN_WORDS, "TikTok app not accepted", id="app not accepted"),
    pytest.param(EVENTS, 40110, OWN_WORDS, "Authorization not completed", id="authorization expired"),
    pytest.param(EVENTS, 41000, OWN_WORDS, "TikTok cannot be reached", id="not reachable"),
    pytest.param(AUDIENCE, 40002, FULL_MESSAGE, "Maximum audience limit", id="audience limit"),
    pytest.param(AUDIENCE, 40007, OWN_WORDS, "Audience not found", id="audience not found"),
    pytest.param(AUDIENCE, 40002, BUSY, "Audience cannot be edited now", id="audience not ready"),
    pytest.param(AUDIENCE, 40002, "The audience needs at least 1000 users", "Too few members", id="audience too small"),
]


def seen(run: Run, browser: Any) -> str:
    """Return the error box of a run's page, after seeing that it offers what its resolution names."""
    response = browser.get(f"/acme/orchestrations/run/{run.pk}/change/")
    _, _, rest = text(response).partition('<section class="oc-card oc-trouble"')
    box = rest.partition("</section>")[0]
    for action in response.context["trouble"].deeds:
        assert (f"/run/{run.pk}/{action}/" in box) == bool(response.context.get(f"can_{action}")), action
    assert '<ol class="oc-list"><li>' in box
    return box


def opens(box: str, key: str) -> list[str]:
    """Return the pages that a resolution names and its box does not open."""
    named = [action for action in resolution_of(key).actions if action not in DEEDS]
    return [action for action in named if f"Open the {action}" not in box]


@pytest.mark.parametrize(("provider", "code", "said", "title"), AT_TIKTOK)
def test_what_tiktok_refuses_is_explained_to_everybody_and_quoted_to_administrators(
    acme,
    ada,
    bea,
    membership_in,
    emulator,
    tmp_path,
    transactional_db,
    settings,
    client_of,
    provider,
    code,
    said,
    title,
):
    settings.HUB_RETRY_SECONDS = [0.01]
    world = World(provider, membership_in(ada, acme), emulator, tmp_path)
    world.fault({"code": code, "message": said}, match=CREATE if said == FULL_MESSAGE else None)
    run = world.finish(world.start(world.orchestration(world.rows(6))))
    mine, theirs = seen(run, client_of(ada)), seen(run, client_of(bea))
    assert (run.accepted, title in mine, title in theirs) == (0, True, True)
    assert opens(mine, run.error["resolution"]) == []
    assert [said in box and str(code) in box for box in (mine, theirs)] == [True, False]
    assert run.error["request_id"] in mine


class FullStorage(FileSystemStorage):
    """A storage whose disk is full from the second request on."""

    def _save(self, name: str, content: Any) -> str:
        if name.endswith("000002.zst"):
            with open("/dev/full", "wb") as disk:
                disk.write(content.read())
        return super()._save(name, content)


def column_missing(orchestration: Orchestration, folder: Any) -> None:
    rows = [{name: row[name] for name in row if name != "timestamp"} for row in order_rows(4)]
    file = rows_write(folder / "other.csv", rows)
    dataset_load(tenant=orchestration.tenant, name="orders", file=file, filename="orders.csv")


def query_broken(orchestration: Orchestration, folder: Any) -> None:
    orchestration.query.sql = "SELECT emial FROM orders"
    orchestration.query.save()


def rows_bad(orchestration: Orchestration, folder: Any) -> None:
    file = rows_write(folder / "other.csv", order_rows(4, email="nobody"))
    dataset_load(tenant=orchestration.tenant, name="orders", file=file, filename="orders.csv")


def file_gone(run: Run, settings: Any) -> None:
    default_storage.delete(run.inputs["tables"]["orders"])


def file_damaged(run: Run, settings: Any) -> None:
    default_storage.save(run.inputs["tables"]["orders"], ContentFile(b"PAR1 and nothing else"))


def engine_down(run: Run, settings: Any) -> None:
    settings.HUB_QUERY_MEMORY = "much"


def zone_unknown(run: Run, settings: Any) -> None:
    Run.objects.filter(pk=run.pk).update(inputs=run.inputs | {"time_zone": "Mars/Olympus"})


def input_lost(run: Run, settings: Any) -> None:
    Run.objects.filter(pk=run.pk).update(inputs={name: run.inputs[name] for name in run.inputs if name != "country"})


def disk_full(run: Run, settings: Any) -> None:
    backend = {"BACKEND": "tests.orchestrations.admin.test_resolutions.FullStorage"}
    settings.STORAGES = {**settings.STORAGES, "default": settings.STORAGES["default"] | backend}


def body_lost(run: Run, settings: Any) -> None:
    assert run_prepare(run.pk)
    for number in (1, 2):
        default_storage.delete(Spool(run.spool).body_path(number))
    run_deliver(run.pk)


BEFORE = [
    pytest.param(column_missing, "missing_column", "Missing column", id="missing column"),
    pytest.param(query_broken, "query_failed", "Did you mean “email”?", id="query failed"),
    pytest.param(rows_bad, "no_eligible_rows", "No eligible rows", id="no eligible rows"),
]
DURING = [
    pytest.param(file_gone, "dataset_gone", "Dataset file missing", id="dataset gone"),
    pytest.param(file_damaged, "dataset_damaged", "Dataset file damaged", id="dataset damaged"),
    pytest.param(engine_down, "source_unreachable", "Source unreachable", id="source unreachable"),
    pytest.param(zone_unknown, "preparation_failed", "The rows could not be prepared", id="preparation failed"),
    pytest.param(input_lost, "unexpected", "Unexpected failure", id="unforeseen fault"),
    pytest.param(disk_full, "spool_full", "Storage is full", id="spool full"),
    pytest.param(body_lost, "prepared_data_lost", "Prepared requests are gone", id="prepared requests lost"),
]


@pytest.fixture
def started(acme, ada, membership_in, orchestration_of, emulator) -> Callable[[], Run]:
    """Start a run of 1,500 good orders of Acme's: two requests."""
    orchestration_of(acme, order_rows(1500))

    def start() -> Run:
        orchestration = Orchestration.objects.select_related("query", "tenant").get()
        return run_start(
            orchestration=orchestration, membership=membership_in(ada, acme), trigger=RunTrigger.MANUAL
        )  # fmt: skip

    return start


def check(run: Run, person: Any, key: str, says: str) -> None:
    """See that both kinds of people read what happened, and that nothing is left half done."""
    mine, theirs = seen(run, person("ada")), seen(run, person("bea"))
    assert run.error["resolution"] == key
    assert says in mine
    assert says in theirs
    assert opens(mine, key) == []
    assert run.accepted == 0


@pytest.mark.parametrize(("break_it", "key", "says"), BEFORE)
def test_what_is_wrong_with_query_or_data_is_explained(acme, started, person, tmp_path, break_it, key, says):
    with tenant_scope(acme):
        break_it(Orchestration.objects.select_related("query", "tenant").get(), tmp_path)
        run = run_through(started())
    check(run, person, key, says)


@pytest.mark.parametrize(("break_it", "key", "says"), DURING)
def test_what_breaks_on_this_side_is_explained_and_nothing_is_sent(
    acme, started, person, settings, held, break_it, key, says
):
    with tenant_scope(acme):
        run = started()
        break_it(run, settings)
        run = run_through(Run.objects.get(pk=run.pk))
        left = default_storage.exists(run.spool) and default_storage.listdir(run.spool)[1]
    check(run, person, key, says)
    assert not left or key == "prepared_data_lost"
    assert held("7654321098765432100") == {}


def test_a_run_that_found_no_room_can_be_retried_when_there_is_some(
    acme, ada, membership_in, started, settings, person, held
):
    plain = settings.STORAGES
    with tenant_scope(acme):
        run = started()
        disk_full(run, settings)
        run = run_through(run)
        settings.STORAGES = plain
        person("ada").post(f"/acme/orchestrations/run/{run.pk}/retry/")
        assert run_through(Run.objects.get(pk=run.pk)).status == RunStatus.SUCCEEDED
    assert len(held("7654321098765432100")) == 1500


@pytest.mark.parametrize(
    ("key", "waits", "title"),
    [
        pytest.param(REFUSED, False, "The schedule could not start this run", id="schedule refused"),
        pytest.param(SKIPPED, False, "This run was left out", id="schedule skipped"),
        pytest.param(GROUP_REFUSED, False, "The group could not start this run", id="group refused"),
        pytest.param(REFUSED, True, "The credential waits to be authorised", id="credential waits"),
    ],
)
def test_a_run_that_never_started_says_what_to_do(ready, person, key, waits, title):
    with tenant_scope(ready.tenant):
        if waits:
            Credential.objects.update(status=CredentialStatus.EXPIRED)
        run = run_record(
            orchestration=ready, status=RunStatus.FAILED, resolution=key, sentence="It did not start.",
            trigger=RunTrigger.SCHEDULE, started_by=None,
        )  # fmt: skip
    assert all(title in seen(run, person(name)) for name in ("ada", "bea"))
    assert ("Open the credential" in seen(run, person("ada"))) == waits


MEANINGS = [*CODES.values(), *(rule.meaning for rule in MESSAGE_RULES), OTHERWISE, UNREADABLE]
MEANINGS += [meaning for table in (RANGES, STATUSES) for _, meaning in table]


def test_every_code_and_every_local_cause_leads_to_actions():
    entries = [*(resolution_of(meaning.resolution) for meaning in MEANINGS), *RESOLUTIONS.values(), *LOCAL.values()]
    assert [entry.key for entry in entries if not entry.actions or not entry.steps] == []
    assert {action for entry in entries for action in entry.actions} == set(ResolutionAction)
    assert all(sentence.endswith(".") for entry in entries for sentence in (entry.cause, *entry.steps))
