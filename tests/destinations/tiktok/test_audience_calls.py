"""Calls about audiences: what they send, what TikTok then holds, and what becomes of answers nobody expects."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import md5, sha256
from typing import Any

import orjson
import pytest
import requests

from destinations.emulator.server import EmulatorServer
from destinations.tiktok import audience_calls as calls
from destinations.tiktok.client import TikTokClient
from destinations.tiktok.errors import ConfigurationError, RejectedError, RetryableError, TikTokError
from destinations.tiktok.limits import audience_buckets

ACME, GLOBEX = "7654321098765432109", "7654321098765432209"
MINUTES = 300
PEOPLE = [sha256(f"person{number}@mail.example".encode()).hexdigest() for number in range(1_200)]
FILE = "\n".join(PEOPLE[:1_000]).encode() + b"\n"
ROW = {"audience_id": 12, "name": "VIP", "audience_type": "Partner", "calculate_type": "MULTIPLE_TYPES"}


@pytest.fixture
def acme(emulator: EmulatorServer) -> Iterator[TikTokClient]:
    """Return Acme's client at an emulated TikTok."""
    with TikTokClient("emulator-token-acme", base_url=emulator.api_url) as client:
        yield client


def mapping(audience_id: str, *digests: str, action: str = "add") -> bytes:
    """Make the body that streams e-mail digests, one person each."""
    people = [[{"id": digest, "audience_ids": [audience_id]}] for digest in digests]
    body = {"advertiser_ids": [ACME], "action": action, "id_schema": ["EMAIL_SHA256"], "batch_data": people}
    return orjson.dumps(body)


def members(emulator: EmulatorServer, audience_id: str) -> set[str]:
    """Return the e-mail digests that an audience holds."""
    url = f"{emulator.url}_emulator/members"
    ids = requests.get(url, params={"audience_id": audience_id}, timeout=10).json()["ids"]
    return set(ids.get("EMAIL_SHA256", []))


def uploaded(client: TikTokClient, content: bytes = FILE) -> str:
    """Upload a file of e-mail digests and return its path."""
    return str(calls.file_upload(client, ACME, content, "EMAIL_SHA256").data["file_path"])


def created(client: TikTokClient, emulator: EmulatorServer) -> str:
    """Create an audience of a thousand people and wait until TikTok is done with it."""
    answer = calls.file_audience_create(
        client, advertiser_id=ACME, name="VIP", files=[uploaded(client)], calculate_type="EMAIL_SHA256"
    )
    emulator.state.advance(MINUTES)
    return str(answer.data["custom_audience_id"])


def page(rows: list[Any], number: int = 1, total: int = 1, counted: int | None = None) -> dict[str, Any]:
    """Return an envelope with one page of a list of audiences."""
    info = {"page": number, "total_page": total, "total_number": len(rows) if counted is None else counted}
    return {"code": 0, "data": {"list": rows, "page_info": info}}


def test_created_audience_is_listed_under_its_name(acme, emulator):
    made = calls.audience_create(acme, ACME, "VIP")
    (found,) = calls.audiences_list(acme, ACME)
    assert (found.id, found.name, found.type, found.is_creator) == (made, "VIP", calls.AUDIENCE_TYPE["streaming"], True)


def test_streamed_people_are_in_and_deleted_ones_are_out(acme, emulator):
    made = calls.audience_create(acme, ACME, "VIP")
    calls.mapping_send(acme, mapping(made, *PEOPLE[:3]), advertiser_id=ACME)
    calls.mapping_send(acme, mapping(made, PEOPLE[0], action="delete"), advertiser_id=ACME)
    assert members(emulator, made) == set(PEOPLE[1:3])


def test_file_makes_an_audience(acme, emulator):
    made = created(acme, emulator)
    assert members(emulator, made) == set(PEOPLE[:1_000])
    (found,) = calls.audiences_list(acme, ACME)
    assert (found.type, found.calculate_type) == (calls.AUDIENCE_TYPE["file"], "EMAIL_SHA256")


