"""E-mail, phone and external id: one table of cases each."""

import hashlib

import pytest

from destinations.preparation import careful
from tests.destinations.preparation.helpers import kernel_of

HASH = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("given", "normalised"),
    [
        ("test@example.com", "test@example.com"),
        (" ALICE_abc@gmail.com ", "alice_abc@gmail.com"),
        ("Jane.Doe+vip@Gmail.com", "jane.doe+vip@gmail.com"),
        ("\u00a0\ta@b.co\u2003\r\n", "a@b.co"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("a@sub.domain.example.co.uk", "a@sub.domain.example.co.uk"),
        ("kate@MÜNCHEN.de", "kate@xn--mnchen-3ya.de"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("a@x.XN--ZCKZAH", "a@x.xn--zckzah"),
    ],
)
def test_email_is_normalised_and_hashed(given: str, normalised: str) -> None:
    assert kernel_of("email", given) == (sha256(normalised), None)


@pytest.mark.parametrize("given", [HASH, HASH.upper(), f" {HASH} "])
@pytest.mark.parametrize("column", ["email", "phone", "external_id"])
def test_hash_passes_in_lower_case(column: str, given: str) -> None:
    assert kernel_of(column, given) == (HASH, None)


@pytest.mark.parametrize(
    "given",
    [
        "a@b",
        "a..b@example.com",
        ".a@example.com",
        '"a b"@example.com',
        "é@example.com",
        "a@@example.com",
        "a@example.com,b@example.com",
        "a@-example.com",
        "a@example..com",
        "a@1.2.3.4",
        "a@" + "é" * 80 + ".de",
        "x" * 250 + "@example.com",
        "a@exa mple.com",
        "a@example.com\nb",
        HASH[:-1],
        "n/a",
    ],
)
def test_bad_email_is_told(given: str) -> None:
    assert kernel_of("email", given) == (None, "bad_email")


@pytest.mark.parametrize("column", ["email", "phone", "external_id"])
@pytest.mark.parametrize("given", [None, "", "  ", "\u00a0\t\n", "\u3000"])
def test_blank_identity_is_missing(column: str, given: str | None) -> None:
    assert kernel_of(column, given) == (None, None)


@pytest.mark.parametrize(
    ("given", "country", "normalised"),
    [
        ("+12133734253", None, "+12133734253"),
        ("(+1)2133734253", None, "+12133734253"),
        ("+1 (555) 555-5555", None, "+15555555555"),
        ("15555555555", "US", "+15555555555"),
        ("(555) 555-5555", "US", "+15555555555"),
        ("0612345678", "FR", "+33612345678"),
        ("+44 (0)20 7946 0018", None, "+442079460018"),
        ("0044 20 7946 0018", None, "+442079460018"),
        ("+1\u00a0555\u20115550100", None, "+15555550100"),
        ("+33.6.12.34.56.78", None, "+33612345678"),
        ("+123456789012345", None, "+123456789012345"),
        ("+8613800000000", None, "+8613800000000"),
        ("030 1234567", "DE", "+49301234567"),
        ("011 44 20 7946 0018", "US", "+442079460018"),
    ],
)
def test_phone_is_brought_to_e164(given: str, country: str | None, normalised: str) -> None:
    assert kernel_of("phone", given, country=country) == (sha256(normalised), None)


@pytest.mark.parametrize(
    ("given", "country", "reason"),
    [
        ("+0123456789", "US", "bad_phone"),
        ("+123456", "US", "bad_phone"),
        ("+1234567890123456", "US", "bad_phone"),
        ("5551234", "US", "bad_phone"),
        ("12345", "US", "bad_phone"),
        ("+1 555 555 5555 ext. 12", "US", "bad_phone"),
        ("call me", "US", "bad_phone"),
        ("--", "US", "bad_phone"),
        ("0612345678", None, "phone_without_country"),
    ],
)
def test_bad_phone_is_told(given: str, country: str | None, reason: str) -> None:
    assert kernel_of("phone", given, country=country) == (None, reason)


@pytest.mark.parametrize(
    ("given", "hashed"),
    [("user_123", "user_123"), (" CUST-00042\t", "CUST-00042"), ("Ünï", "Ünï"), ("x" * 64, "x" * 64)],
)
def test_external_id_keeps_its_case(given: str, hashed: str) -> None:
    assert kernel_of("external_id", given) == (sha256(hashed), None)


@pytest.mark.parametrize("given", ["2015550123", "12015550123", "9995550123", "12345678901", "5555555555"])
@pytest.mark.parametrize("country", ["US", "CA"])
def test_short_way_for_north_america_agrees_with_the_library(given: str, country: str) -> None:
    answer = careful.phone(given, country)
    expected = (sha256(answer[1:]), None) if answer.startswith("=") else (None, answer[1:])
    assert kernel_of("phone", given, country=country) == expected
