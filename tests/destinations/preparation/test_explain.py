"""The hash explainer: it shows what preparation does, because it is the same."""

import hashlib
from pathlib import Path

import pytest

from destinations.preparation import careful
from destinations.preparation.explain import explain
from tests.destinations.preparation.audience_helpers import positions_of, prepare_audience

HASH = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_email_is_explained_under_both_rules() -> None:
    found = explain("EMAIL", " Jane.Doe+vip@Gmail.com\t")
    shown = [text for _, text in found.steps]
    assert shown == [
        " Jane.Doe+vip@Gmail.com\t", "Jane.Doe+vip@Gmail.com", "janedoe@gmail.com", sha256("janedoe@gmail.com"),
        "jane.doe+vip@gmail.com", sha256("jane.doe+vip@gmail.com"),
    ]  # fmt: skip
    assert {rule: digest.hex() for rule, digest in found.digests.items()} == {
        "audience": sha256("janedoe@gmail.com"), "events": sha256("jane.doe+vip@gmail.com"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "country", "shown"),
    [
        ("PHONE", "(213) 373-4253", "us", ["(213) 373-4253", "2133734253", "+12133734253", sha256("+12133734253")]),
        ("PHONE", "+12133734253", None, ["+12133734253", sha256("+12133734253")]),
        ("IDFA", "AA" * 32, None, ["AA" * 32, "aa" * 32]),
        ("EMAIL", HASH, None, [HASH, HASH]),
    ],
)
def test_steps_show_what_changes(kind: str, text: str, country: str | None, shown: list[str]) -> None:
    assert [text for _, text in explain(kind, text, country).steps] == shown


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("EMAIL", "jane", "The e-mail address is not one that can exist."),
        ("EMAIL", "+tag@b.co", "The e-mail address is not one that can exist (by the audience rule)."),
        ("PHONE", "0612345678", "The phone number has no country code"),
        ("AAID", "00000000-0000-0000-0000-000000000000", "all zeros"),
        ("EMAIL", " ", "none of the identifiers"),
    ],
)
def test_bad_value_has_a_problem_and_no_digest(kind: str, text: str, problem: str) -> None:
    found = explain(kind, text)
    assert problem in str(found.problem)
    assert "audience" not in found.digests


@pytest.mark.parametrize(
    ("kind", "text"),
    [("EMAIL", "A.b+c@münchen.de"), ("EMAIL", "x@y.co"), ("PHONE", "06 12 34 56 78"), ("AAID", "AB" * 32)],
)
def test_digest_is_the_one_that_is_sent(tmp_path: Path, kind: str, text: str) -> None:
    made = prepare_audience([{kind.lower(): text}], tmp_path, types=[kind], country="FR")
    assert positions_of(made.requests[0]) == [[explain(kind, text, "FR").digests["audience"].hex()]]


def test_value_is_not_kept() -> None:
    found = explain("EMAIL", "secret@münchen.de")
    explain("PHONE", "0612345678", "FR")
    assert careful.email.cache_info().currsize == careful.phone.cache_info().currsize == 0
    assert "secret" not in repr(found)