@pytest.mark.parametrize(
    ("action", "lines", "held"),
    [
        ("APPEND", PEOPLE[1_000:], PEOPLE),
        ("REPLACE", PEOPLE[100:], PEOPLE[100:]),
    ],
)
def test_file_changes_an_audience_by_its_action(acme, emulator, action, lines, held):
    made = created(acme, emulator)
    path = uploaded(acme, "\n".join(lines).encode() + b"\n")
    calls.file_audience_update(acme, advertiser_id=ACME, audience_id=made, files=[path], action=action)
    emulator.state.advance(MINUTES)
    assert members(emulator, made) == set(held)


def test_upload_carries_file_signature_and_type_and_its_token_in_the_header(tiktok, client):
    tiktok.says(0, data={"file_path": "0123456789abcdef"})
    content = b"email_SHA256,phone_SHA256\nab\r\n,\xc3\xa4\n"
    calls.file_upload(client, ACME, content, "MULTIPLE_TYPES")
    (seen,) = tiktok.seen
    assert seen.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert (seen.headers["access-token"], int(seen.headers["content-length"])) == ("token-abc", len(seen.body))
    for part in (
        content,
        md5(content, usedforsecurity=False).hexdigest().encode(),
        b"MULTIPLE_TYPES",
        ACME.encode(),
        b'filename="people.csv"',
    ):
        assert part in seen.body


def test_signature_of_a_file_is_its_md5(tiktok, client):
    two = b"973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b\n"
    two += b"d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69\n"
    tiktok.says(0, data={"file_path": "0123456789abcdef"})
    calls.file_upload(client, ACME, two, "EMAIL_SHA256")
    assert b"5a17e1f7e83cf5e07e3b2b12d08c9b05" in tiktok.seen[0].body


def test_a_large_file_arrives_whole(acme, emulator):
    lines = b"".join(sha256(b"%d" % number).hexdigest().encode() + b"\n" for number in range(160_000))
    assert len(calls.file_upload(acme, ACME, lines, "EMAIL_SHA256").data["file_path"]) == 16


def test_a_file_may_take_longer_than_a_connection(tiktok):
    """The sockets hold some 5 MB; what is beyond waits until the server reads on."""
    tiktok.reads_slowly(0.1)
    tiktok.says(0, data={"file_path": "0123456789abcdef"})
    content = b"a" * 16_000_000
    with TikTokClient("t", base_url=tiktok.url, timeout=(0.5, 5)) as client:
        begun = time.monotonic()
        assert calls.file_upload(client, ACME, content, "EMAIL_SHA256").data["file_path"]
    assert time.monotonic() - begun > 0.5


def test_creation_and_change_by_file_are_asked_for_in_tiktoks_words(tiktok, client):
    tiktok.says(0, data={"custom_audience_id": "AUD"})
    calls.file_audience_create(client, advertiser_id="ADV", name="VIP", files=["f1"], calculate_type="EMAIL_SHA256")
    calls.file_audience_update(client, advertiser_id="ADV", audience_id="AUD", files=["f1"], action="APPEND")
    assert [seen.json for seen in tiktok.seen] == [
        {
            "advertiser_id": "ADV",
            "custom_audience_name": "VIP",
            "file_paths": ["f1"],
            "calculate_type": "EMAIL_SHA256",
            "audience_sub_type": "NORMAL",
        },
        {"advertiser_id": "ADV", "custom_audience_id": "AUD", "file_paths": ["f1"], "action": "APPEND"},
    ]


def test_creation_of_a_streamed_audience_is_asked_for_in_tiktoks_words(tiktok, client):
    tiktok.says(0, data={"audience_id": "AUD"})
    assert calls.audience_create(client, "ADV", "x" * 70) == "AUD"
    assert tiktok.seen[0].json == {"advertiser_id": "ADV", "custom_audience_name": "x" * 70, "action": "create"}


