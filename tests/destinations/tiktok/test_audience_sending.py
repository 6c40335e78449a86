"""What TikTok Ads sends of each kind of request."""

from hashlib import sha256

import duckdb
import orjson
import pytest
import requests

from destinations import specs
from destinations.preparation.contract import Context, Prepared, Target
from destinations.specs.base import Parcel
from destinations.tiktok.audience_calls import audience_create
from destinations.tiktok.client import TikTokClient
from destinations.tiktok.errors import ConfigurationError

ACME = "7654321098765432109"
UPDATE, CREATE = "/open_api/v1.3/dmp/custom_audience/update/", "/open_api/v1.3/dmp/custom_audience/create/"


def parcel(kind, body, audience_id="", files=("f1", "f2")):
    """Return a request of an audience."""
    return Parcel(kind, orjson.dumps(body), {"user_id_types": ["EMAIL"]}, ACME, audience_id, "VIP", files)


def apply_body(action):
    """Return what preparation says of uploaded files."""
    return {"action": action, "calculate_type": "EMAIL_SHA256", "uploads": [1, 2]}


@pytest.fixture
def send(client):
    """Return how the plugin sends, to a TikTok that answers as the test tells it."""
    return lambda parcel: specs.get("tiktok-ads").send(client, parcel)


@pytest.mark.parametrize("action", ["APPEND", "REPLACE"])
def test_files_make_an_audience_where_there_is_none(tiktok, send, action):
    tiktok.says(0, data={"custom_audience_id": "77"})
    assert send(parcel("apply", apply_body(action))).data["custom_audience_id"] == "77"
    (seen,) = tiktok.seen
    assert (seen.path, seen.json["custom_audience_name"], seen.json["file_paths"]) == (CREATE, "VIP", ["f1", "f2"])
    assert (seen.json["calculate_type"], "action" in seen.json) == ("EMAIL_SHA256", False)


@pytest.mark.parametrize("action", ["APPEND", "REMOVE", "REPLACE"])
def test_files_change_an_audience_by_their_action(tiktok, send, action):
    tiktok.says(0)
    send(parcel("apply", apply_body(action), "12"))
    wanted = {"advertiser_id": ACME, "custom_audience_id": "12", "file_paths": ["f1", "f2"], "action": action}
    assert [(seen.path, seen.json) for seen in tiktok.seen] == [(UPDATE, wanted)]


@pytest.mark.parametrize(("kind", "body"), [("apply", apply_body("REMOVE")), ("mapping", {})])
def test_nothing_is_removed_from_an_audience_that_is_not_there(tiktok, send, kind, body):
    with pytest.raises(ConfigurationError) as caught:
        send(parcel(kind, body))
    assert (caught.value.resolution.key, tiktok.seen) == ("audience_not_found", [])


def test_upload_gives_the_path_of_the_file(tiktok, send):
    tiktok.says(0, data={"file_path": "0123456789abcdef"})
    assert send(parcel("upload", "ab")).data["file_path"] == "0123456789abcdef"
    assert b"EMAIL_SHA256" in tiktok.seen[0].body


SQL = {
    "email": "'p' || i || '@mail.example'",
    "phone": "CASE WHEN i % 2 = 0 THEN '+1213373' || lpad(i::VARCHAR, 4, '0') END",
}
SETTINGS = {"advertiser_id": ACME, "audience_name": "VIP", "user_id_types": ["EMAIL", "PHONE"], "transport": "file"}


def hashed(*texts):
    """Return SHA-256 digests as hex."""
    return {sha256(text.encode()).hexdigest() for text in texts}


def prepared(count, work, **settings):
    """Return the requests for an audience of some people, in the order in which they are sent."""
    spec = specs.get("tiktok-ads")
    cleaned = spec.settings_clean({**SETTINGS, **settings}, "orchestration")
    context = Context(0, "UTC", None, spec.limits, targets=(Target(1, None),), work=work)
    columns = ", ".join(f"{sql} AS {name}" for name, sql in SQL.items())
    relation = f"(SELECT i + 1 AS _row, {columns} FROM range({count}) r(i))"
    with duckdb.connect() as con:
        types = dict.fromkeys(SQL, "VARCHAR")
        pieces = list(spec.prepare(con, relation, types, spec=spec, settings=cleaned, context=context))
    made = [piece for piece in pieces if isinstance(piece, Prepared)]
    return cleaned, sorted(made, key=lambda piece: (piece.phase, piece.number))


def held(emulator, audience_id):
    """Return what an audience holds: id type → digests."""
    url = f"{emulator.url}_emulator/members"
    ids = requests.get(url, params={"audience_id": audience_id}, timeout=10).json()["ids"]
    return {kind: set(digests) for kind, digests in ids.items()}


def wanted(count):
    """Return what the audience has to hold."""
    phones = (f"+1213373{number:04}" for number in range(0, count, 2))
    return {
        "EMAIL_SHA256": hashed(*(f"p{number}@mail.example" for number in range(count))),
        "PHONE_SHA256": hashed(*phones),
    }


def test_prepared_people_are_streamed_into_the_audience(emulator, tmp_path):
    spec = specs.get("tiktok-ads")
    settings, batches = prepared(250, tmp_path, transport="streaming", people_per_request=100)
    with TikTokClient("emulator-token-acme", base_url=emulator.api_url) as client:
        made = audience_create(client, ACME, "VIP")
        for batch in batches:
            spec.send(client, Parcel(batch.kind, batch.body, settings, ACME, made, "VIP"))
    assert [batch.kind for batch in batches] == ["mapping"] * 3
    assert held(emulator, made) == wanted(250)


def test_prepared_people_are_an_audience_made_of_files(emulator, tmp_path):
    spec, made, files = specs.get("tiktok-ads"), "", {}
    settings, batches = prepared(1_000, tmp_path)
    with TikTokClient("emulator-token-acme", base_url=emulator.api_url) as client:
        for batch in batches:
            answer = spec.send(
                client, Parcel(batch.kind, batch.body, settings, ACME, made, "VIP", tuple(files.values()))
            )
            if batch.kind == "upload":
                files[batch.number] = answer.data["file_path"]
            made = answer.data.get("custom_audience_id", made)
    emulator.state.advance(300)
    assert held(emulator, made) == wanted(1_000)


def test_people_of_a_request_are_not_shown():
    assert "secret" not in repr(parcel("mapping", "secret"))
