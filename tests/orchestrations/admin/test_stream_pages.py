"""The pages of streams: form, list, overview, keys, debugger, parameters."""

import html
import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.models import Destination
from orchestrations.choices import RunStage, RunStatus
from orchestrations.models import Chunk, Run, Stream, WriteKey
from orchestrations.streams.keys import key_digest
from orchestrations.streams.services import key_make, stream_switch
from tests.orchestrations.admin.conftest import text
from tests.orchestrations.streaming import DIGEST, EVENT, PIXEL, chunk_add, destination_in, stream_in
from tiktok_hub.tenancy.scope import tenant_scope

BASE = "/acme/orchestrations/stream/"
REJECT = [1, "email", "bad_email", "n•••y", "reject"]


@pytest.fixture
def stream(acme, globex, ada, charlie) -> Stream:
    """A stream of Acme; Globex has one, too."""
    stream_in(globex, name="globex-only")
    return stream_in(acme)


def page_of(stream: Stream, page: str = "") -> str:
    return f"{BASE}{stream.pk}/{page}"


def stored(acme) -> Stream:
    with tenant_scope(acme):
        return Stream.objects.select_related("orchestration").get()


def typed(destination: Destination, **fields: str) -> dict[str, str]:
    """Return the form as somebody fills it in."""
    return {"name": "web shop", "description": "words I typed", "destination": str(destination.pk)} | fields


def run_add(stream: Stream, **fields) -> Run:
    with tenant_scope(stream.tenant):
        return Run.objects.create(
            tenant=stream.tenant, orchestration=stream.orchestration, stage=RunStage.FINISHED,
            **{"inputs": {"plugin": "tiktok-ads-events"}, "prepared_at": timezone.now(), **fields},
        )  # fmt: skip


def test_form_makes_a_stream_and_leads_to_its_keys(acme, ada, person):
    destination = destination_in(acme, event_source="web", event_source_id=PIXEL)
    origins = {"allowed_origins": "https://shop.example/\nhttp://localhost:3000", "max_age_seconds": "5"}
    answer = person("ada").post(f"{BASE}add/", typed(destination, **origins))
    made = stored(acme)
    assert answer.url == page_of(made, "connect/")
    assert (str(made), made.max_events, made.max_age_seconds) == ("web shop", 50, 5)
    assert made.allowed_origins == ["https://shop.example", "http://localhost:3000"]
    assert made.orchestration.created_by == ada


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"allowed_origins": "shop.example"}, "is no origin"),
        ({"max_events": "1001"}, "less than or equal to 1000"),
        ({"other_sources": "abc"}, "15 to 20 digits"),
        ({"name": "shop"}, "already"),
        ({"setting_event_source_id": "abc"}, "15 to 20 digits"),
    ],
    ids=["origin", "threshold", "source", "name", "setting"],
)
def test_form_that_is_refused_keeps_what_was_typed(acme, stream, person, fields, sentence):
    page = text(person("ada").post(f"{BASE}add/", typed(stream.orchestration.destination, **fields)))
    assert sentence in page
    assert "words I typed" in page
    assert all(value in page for value in fields.values())
    assert str(stored(acme)) == "shop"


def test_form_changes_a_stream(acme, stream, person):
    own = {"max_events": "7", "max_age_seconds": "60", "max_bytes": "5000"}
    answer = person("ada").post(page_of(stream, "change/"), typed(stream.orchestration.destination, **own))
    assert answer.url == page_of(stream)
    assert (str(stored(acme)), stored(acme).max_events) == ("web shop", 7)


def test_part_of_the_form_offers_what_the_destination_takes(acme, stream, person):
    audience = destination_in(acme, "tiktok-ads")
    page = text(person("ada").post(f"{BASE}settings/", {"destination": audience.pk, "max_events": "70"}))
    assert "1800 (usual)" in page
    assert "Audience name" in page
    assert 'value="70"' in page
    assert "Other event sources" not in page


