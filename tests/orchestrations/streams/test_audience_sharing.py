"""What people and schedules meet where a stream and a query share an audience, and the way from a post to TikTok."""

import hashlib
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import requests

from destinations.models import Destination
from orchestrations.admin.stream_events import seen
from orchestrations.admin.stream_words import stream_state, stream_troubles
from orchestrations.choices import RunStatus
from orchestrations.models import Chunk, Run, Stream
from orchestrations.schedules.scheduling import schedules_tick
from orchestrations.schedules.timetables import Wish, schedule_save
from orchestrations.streams.contents import contents_unpack
from orchestrations.streams.parking import run_before
from orchestrations.streams.services import key_make
from orchestrations.streams.waiting import refusals_forget
from tests.orchestrations.audiences.conftest import ids_of, people
from tests.orchestrations.streams.audiences import Sharer, adds, removes
from tiktok_hub.tenancy.scope import hub_scope

NOON = datetime(2026, 6, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("destinations.tiktok.limits.buckets.SEGMENT_QPS", 1000.0)


@pytest.mark.parametrize("overlap", ["skip", "queue"])
def test_scheduled_run_of_a_query_is_neither_skipped_nor_refused_for_a_stream(sharer, ada, overlap):
    sharer.people(people(range(3)))
    wish = Wish(time_zone="UTC", cron="0 12 * * *", overlap=overlap)
    with sharer.scope():
        schedule_save(orchestration=sharer.orchestration, wish=wish, user=ada, now=NOON - timedelta(hours=1))
    sharer.post(adds(people([7])))
    stream_run = sharer.flush()
    assert schedules_tick(NOON + timedelta(seconds=5)) == 1
    with sharer.scope():
        scheduled = Run.objects.get(orchestration=sharer.orchestration)
    assert [sharer.carry(run).status for run in (stream_run, scheduled)] == [RunStatus.SUCCEEDED] * 2
    assert sharer.held() == ids_of(people(range(3)))


def words(sharer: Sharer) -> str:
    """Return what the stream's page says of it."""
    with sharer.scope():
        stream = Stream.objects.get(pk=sharer.stream.pk)
        return stream_state(stream, run_before(stream)).sentence


def test_page_says_for_which_run_a_stream_waits(sharer):
    sharer.people(people(range(3)))
    run = sharer.start()
    assert f"run {run.pk} changes the same audience and is not finished" in words(sharer)
    sharer.carry(run)
    assert "as soon as there are" in words(sharer)


def test_held_run_of_a_query_is_named(sharer):
    sharer.send(adds(people(range(3))))
    held = sharer.run()  # of a query without anybody
    sharer.post(adds(people([8])))
    assert (held.status, sharer.flush()) == (RunStatus.HELD, None)
    assert f"run {held.pk} changes the same audience and waits until somebody releases it" in words(sharer)
    sharer.cancel(held)
    sharer.carry(sharer.flush())
    assert sharer.held() == ids_of(people([0, 1, 2, 8]))


def test_stream_of_a_destination_that_sends_files_now_keeps_what_it_has(sharer):
    sharer.post(adds(people([1])))
    for transport, waiting, sentence in (("file", 1, "choose a destination"), ("streaming", 0, "")):
        with sharer.scope():
            destination = Destination.objects.get()
            destination.settings["transport"] = transport
            destination.save()
        run = sharer.flush()
        with sharer.scope():
            parked = Stream.objects.get(pk=sharer.stream.pk).parked
        assert (run is None, sharer.waiting()) == (bool(waiting), waiting)
        assert sentence in parked.get("sentence", "")


def test_cancelled_changes_do_not_come_back(sharer):
    sharer.post(adds(people([1])))
    sharer.cancel(sharer.flush())
    assert (sharer.waiting(), sharer.flush(), sharer.audiences()) == (0, None, [])


def test_debugger_says_what_became_of_every_change(sharer):
    sharer.send(adds(people([1])))
    [poison] = ids_of(people([5]))["EMAIL_SHA256"]
    sharer.fault({"poison": {"id": poison}})
    sharer.send([*adds(people([1, 2, 2, 3, 5])), *removes(people([3]))])
    sharer.post(adds(people([9])))
    with sharer.scope():
        found = seen(sharer.stream, restricted=False, raw=True)
    assert [(item.name, item.verdict.word) for item in reversed(found)] == [
        ("add", "Accepted"),
        ("add", "In the audience"), ("add", "Accepted"), ("add", "Duplicate"), ("add", "Superseded"),
        ("add", "Refused"), ("remove", "Accepted"),
        ("add", "Waiting"),
    ]  # fmt: skip


@pytest.mark.usefixtures("_open_door")
def test_posted_changes_come_to_the_audience(sharer, live_server):
    with sharer.scope():
        _, key = key_make(stream=sharer.stream, name="server", user=None)
    digest = hashlib.sha256(b"jane@mail.example").hexdigest()
    posted = [
        *adds(people([1, 2])), {"action": "add", "email_sha256": digest.upper()},
        {"action": "remove", "email": people([2])[0]["email"]}, {"action": "subscribe", "email": "a@b.co"},
        {"email": "a@b.co"}, {"action": "add", "email": "nobody"}, {"action": "add", "email_sha256": "abc"},
    ]  # fmt: skip
    answer = requests.post(
        live_server.url + sharer.stream.path, json=posted, headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    results = answer.json()["results"]
    errors = [[error["reason"] for error in result.get("errors", [])] for result in results[4:]]
    assert (answer.status_code, [result["status"] for result in results[:4]]) == (202, ["accepted"] * 4)
    assert errors == [["bad_action"], ["bad_action"], ["bad_email"], ["missing_identity"]]
    run = sharer.carry(sharer.flush())
    assert (run.selected, run.rejected) == (8, 4)
    [phone] = ids_of(people([2]))["PHONE_SHA256"]
    assert sharer.held() == {
        "EMAIL_SHA256": {digest, *ids_of(people([1]))["EMAIL_SHA256"]},
        "PHONE_SHA256": {phone, *ids_of(people([1]))["PHONE_SHA256"]},
    }


@pytest.fixture
def _open_door():
    refusals_forget()


def test_chunks_hold_no_addresses(sharer):
    sharer.post([{"action": "add", "email": "Jane@mail.example", "phone": "+12125550001"}])
    with hub_scope():
        contents = contents_unpack(bytes(Chunk.objects.get().content))
    assert b"ane@" not in contents.body
    assert b"2125550001" not in contents.body
    assert set(orjson.loads(contents.body)["people"][0]) == {"action", "email", "phone"}


def test_run_whose_changes_wait_again_offers_no_retry(sharer, client, ada, settings):
    settings.HUB_RETRY_SECONDS = [0.01]
    sharer.fault({"http": 502})
    run = sharer.send(adds(people([1])))
    client.force_login(ada)
    page = client.get(f"/acme/orchestrations/run/{run.pk}/change/").content.decode()
    assert "waits in its stream again" in page
    assert "run-retry" not in page
    with sharer.scope():
        assert stream_troubles(Run.objects.all()) == []


def test_run_page_says_what_changes_came_to(sharer, client, ada):
    sharer.send(adds(people(range(3))))
    run = sharer.send([*adds(people([7])), *removes(people([0]))])
    client.force_login(ada)
    page = " ".join(client.get(f"/acme/orchestrations/run/{run.pk}/change/").content.decode().split())
    for text in ("People posted", "people afterwards", "Changes: who was posted is added or removed"):
        assert text in page
