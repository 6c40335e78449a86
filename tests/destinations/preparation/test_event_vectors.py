"""The event vectors of TikTok's documents, its SDKs and other senders; where those disagree, the product's decision."""

import hashlib
from typing import Any

import orjson
import pytest

from tests.destinations.preparation.helpers import PIXEL, SET, good_row, prepare_rows

ALICE = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"
PHONE = "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"
USER_123 = "80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b"
TEST = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
US_PHONE = "910a625c4ba147b544e6bd2f267e130ae14c591b6ba9c25cb8573322dedbebd0"


def user_of(source: str = "web", country: str | None = None, **columns: object) -> dict[str, Any]:
    row = {"event": "Purchase", "event_id": "e1", "timestamp": "2026-03-01T12:00:00Z"} | columns
    user: dict[str, Any] = prepare_rows([row], source, country=country).event["user"]
    return user


def test_v01_web_checkout() -> None:
    row = {
        "event": "InitiateCheckout", "event_id": "corey123", "timestamp": "2024-01-08T13:52:50.212Z",
        "email": "coreytest1231@gmail.com", "phone": "+1555-555-5555", "external_id": "testId123",
        "tiktok_click_id": "12345", "ip": "1.1.1.1", "agent": "UA", "currency": "USD", "value": 100, "query": "shoes",
        "page_url": "https://segment.com/", "referrer_url": "https://google.com/",
    }  # fmt: skip
    event = prepare_rows([row], "web", now=1704800000).event
    assert event == {
        "event": "InitiateCheckout", "event_time": 1704721970, "event_id": "corey123",
        "user": {
            "email": ["eb9869a32b532840dd6aa714f7a872d21d6f650fc5aa933d9feefc64708969c7"], "phone": [US_PHONE],
            "external_id": [hashlib.sha256(b"testId123").hexdigest()],  # its case is kept
            "ttclid": "12345", "ip": "1.1.1.1", "user_agent": "UA",
        },
        "properties": {"currency": "USD", "value": 100, "search_string": "shoes"},
        "page": {"url": "https://segment.com/", "referrer": "https://google.com/"},
    }  # fmt: skip


def test_v02_web_purchase() -> None:
    row = {
        "event": "Purchase", "event_id": "ord-1001", "timestamp": "2026-03-01T12:00:00+02:00",
        "email": " ALICE_abc@gmail.com ", "phone": "(+1)2133734253", "external_id": "user_123",
        "tiktok_click_id": "E.C.P.abc", "cookie_id": "2Xk", "ip": "2001:db8:1111:a:b0::200", "agent": "UA",
        "content_id": "sku-1", "price": 10.0, "quantity": 2, "currency": "USD", "order_id": "ord-1001",
        "page_url": "https://shop.example.com/thanks?o=1001",
    }  # fmt: skip
    body = orjson.loads(prepare_rows([row], "web").bodies[0])
    assert body == {
        "event_source": "web", "event_source_id": PIXEL,
        "data": [{
            "event": "Purchase", "event_time": 1772359200, "event_id": "ord-1001",
            "user": {
                "email": [ALICE], "phone": [PHONE], "external_id": [USER_123], "ttclid": "E.C.P.abc", "ttp": "2Xk",
                "ip": "2001:db8:1111:a:b0::200", "user_agent": "UA",
            },
            "properties": {
                "contents": [{"content_id": "sku-1", "price": 10, "quantity": 2}], "content_type": "product",
                "currency": "USD", "value": 20, "order_id": "ord-1001",
            },
            "page": {"url": "https://shop.example.com/thanks?o=1001"},
        }],
    }  # fmt: skip


def test_v03_contents() -> None:
    item = {
        "content_id": "abc123", "content_name": "pname1", "content_category": "Air Force One (Size S)",
        "brand": "Brand X", "price": 100, "quantity": 2,
    }  # fmt: skip
    assert prepare_rows([good_row(**item)]).event["properties"]["contents"] == [item]


@pytest.mark.parametrize("given", [1077218, 1077218.0, "1077218"])
def test_v04_content_id_is_a_string(given: object) -> None:
    assert prepare_rows([good_row(content_id=given)]).event["properties"]["contents"] == [{"content_id": "1077218"}]


@pytest.mark.parametrize("given", [5044668852556, 5044668852556.0])
def test_v05_event_id_is_a_string(given: object) -> None:
    assert prepare_rows([good_row(event_id=given)]).event["event_id"] == "5044668852556"


def test_v06_minimal_web_row() -> None:
    row = {"event": "Lead", "event_id": "r-1", "timestamp": 1772359200, "email": "test@example.com"}
    expected = (
        f'{{"event_source":"web","event_source_id":"{PIXEL}","data":[{{"event":"Lead","event_time":1772359200,'
        f'"event_id":"r-1","user":{{"email":["{TEST}"]}},"page":{{"url":"https://shop.example.com/"}}}}]}}'
    )
    assert prepare_rows([row], "web").bodies == [expected.encode()]


def test_v07_several_emails_and_phones() -> None:
    emails = ["bugsbunny@warnerbros.com", "daffyduck@warnerbros.com", " BugsBunny@warnerbros.com"]
    user = user_of(email=emails, phone=["+12345678901234", "+98765432109876"])
    assert user["email"] == [
        "67e28cdcc3e845d3a4da05ca9fe5ddb7320a83b4cc2167f0555a3b04f63511e3",
        "2d2fb2388f17f86affee71d632978425a3037fa8eed5b3f2baaa458c80d495ed",
    ]
    assert user["phone"] == [
        "00a63bd0437d6ca0fa7b95c00ab2e7c020faa71440e5246750d6b517689e6777",
        "ce7b12d132a021393e793d21d6e8e673ac06042922b73cc10f2d7db597657a4a",
    ]