@pytest.mark.parametrize("name", ["x" * 71, "", "  "], ids=["long", "empty", "blank"])
def test_name_that_tiktok_would_not_keep_is_not_sent(tiktok, client, name):
    with pytest.raises(ConfigurationError, match="1 to 70 characters"):
        calls.audience_create(client, ACME, name)
    with pytest.raises(ConfigurationError, match="1 to 70 characters"):
        calls.file_audience_create(client, advertiser_id=ACME, name=name, files=["f"], calculate_type="EMAIL_SHA256")
    assert tiktok.seen == []


def test_change_without_files_is_never_sent(tiktok, client):
    with pytest.raises(ValueError, match="no files"):
        calls.file_audience_update(client, advertiser_id=ACME, audience_id="1", files=[], action="REPLACE")
    assert tiktok.seen == []


def test_all_pages_of_a_list_are_read(acme, emulator):
    rows = [{"audience_id": str(number), "name": f"a{number}", "advertiser_id": ACME} for number in range(205)]
    emulator.state.audiences.add(rows, emulator.state.now())
    assert {row.id for row in calls.audiences_list(acme, ACME)} == {str(number) for number in range(205)}
    assert len(emulator.state.log.latest("", 100)) == 3


def test_audiences_are_described_as_tiktok_shows_them(tiktok, client):
    shown = {"cover_num": 1_200, "is_valid": True, "is_expiring": True, "expired_time": "2026-02-01 10:00:00"}
    tiktok.answers(page([{**ROW, **shown, "msg": "Available", "error_msg": "", "is_creator": False}]))
    expected = datetime(2026, 2, 1, 10, tzinfo=UTC)
    assert calls.audiences_list(client, ACME) == [
        calls.RemoteAudience(
            "12", "VIP", "Partner", "MULTIPLE_TYPES", 1_200, True, True, expected, "Available", "", False
        )
    ]


def test_audience_with_odd_values_is_described_all_the_same(tiktok, client):
    tiktok.answers(page([{"audience_id": "1", "cover_num": "many", "expired_time": 5, "is_valid": "yes"}]))
    (row,) = calls.audiences_list(client, ACME)
    assert (row.size, row.expired_at, row.is_valid, row.name, row.is_creator) == (None, None, False, "", True)


def test_list_that_changes_while_it_is_read_is_read_again(tiktok, client):
    first, second = {**ROW, "audience_id": "1"}, {**ROW, "audience_id": "2"}
    tiktok.answers(page([first], 1, 2, 2), page([first], 2, 2, 2), page([first], 1, 2, 2), page([second], 2, 2, 2))
    assert [row.id for row in calls.audiences_list(client, ACME)] == ["1", "2"]


def test_list_without_numbers_of_pages_ends_with_a_short_page(tiktok, client):
    many = [{**ROW, "audience_id": str(number)} for number in range(100)]
    tiktok.answers({"code": 0, "data": {"list": many}}, {"code": 0, "data": {"list": [{**ROW, "audience_id": "x"}]}})
    assert len(calls.audiences_list(client, ACME)) == 101


@pytest.mark.parametrize(
    "data",
    [{}, {"list": None}, {"list": {}}, {"list": ["x"]}, {"list": [{"name": "VIP"}]}],
    ids=["nothing", "null", "object", "texts", "without ids"],
)
def test_list_that_cannot_be_read_is_not_taken_for_empty(tiktok, client, data):
    tiktok.says(0, data=data)
    with pytest.raises(RetryableError, match="list of audiences"):
        calls.audiences_list(client, ACME)


def test_empty_list_may_be_left_out_where_tiktok_counts_none(tiktok, client):
    tiktok.says(0, data={"page_info": {"total_number": 0, "total_page": 0}})
    assert calls.audiences_list(client, ACME) == []


@pytest.mark.parametrize("end", [[], [{"audience_id": "3"}]], ids=["an empty page", "the last page again"])
def test_short_pages_are_all_read_where_tiktok_does_not_count_them(tiktok, client, end):
    for rows in ([{"audience_id": "1"}, {"audience_id": "2"}], [{"audience_id": "3"}], end):
        tiktok.answers({"code": 0, "data": {"list": rows}})
    assert [row.id for row in calls.audiences_list(client, ACME)] == ["1", "2", "3"]


