"""Streams as they are made, changed and deleted, and their write keys."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from orchestrations.choices import RunStage, RunStatus
from orchestrations.models import Chunk, Orchestration, Run, Stream, WriteKey
from orchestrations.streams.keys import key_digest
from orchestrations.streams.services import (
    key_make,
    key_revoke,
    origins_clean,
    stream_change,
    stream_delete,
    stream_make,
    stream_pause,
    stream_resume,
)
from tests.orchestrations.streaming import EVENT, PIXEL, chunk_add, destination_in, stream_in
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.scope import tenant_scope

OTHER = "C4AFGT5K8M2N6P7Q9R0T"


@pytest.fixture
def stream(acme, globex, ada) -> Stream:
    """A stream of Acme."""
    return stream_in(acme)


def test_stream_is_made_with_an_orchestration_that_has_no_query(stream, acme, ada):
    with tenant_scope(acme):
        made = Orchestration.objects.get()
        assert (made.query, made.stream, made.name, made.created_by) == (None, stream, "shop", ada)


@pytest.mark.parametrize(
    ("plugin", "expected"), [("tiktok-ads-events", (50, 300, 1_000_000)), ("tiktok-ads", (1_000, 1_800, 1_000_000))]
)
def test_stream_has_the_thresholds_usual_for_its_destination(acme, ada, plugin, expected):
    made = stream_in(acme, destination_in(acme, plugin))
    assert (made.max_events, made.max_age_seconds, made.max_bytes) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["https://Shop.Example/"], ["https://shop.example"]),
        (["https://shop.example:443", "http://shop.example:80"], ["https://shop.example", "http://shop.example"]),
        (["http://localhost:8080", " http://localhost:8080 ", ""], ["http://localhost:8080"]),
        (["https://büro.example"], ["https://xn--bro-hoa.example"]),
        (["http://[::1]:5000"], ["http://[::1]:5000"]),
        (["*"], ["*"]),
    ],
    ids=["case and slash", "usual ports", "once", "punycode", "IPv6", "any"],
)
def test_origin_is_kept_as_browsers_send_it(lines, expected):
    assert origins_clean(lines) == expected


@pytest.mark.parametrize(
    "line",
    [
        *(
            "shop.example",
            "https://",
            "ftp://shop.example",
            "https://shop.example/cart",
            "https://a@shop.example",
            "**",
        ),
        *("https://shop.example:99999", "https://shop example", "https://shop.example?x", "null", "**"),
    ],
)
def test_origin_that_is_none_is_refused(line):
    with pytest.raises(ValidationError, match="is no origin"):
        origins_clean([line])


def test_other_sources_are_pixels_besides_the_stream_s_own(acme, ada):
    destination = destination_in(acme, event_source="web", event_source_id=PIXEL)
    assert stream_in(acme, destination, other_sources=[OTHER, OTHER, PIXEL]).other_sources == [OTHER]


@pytest.mark.parametrize(
    ("plugin", "changes", "field", "words"),
    [
        ("tiktok-ads-events", {"other_sources": ["abc"]}, "other_sources", "15 to 20 digits"),
        ("tiktok-ads", {"other_sources": ["7654321098765432100"]}, "other_sources", "has no event sources"),
        ("tiktok-ads-events", {"max_events": 1_001}, "max_events", "1000"),
        ("tiktok-ads-events", {"max_age_seconds": 0}, "max_age_seconds", "1"),
        ("tiktok-ads-events", {"settings": {"event_source_id": "no"}}, "event_source_id", "15 to 20 digits"),
        ("tiktok-ads-events", {"name": ""}, "name", "blank"),
    ],
    ids=["no event set", "sources of an audience", "too many events", "no age", "bad setting", "no name"],
)
def test_stream_that_could_not_send_is_refused(acme, ada, plugin, changes, field, words):
    with pytest.raises(ValidationError) as caught:
        stream_in(acme, destination_in(acme, plugin), **changes)
    assert words in " ".join(caught.value.message_dict[field])
    with tenant_scope(acme):
        assert not Orchestration.objects.exists()


def test_stream_on_a_destination_that_sends_files_is_refused(acme, ada):
    with pytest.raises(ValidationError, match="streaming transport"):
        stream_in(acme, destination_in(acme, "tiktok-ads", transport="file"))


def test_stream_name_is_taken_by_an_orchestration(stream, acme):
    with pytest.raises(ValidationError, match="already"):
        stream_in(acme, stream.orchestration.destination)


def test_stream_on_a_destination_that_is_closed_to_them_is_refused(acme, ben, membership_in):
    destination = destination_in(acme)
    with tenant_scope(acme), pytest.raises(PermissionDenied, match="not open to you"):
        stream_make(name="shop", destination=destination, membership=membership_in(ben, acme))


def test_change_that_is_refused_leaves_everything_as_it_was(stream, acme, ada, membership_in):
    with tenant_scope(acme), pytest.raises(ValidationError):
        stream_change(stream=stream, membership=membership_in(ada, acme), name="web shop", max_events=0)
    with tenant_scope(acme):
        stored = Stream.objects.select_related("orchestration").get()
    assert (str(stored), stored.max_events) == ("shop", 50)


def test_change_reaches_the_stream_and_its_orchestration(stream, acme, ada, membership_in):
    with tenant_scope(acme):
        stream_change(stream=stream, membership=membership_in(ada, acme), name="web shop", max_events=7)
        stored = Stream.objects.select_related("orchestration").get()
    assert (str(stored), stored.max_events) == ("web shop", 7)


def test_pause_and_resume_stand_in_the_log(stream, acme):
    with tenant_scope(acme):
        stream_pause(stream=stream)
        assert Stream.objects.get().paused
        stream_resume(stream=stream)
        told = [entry.changes for entry in Entry.objects.filter(object_type="orchestrations.stream", action="changed")]
    assert [change["new"] for changes in told for change in changes if change["field"] == "paused"] == [False, True]


def test_deleted_stream_takes_its_keys_and_what_waits_along(stream, acme):
    chunk_add(stream, [EVENT])
    with tenant_scope(acme):
        key_make(stream=stream, name="server", user=None)
        stream_delete(stream=stream)
        assert [model.objects.count() for model in (Orchestration, Stream, WriteKey, Chunk)] == [0, 0, 0, 0]


def test_stream_that_is_sending_is_not_deleted(stream, acme):
    with tenant_scope(acme):
        Run.objects.create(
            tenant=acme, orchestration=stream.orchestration, status=RunStatus.RUNNING, stage=RunStage.DELIVERING
        )
        with pytest.raises(ValidationError, match="is not finished yet"):
            stream_delete(stream=stream)
        assert Stream.objects.exists()


def test_key_is_stored_as_a_digest_alone(stream, acme, ada):
    with tenant_scope(acme):
        key, text = key_make(stream=stream, name=" server ", user=ada)
        stored = WriteKey.objects.get()
        told = str([entry.changes for entry in Entry.objects.all()])
    assert (stored.digest, stored.beginning, stored.name) == (key_digest(text), text[:12], "server")
    assert text not in told
    assert stored.digest not in told


@pytest.mark.parametrize("name", ["", "  ", "server", "x" * 121], ids=["empty", "blank", "taken", "too long"])
def test_key_needs_a_name_of_its_own(stream, acme, name):
    with tenant_scope(acme):
        key_make(stream=stream, name="server", user=None)
        with pytest.raises(ValidationError):
            key_make(stream=stream, name=name, user=None)
        assert WriteKey.objects.count() == 1


def test_key_is_revoked_once(stream, acme):
    with tenant_scope(acme):
        key, _ = key_make(stream=stream, name="server", user=None)
        assert key_revoke(key=key)
        assert not key_revoke(key=key)
        assert WriteKey.objects.get().revoked_at is not None