@pytest.mark.parametrize("given", [TEST, TEST.upper()])
def test_v08_hash_is_not_hashed_again(given: str) -> None:
    assert user_of(email=given)["email"] == [TEST]


def test_v09_email_of_events_keeps_dots_and_plus() -> None:
    expected = ["30c26380948ff6e5804337eb91073d3e3b539dff0fd625823759a65071814074"]
    assert user_of(email="Jane.Doe+vip@Gmail.com")["email"] == expected
    trimmed = ["80305c9bb1bb2480e03894350e0a8a366dcbdeb302e69e0817aa0743abd77054"]
    assert user_of(email=" a@b.co ")["email"] == trimmed


@pytest.mark.parametrize("given", ["+1 (555) 555-5555", "15555555555", "+15555555555"])
def test_v10_phones_of_one_person_are_one(given: str) -> None:
    assert user_of(phone=given, country="US")["phone"] == [US_PHONE]


def test_v11_national_phone_needs_a_country() -> None:
    expected = ["42d573cfc315801d4cd8eddd5416b416a0bf298b9b9e12d6b07442c91db42bd8"]
    assert user_of(phone="0612345678", country="FR")["phone"] == expected
    outcome = prepare_rows([good_row(phone="0612345678")])
    assert "phone" not in outcome.event["user"]
    assert outcome.reasons == [(1, "phone_without_country", "warning")]


@pytest.mark.parametrize(
    ("given", "digest"),
    [
        pytest.param("+123456789012345", "1b4baed9795e95210d08a51886e9d33e5da06189403c2a823c9d92e222ad55e8", id="v12"),
        pytest.param("+8613800000000", "cc0058bc7784ae0358acf0c091025c7a69d400e148d8688badfa029c9f8c686e", id="v13"),
    ],
)
def test_phone_keeps_all_digits(given: str, digest: str) -> None:
    assert user_of(phone=given)["phone"] == [digest]


def test_v14_external_id_keeps_its_case() -> None:
    expected = ["382211e688c29ae2dcce0b401999831aec27161d9bc0ffd092545a828a18bbc8"]
    assert user_of(external_id="CUST-00042")["external_id"] == expected


def test_v15_names_and_addresses_are_not_sent() -> None:
    assert user_of(email="test@example.com", first_name="Mary Ann", city="São Paulo") == {"email": [TEST]}


@pytest.mark.parametrize(
    ("given", "now", "seconds"),
    [
        ("2024-01-08T13:52:50.212Z", 1704800000, 1704721970),
        ("2026-03-01T12:00:00+02:00", 1772400000, 1772359200),
        ("2026-02-28T23:59:59-08:00", 1772400000, 1772351999),
        (1704721970212, 1704800000, 1704721970),
    ],
)
def test_v16_time_is_epoch_seconds(given: object, now: int, seconds: int) -> None:
    assert prepare_rows([good_row(timestamp=given)], now=now).event["event_time"] == seconds


def test_v17_offline_purchase() -> None:
    row = {
        "event": "Purchase", "event_id": "1616318632825_352", "timestamp": "2023-01-03", "email": "test@example.com",
        "phone": "+12133734253", "order_id": "abc_xyz", "shop_id": "123abc", "currency": "USD", "value": 46,
    }  # fmt: skip
    expected = {
        "event_source": "offline", "event_source_id": SET,
        "data": [{
            "event": "Purchase", "event_time": 1672704000, "event_id": "1616318632825_352",
            "user": {"email": [TEST], "phone": [PHONE]},
            "properties": {"currency": "USD", "value": 46, "order_id": "abc_xyz", "shop_id": "123abc"},
        }],
    }  # fmt: skip
    assert orjson.loads(prepare_rows([row], now=1672790400).bodies[0]) == expected


@pytest.mark.parametrize("columns", [{"email": None}, {"email": None, "external_id": "user_123"}])
def test_v18_offline_row_needs_email_or_phone(columns: dict[str, object]) -> None:
    outcome = prepare_rows([good_row(**columns)])
    assert (outcome.bodies, outcome.reasons) == ([], [(1, "missing_identity", "reject")])


def test_v23_rows_of_one_source_share_requests_of_a_thousand() -> None:
    outcome = prepare_rows([good_row(event_id=str(n)) for n in range(1001)])
    assert [len(orjson.loads(body)["data"]) for body in outcome.bodies] == [1000, 1]
    assert outcome.rows[1] == [(0, 1001)]


def test_v24_test_code_stands_at_the_top_only() -> None:
    outcome = prepare_rows([good_row()], test_event_code="TEST12345")
    assert outcome.bodies[0].startswith(
        f'{{"event_source":"offline","event_source_id":"{SET}","test_event_code":"TEST12345","data":['.encode()
    )
    assert outcome.bodies[0].count(b"test_event_code") == 1


def test_v25_currency_and_value() -> None:
    rows = [good_row(event_id=str(n), currency="usd", value=value) for n, value in enumerate(["$1,234.50", "1234.50"])]
    outcome = prepare_rows([*rows, good_row(event_id="2")])
    assert outcome.reasons == [(1, "bad_number", "reject")]
    assert [event.get("properties") for event in outcome.events] == [{"currency": "USD", "value": 1234.5}, None]


def test_v26_limited_data_use_is_for_the_web() -> None:
    row = good_row(limited_data_use=True)
    assert prepare_rows([row], "web").event["limited_data_use"] is True
    assert "limited_data_use" not in prepare_rows([row], "offline").event


def test_hash_of_nothing_is_never_sent() -> None:
    outcome = prepare_rows([good_row(phone=" ", external_id="")], "web")
    assert hashlib.sha256(b"").hexdigest().encode() not in outcome.bodies[0]