def test_some_audiences_are_read_with_their_state(acme, emulator):
    made = calls.audience_create(acme, ACME, "VIP")
    calls.mapping_send(acme, mapping(made, *PEOPLE), advertiser_id=ACME)
    emulator.state.advance(90_000)
    (row,) = calls.audiences_get(acme, ACME, [made, "7100000000000000009"])
    assert (row.id, row.size, row.is_valid, row.message) == (made, 1_200, True, "Available")


def test_many_audiences_are_read_in_chunks(tiktok, client):
    tiktok.says(0, data={"list": [{"audience_details": ROW}, "odd", {"audience_details": 3}]})
    assert [row.id for row in calls.audiences_get(client, ACME, [str(n) for n in range(101)])] == ["12", "12"]
    assert [seen.query["custom_audience_ids"].count(",") for seen in tiktok.seen] == [99, 0]


@pytest.mark.parametrize(
    ("call", "data"),
    [
        (lambda client: calls.audience_create(client, ACME, "VIP"), {"audience_id": None}),
        (lambda client: calls.file_upload(client, ACME, FILE, "EMAIL_SHA256"), {}),
        (
            lambda client: calls.file_audience_create(
                client, advertiser_id=ACME, name="VIP", files=["f"], calculate_type="EMAIL_SHA256"
            ),
            {"custom_audience_id": ""},
        ),
    ],
    ids=["audience", "file", "audience of files"],
)
def test_success_without_the_new_id_is_uncertain(tiktok, client, call, data):
    tiktok.says(0, data=data)
    with pytest.raises(RetryableError) as caught:
        call(client)
    assert caught.value.uncertain


def test_audience_deleted_at_tiktok_is_named_so(acme, emulator):
    made = calls.audience_create(acme, ACME, "VIP")
    acme.post("segment/audience/", {"advertiser_id": ACME, "action": "delete", "delete_audience_id": made})
    with pytest.raises(ConfigurationError) as caught:
        calls.mapping_send(acme, mapping(made, PEOPLE[0]), advertiser_id=ACME)
    assert caught.value.resolution.key == "audience_not_found"


@pytest.mark.parametrize("message", ["gone", "The object does not exist"])
def test_whatever_tiktok_says_what_is_gone_is_the_audience(tiktok, client, message):
    tiktok.says(40007, message)
    with pytest.raises(ConfigurationError) as caught:
        calls.file_audience_update(client, advertiser_id=ACME, audience_id="1", files=["f"], action="APPEND")
    assert (caught.value.resolution.key, "no longer exists" in str(caught.value)) == ("audience_not_found", True)


def test_foreign_audience_is_not_found(acme, emulator):
    rows = [{"audience_id": "77", "name": "theirs", "advertiser_id": GLOBEX}]
    emulator.state.audiences.add(rows, emulator.state.now())
    with pytest.raises(ConfigurationError) as caught:
        calls.mapping_send(acme, mapping("77", PEOPLE[0]), advertiser_id=ACME)
    assert caught.value.resolution.key == "audience_not_found"


def test_audience_being_processed_waits(acme, emulator):
    made = created(acme, emulator)
    paths = [uploaded(acme), uploaded(acme)]
    calls.file_audience_update(acme, advertiser_id=ACME, audience_id=made, files=paths[:1], action="APPEND")
    with pytest.raises(RetryableError) as caught:
        calls.file_audience_update(acme, advertiser_id=ACME, audience_id=made, files=paths[1:], action="APPEND")
    assert (caught.value.retry_after, caught.value.uncertain) == (900, False)
    assert caught.value.resolution.key == "audience_not_ready"


def test_expired_file_is_recognisable(acme, emulator):
    path = uploaded(acme)
    emulator.state.advance(86_401)
    with pytest.raises(RetryableError) as caught:
        calls.file_audience_create(acme, advertiser_id=ACME, name="V", files=[path], calculate_type="EMAIL_SHA256")
    assert caught.value.code in calls.FILE_GONE
    assert not caught.value.uncertain


