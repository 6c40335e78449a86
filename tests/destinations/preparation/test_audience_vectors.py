"""Vectors of audience requests: the bodies that others send, or that TikTok's documents show, byte for byte."""

from collections.abc import Mapping
from hashlib import md5
from pathlib import Path

import pytest

from destinations.preparation.audiences import body_addressed
from destinations.preparation.contract import Target
from tests.destinations.preparation.audience_helpers import fold_made, positions_of, prepare_audience, table_of

TEST = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
JANE = "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"
PHONE, OTHER_PHONE = (
    "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd",
    "42d573cfc315801d4cd8eddd5416b416a0bf298b9b9e12d6b07442c91db42bd8",
)
IDFA = "7A3CBEA0-BDF5-11E4-8DFC-AA07A5B093DB"
TWO = [
    {"email": "test@example.com", "phone": "+12133734253"},
    {"email": None, "phone": "+33612345678"},
]


def addressed(body: bytes, audience: str = "AUD", advertiser: str = "ADV") -> bytes:
    return body_addressed(body, advertiser_id=advertiser, audience_id=audience)


def digest_of(work: Path, types: list[str], **row: object) -> list[str | None]:
    made = prepare_audience([row], work, types=types)
    ((position,),) = [positions_of(request) for request in made.requests]
    return position


def test_v27_streaming_add_of_three_ids(tmp_path: Path) -> None:
    row = {"email": "testing@testing.com", "phone": "+1234567890", "idfa": IDFA}
    made = prepare_audience([row], tmp_path, types=["IDFA", "PHONE", "EMAIL"])
    expected = (
        '{"advertiser_ids":["123"],"action":"add","id_schema":["EMAIL_SHA256","PHONE_SHA256","IDFA_SHA256"],'
        '"batch_data":[[{"id":"584c4423c421df49955759498a71495aba49b8780eb9387dff333b6f0982c777","audience_ids":["12345"]},'
        '{"id":"422ce82c6fc1724ac878042f7d055653ab5e983d186e616826a72d4384b68af8","audience_ids":["12345"]},'
        '{"id":"08f1f8e9e433f685c514154e1a5b0dfe1885c6f140a7e3eff08a037bda13dcc1","audience_ids":["12345"]}]]}'
    )
    assert addressed(made.body, "12345", "123") == expected.encode()


@pytest.mark.parametrize(
    ("email", "digest"),
    [
        ("Jane.Doe+vip@Gmail.com", JANE),
        ("local-part.123+suffix@domain.com", "8d771c407c5ac0a6d864156f7f3018b8f3b6f5ce3a6ab66ed8da18a6903f8978"),
    ],
    ids=["jane", "document"],
)
def test_v28_email_of_audiences_has_neither_dots_nor_tag(tmp_path: Path, email: str, digest: str) -> None:
    assert digest_of(tmp_path, ["EMAIL"], email=email) == [digest]


def test_v28_email_rule_of_events_keeps_dots_and_tag(tmp_path: Path) -> None:
    made = prepare_audience([{"email": "Jane.Doe+vip@Gmail.com"}], tmp_path, types=["EMAIL"], email_rule="events")
    assert b"30c26380948ff6e5804337eb91073d3e3b539dff0fd625823759a65071814074" in made.body


def test_v29_missing_id_keeps_its_place(tmp_path: Path) -> None:
    expected = (
        '{"advertiser_ids":["ADV"],"action":"add","id_schema":["EMAIL_SHA256","PHONE_SHA256"],"batch_data":'
        f'[[{{"id":"{TEST}","audience_ids":["AUD"]}},{{"id":"{PHONE}","audience_ids":["AUD"]}}],'
        f'[{{}},{{"id":"{OTHER_PHONE}","audience_ids":["AUD"]}}]]}}'
    )
    assert addressed(prepare_audience(TWO, tmp_path).body) == expected.encode()


def test_v30_delete(tmp_path: Path) -> None:
    rows = table_of([{"phone": "+33612345678"}])
    state, _ = fold_made(prepare_audience(rows, tmp_path, types=["PHONE"]), tmp_path, None, {})
    made = prepare_audience(rows.slice(0, 0), tmp_path, types=["PHONE"], targets=[Target(1, state)])
    expected = (
        '{"advertiser_ids":["ADV"],"action":"delete","id_schema":["PHONE_SHA256"],'
        f'"batch_data":[[{{"id":"{OTHER_PHONE}","audience_ids":["AUD"]}}]]}}'
    )
    assert addressed(made.body) == expected.encode()