def test_list_says_what_waits_and_for_how_long(acme, stream, person):
    chunk_add(stream, [EVENT, EVENT], received_at=timezone.now() - timedelta(minutes=3))
    chunk_add(stream, [EVENT])
    run_add(stream, attempts=1, finished_at=timezone.now())
    page = text(person("rita").get(BASE))
    row = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page.split('id="result_list"')[1]))
    assert re.search(r"shop .* On 3 3 min 0 s 1 per minute", row)
    assert "globex-only" not in page


def test_list_leaves_out_streams_whose_destination_is_closed(stream, person):
    assert "“shop”" not in text(person("ben").get(BASE))
    assert person("ben").get(page_of(stream)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["It takes events and sends them as soon as there are 50 events", "Pause sending"]),
        ({"paused": True}, ["keeps what it has until somebody resumes it", "Resume"]),
        (
            {"parked_at": timezone.now(), "parked": {"sentence": "The token was revoked."}, "paused": True},
            ["sends nothing for now", "The token was revoked.", "Resume"],
        ),
    ],
    ids=["on", "paused", "parked"],
)
def test_page_says_in_a_sentence_what_the_stream_does(acme, stream, person, changes, words):
    with tenant_scope(acme):
        Stream.objects.update(**changes)
    page = text(person("olga").get(page_of(stream, "live/")))
    assert [word for word in words if word not in page] == []


def test_page_leads_to_what_did_not_arrive(stream, person):
    bad = run_add(stream, events=3, accepted=1, refused=2, status=RunStatus.SUCCEEDED_WITH_ERRORS)
    run_add(stream, events=3, accepted=3, status=RunStatus.SUCCEEDED)
    page = text(person("ada").get(page_of(stream)))
    assert "Did not arrive" in page
    assert page.count("Replay…") == 1
    assert f"/orchestrations/run/{bad.pk}/replay/" in page
    assert "What became of events and items in each hour" in page


def test_disabled_stream_says_that_it_refuses(acme, stream, person):
    person("ada").post(page_of(stream, "switch/"), {"enabled": "0"})
    assert not stored(acme).orchestration.enabled
    assert "It refuses new events; what it took before is still sent." in text(person("ada").get(page_of(stream)))


def test_operator_pauses_and_resumes(acme, stream, person):
    person("olga").post(page_of(stream, "pause/"))
    assert stored(acme).paused
    person("olga").post(page_of(stream, "resume/"))
    assert not stored(acme).paused


def test_confirmation_of_deleting_says_what_is_lost(acme, stream, person):
    chunk_add(stream, [EVENT, EVENT])
    page = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", text(person("ada").get(page_of(stream, "delete/")))))
    assert "Events that wait to be sent and would be lost: 2" in page or re.search(r"would be lost\W+2", page)
    person("ada").post(page_of(stream, "delete/"), {"post": "yes"})
    with tenant_scope(acme):
        assert not Stream.objects.exists()


def test_key_is_shown_once_and_stands_in_the_snippets(acme, stream, person):
    answer = person("ada").post(page_of(stream, "keys/add/"), {"name": "shop server"})
    key = re.search(r"hubw_[\w-]{40,}", text(answer)).group()
    assert text(answer).count(key) == 6
    assert "no-store" in answer["Cache-Control"]
    with tenant_scope(acme):
        assert WriteKey.objects.get().digest == key_digest(key)
    later = text(person("ada").get(page_of(stream, "connect/")))
    assert key not in later
    assert "YOUR_WRITE_KEY" in later
    assert f"http://testserver{stream.path}" in later


def test_key_that_cannot_be_made_keeps_its_name(acme, stream, person):
    with tenant_scope(acme):
        key_make(stream=stream, name="server", user=None)
    page = text(person("ada").post(page_of(stream, "keys/add/"), {"name": "server"}))
    assert "There is a key named" in page
    assert 'value="server"' in page


def test_key_is_revoked_by_its_button(acme, stream, person):
    with tenant_scope(acme):
        key, _ = key_make(stream=stream, name="server", user=None)
    page = page_of(stream, f"keys/{key.pk}/revoke/")
    assert person("rita").post(page).status_code == 403
    person("ada").post(page)
    with tenant_scope(acme):
        assert WriteKey.objects.get().revoked_at is not None
    assert "revoked" in text(person("ada").get(page_of(stream, "connect/")))