def test_audience_of_other_ids_says_so(acme, emulator):
    made = created(acme, emulator)
    other = str(calls.file_upload(acme, ACME, FILE, "PHONE_SHA256").data["file_path"])
    with pytest.raises(ConfigurationError) as caught:
        calls.file_audience_update(acme, advertiser_id=ACME, audience_id=made, files=[other], action="APPEND")
    assert caught.value.resolution.key == "audience_of_other_ids"


def test_full_ad_account_says_so(acme, emulator):
    rows = [{"audience_id": str(n), "name": "a", "advertiser_id": ACME} for n in range(calls.MOST_AUDIENCES)]
    emulator.state.audiences.add(rows, emulator.state.now())
    with pytest.raises(ConfigurationError) as caught:
        calls.audience_create(acme, ACME, "one more")
    assert caught.value.resolution.key == "audience_limit"


@pytest.mark.parametrize(("owned", "remedy"), [(400, ConfigurationError), (399, RejectedError)], ids=["full", "free"])
def test_refusal_of_a_full_ad_account_is_known_by_counting(tiktok, client, owned, remedy):
    tiktok.says(40002, "No more, sorry.")
    for number in range(1, 5):
        rows = [ROW | {"audience_id": n} for n in range(100 * number - 99, min(100 * number, owned) + 1)]
        tiktok.answers(page(rows, number, 4, owned))
    with pytest.raises(remedy) as caught:
        calls.audience_create(client, ACME, "one more")
    assert (caught.value.code, caught.value.message) == (40002, "No more, sorry.")
    assert (caught.value.resolution.key == "audience_limit") is (owned == 400)


def test_app_that_may_not_stream_is_told_of_files(acme, emulator):
    emulator.state.options.streaming_allow_listed = False
    with pytest.raises(ConfigurationError) as caught:
        calls.audience_create(acme, ACME, "VIP")
    assert "file upload" in " ".join(caught.value.resolution.steps)


def test_nothing_to_change_is_success(tiktok, client):
    tiktok.says(40012, "No update")
    answer = calls.file_audience_update(client, advertiser_id=ACME, audience_id="1", files=["f"], action="APPEND")
    assert answer.code == 40012


@pytest.mark.parametrize("path", ["segment/audience/", "segment/mapping/"])
def test_streaming_stays_below_ten_requests_a_second_at_every_level(path):
    buckets = audience_buckets("app", path, ACME, "ultimate")
    assert [(bucket.rate, bucket.scope) for bucket in buckets] == [(10.0, "app"), (10.0, "advertiser")]


def test_files_follow_the_level_of_the_app():
    rates = [bucket.rate for bucket in audience_buckets("app", "dmp/custom_audience/list/", ACME, "advanced")]
    assert rates == [20, 20]


def test_ad_account_stands_for_the_unknown_app_of_a_pasted_token():
    assert [bucket.scope for bucket in audience_buckets("", "segment/mapping/", ACME)] == ["advertiser"]


@pytest.mark.parametrize("fate", ["echoes", "resets", "breaks_off", "html"])
def test_no_failure_shows_people_or_token(tiktok, client, caplog, fate):
    caplog.set_level(logging.DEBUG)
    scripts = {
        "echoes": lambda: tiktok.echoes(40000),
        "resets": tiktok.resets,
        "breaks_off": tiktok.breaks_off,
        "html": lambda: tiktok.answers(f"<html>{PEOPLE[0]} token-abc</html>", status=502),
    }
    scripts[fate]()
    with pytest.raises(TikTokError) as caught:
        calls.file_upload(client, ACME, FILE, "EMAIL_SHA256")
    shown = caplog.text + str(caught.value) + repr(vars(caught.value)) + repr(caught.value.__context__)
    assert PEOPLE[0] not in shown
    assert "token-abc" not in shown
