"""What the live debugger says of items, from waiting to TikTok's verdict."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orchestrations.admin.stream_events import Seen, seen
from orchestrations.choices import BatchStatus, RunStage, RunStatus
from orchestrations.models import Batch, Run, Stream
from orchestrations.runs.spool import Spool
from orchestrations.streams.flushing import stream_flush
from tests.orchestrations.streams.conftest import items
from tests.orchestrations.streams.test_stream_runs import TRACK, sent
from tiktok_hub.tenancy.scope import tenant_scope


def words(stream: Stream, **options: bool) -> list[str]:
    """Return the verdicts, the newest item first."""
    with tenant_scope(stream.tenant):
        return [item.verdict.word for item in look(stream, **options)]


def look(stream: Stream, *, restricted: bool = False, raw: bool = True) -> list[Seen]:
    return seen(stream, restricted=restricted, raw=raw)


@pytest.fixture
def stream(acme, globex, stream_new) -> Stream:
    return stream_new(acme)


def test_items_wait_are_sent_and_get_their_verdicts(stream, chunk_new, fault):
    fault({"match": TRACK, "action": {"poison": {"event_id": "order-00002"}}})
    chunk_new(stream, [*items(3), *items(1, 3, email="nobody")])
    chunk_new(stream, [*items(1, 4), *items(1)])
    assert words(stream) == ["Waiting", "Waiting", "Rejected", "Waiting", "Waiting", "Waiting"]
    sent(stream)
    assert words(stream) == ["Duplicate", "Accepted", "Rejected", "Refused", "Accepted", "Accepted"]


def test_items_of_a_run_that_is_not_prepared_are_being_sent(stream, chunk_new):
    chunk_new(stream, items(1))
    with tenant_scope(stream.tenant):
        stream_flush(stream.pk, timezone.now() + timedelta(days=1))
    assert words(stream) == ["Being sent"]


@pytest.mark.parametrize(
    ("batch", "run", "word"),
    [
        ({"status": BatchStatus.UNKNOWN, "open_ranges": [[0, 1]]}, {}, "Unknown"),
        ({"status": BatchStatus.UNSENT, "open_ranges": [[0, 1]]}, {"status": RunStatus.FAILED}, "Not sent"),
        ({"open_ranges": [[0, 1]]}, {"status": RunStatus.RUNNING, "stage": RunStage.DELIVERING}, "Being sent"),
    ],
    ids=["unknown", "not sent", "being sent"],
)
def test_what_did_not_arrive_is_told(stream, chunk_new, emulator, batch, run, word):
    chunk_new(stream, items(1))
    made = sent(stream)
    with tenant_scope(stream.tenant):
        Batch.objects.filter(run=made).update(**batch)
        Run.objects.filter(pk=made.pk).update(**run)
    assert words(stream) == [word]


def test_what_is_known_of_the_run_is_told_when_its_spool_is_gone(stream, chunk_new, emulator):
    chunk_new(stream, items(1))
    run = sent(stream)
    with tenant_scope(stream.tenant):
        Spool(run.spool).clear()
        Run.objects.filter(pk=run.pk).update(spool_deleted_at=run.created_at)
    assert words(stream) == ["Accepted"]


def test_tiktok_s_own_words_are_for_administrators(stream, chunk_new, fault):
    fault({"match": TRACK, "action": {"poison": {"event_id": "order-00000"}}})
    chunk_new(stream, items(2))
    sent(stream)
    with tenant_scope(stream.tenant):
        told = [look(stream, raw=raw)[1].verdict.sentence for raw in (True, False)]
    assert told[0].startswith("TikTok refused it (")
    assert told[1] == "TikTok refused it."


def test_changes_of_an_audience_are_told_with_their_run(sharer, acme):
    sharer.send([{"action": "add", "email": "a@b.example"}])
    with tenant_scope(acme):
        (item,) = look(Stream.objects.select_related("orchestration__destination").get())
    assert (item.name, item.identifiers, item.verdict.word) == ("add", ["email"], "Accepted")
    assert "a@b.example" not in item.text