def test_key_of_another_stream_is_not_revoked_here(acme, stream, person):
    other = stream_in(acme, stream.orchestration.destination, name="other")
    with tenant_scope(acme):
        key, _ = key_make(stream=other, name="server", user=None)
    assert person("ada").post(page_of(stream, f"keys/{key.pk}/revoke/")).status_code == 404


def test_debugger_shows_what_came_and_what_was_said_of_it(stream, person):
    chunk_add(stream, [EVENT], [REJECT])
    page = text(person("ada").get(page_of(stream, "debugger/")))
    for words in ("order-1", "Waiting", "bad-1", "Rejected", "n•••y", "not one that can exist", "With email, ip"):
        assert words in page
    assert DIGEST[:8] in page


@pytest.mark.parametrize("who", ["ada", "rita"])
def test_debugger_shows_nobody_s_data_in_the_clear(stream, person, who):
    chunk_add(stream, [EVENT])
    page = text(person(who).get(page_of(stream, "events/")))
    assert "order-1" in page
    assert [secret for secret in (DIGEST, "203.0.113.7", "Mozilla") if secret in page] == []


def test_debugger_hides_all_of_it_from_who_may_not_see_personal_data(acme, stream, person):
    with tenant_scope(acme):
        Destination.objects.update(pii_setting=True)
    chunk_add(stream, [EVENT], [REJECT])
    page = text(person("ben").get(page_of(stream, "events/")))
    assert "order-1" in page
    assert [secret for secret in (DIGEST[:8], "n•••y") if secret in page] == []


def test_parameters_are_those_of_the_stream_s_destination(acme, ada, person):
    offline = stream_in(acme)
    page = text(person("rita").get(page_of(offline, "reference/")))
    assert "event_channel" in page
    assert "email_sha256" in page
    assert "page_url" not in page


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("{", "This is no JSON"),
        ("[]", "Type one object"),
        ('"Purchase"', "Type one object"),
        ("[1]", "Type one object"),
    ],
    ids=["no JSON", "empty list", "text", "list of numbers"],
)
def test_typed_test_that_is_no_item_is_kept_and_explained(stream, person, words, sentence):
    page = html.unescape(text(person("ada").post(page_of(stream, "test/"), {"json": words})))
    assert sentence in page
    assert f">{words}</textarea>" in page


def test_typed_test_goes_the_way_of_all_items(transactional_db, acme, stream, person):
    good = {"event": "Purchase", "email": "person@mail.example", "event_id": "mine-1"}
    bad = {"event": "Purchase", "event_id": "mine-2"}
    page = text(person("ada").post(page_of(stream, "test/"), {"json": json.dumps([good, bad])}))
    assert "1 accepted, 1 rejected." in page
    assert "mine-1" in page.split('id="stream-events"')[1]
    with tenant_scope(acme):
        assert (Chunk.objects.get().rows, Chunk.objects.get().events) == (2, 1)


def test_typed_test_of_a_stream_that_refuses_says_why(transactional_db, acme, stream, person):
    with tenant_scope(acme):
        stream_switch(stream=stream, enabled=False)
    page = text(person("ada").post(page_of(stream, "test/"), {"json": '{"event": "Purchase"}'}))
    assert "switched off" in page


def test_resume_of_a_parked_stream_says_what_stands_in_the_way(acme, stream, person):
    with tenant_scope(acme):
        Stream.objects.update(parked_at=timezone.now(), parked={"sentence": "Off."}, paused=True)
        Destination.objects.update(enabled=False)
    page = text(person("olga").post(page_of(stream, "resume/"), follow=True))
    assert "is disabled" in page
    assert "It goes on by itself as soon as the cause is gone" in page
    with tenant_scope(acme):
        Destination.objects.update(enabled=True)
    person("olga").post(page_of(stream, "resume/"))
    assert (stored(acme).parked_at, stored(acme).paused) == (None, False)