@pytest.mark.parametrize("written", [IDFA, IDFA.lower(), f" {IDFA}\t"])
def test_v31_device_ids_are_hashed_in_lower_case(tmp_path: Path, written: str) -> None:
    expected = ["08f1f8e9e433f685c514154e1a5b0dfe1885c6f140a7e3eff08a037bda13dcc1"]
    assert digest_of(tmp_path, ["IDFA"], idfa=written) == digest_of(tmp_path, ["AAID"], aaid=written) == expected


def test_v32_one_email_for_two_audiences(tmp_path: Path) -> None:
    row = {"email": "test@example.com"}
    made = prepare_audience([row], tmp_path, types=["EMAIL"], targets=[Target(1, None), Target(2, None)])
    bodies = [addressed(request.body, f"1{request.target}") for request in made.requests]
    assert [body.count(f'{{"id":"{TEST}","audience_ids":["1{n}"]}}'.encode()) for n, body in enumerate(bodies, 1)] == [
        1,
        1,
    ]


@pytest.mark.parametrize(("mode", "action"), [("mirror", "add"), ("add", "add"), ("remove", "delete")])
def test_v33_action_of_one_email(tmp_path: Path, mode: str, action: str) -> None:
    made = prepare_audience([{"email": "alex@email.com"}], tmp_path, types=["EMAIL"], mode=mode)
    expected = (
        f'{{"advertiser_ids":["dummyAdverTiserID"],"action":"{action}","id_schema":["EMAIL_SHA256"],"batch_data":'
        '[[{"id":"ac0f1baec38a9ef3cfcb56db981df7d9bab2568c7f53ef3776d1c059ec58e72b",'
        '"audience_ids":["23856594064540489"]}]]}'
    )
    assert addressed(made.body, "23856594064540489", "dummyAdverTiserID") == expected.encode()


def test_v35_file_of_several_types(tmp_path: Path) -> None:
    aaid = "38400000-8CF0-11BD-B23E-10B96E40000D"
    rows: list[Mapping[str, object]] = [{**TWO[0], "aaid": None}, {**TWO[1], "aaid": aaid}]
    made = prepare_audience(rows, tmp_path, types=["EMAIL", "PHONE", "AAID"], transport="file")
    upload, apply = made.requests
    expected = (
        f"email_SHA256,phone_SHA256,MAID_SHA256\n{TEST},{PHONE},\n"
        f",{OTHER_PHONE},d4181bb455a74b3bc8b37c75ac9b2c702eb6b9930bd040b861403b31ca85634d\n"
    )
    assert upload.body.decode() == expected
    assert (len(upload.body), md5(upload.body).hexdigest()) == (300, "bb45c7bde6cafc9e2615796b899745d7")  # noqa: S324
    assert apply.body == b'{"action":"APPEND","calculate_type":"MULTIPLE_TYPES","uploads":[1]}'


def test_v36_file_of_one_type(tmp_path: Path) -> None:
    rows = [{"email": "test@example.com"}, {"email": "jane.doe@gmail.com"}]
    upload, apply = prepare_audience(rows, tmp_path, types=["EMAIL"], transport="file").requests
    assert upload.body.decode() == f"{TEST}\n{JANE}\n"
    assert (len(upload.body), md5(upload.body).hexdigest()) == (130, "5a17e1f7e83cf5e07e3b2b12d08c9b05")  # noqa: S324
    assert apply.body == b'{"action":"APPEND","calculate_type":"EMAIL_SHA256","uploads":[1]}'


@pytest.mark.parametrize(
    ("kind", "name"),
    [("EMAIL", "EMAIL_SHA256"), ("PHONE", "PHONE_SHA256"), ("IDFA", "IDFA_SHA256"), ("AAID", "GAID_SHA256")],
)
def test_file_of_one_type_is_called_by_it(tmp_path: Path, kind: str, name: str) -> None:
    made = prepare_audience([{kind.lower(): TEST}], tmp_path, types=[kind], transport="file")
    assert name.encode() in made.requests[1].body
