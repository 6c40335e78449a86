"""Return codes: every row of TikTok's table, the messages seen in production, and the unknown."""

import copy

import pytest

from destinations.tiktok.codes import CODES, MESSAGE_RULES, error_from, meaning_of
from destinations.tiktok.errors import (
    ConfigurationError,
    CredentialError,
    RejectedError,
    RetryableError,
    TikTokError,
)
from destinations.tiktok.redaction import safe_id, safe_text
from destinations.tiktok.resolutions import RESOLUTIONS, ResolutionKey, resolution_get

REMEDIES = {
    None: [20001, 40012, 40050],
    RejectedError: [40000, 40002, 40011, 40061, 40062, 40200, 40700, 40906, 40907, 40914, 40915],
    ConfigurationError: [
        *(
            40006,
            40007,
            40008,
            40009,
            40010,
            40013,
            40014,
            40051,
            40063,
            40065,
            40108,
            40109,
            40112,
            40113,
            40116,
            40117,
        ),
        *(
            40118,
            40120,
            40121,
            40122,
            40124,
            40125,
            40126,
            40127,
            40128,
            40129,
            40300,
            40301,
            40302,
            40400,
            40502,
            40908,
        ),
        *(40909, 41000, 41001, 41002),
    ],
    CredentialError: [
        *(
            40001,
            40003,
            40101,
            40102,
            40103,
            40104,
            40105,
            40106,
            40107,
            40110,
            40114,
            40115,
            40119,
            40130,
            40131,
            40309,
        ),
        70001,
    ],
    RetryableError: [
        *(
            40016,
            40100,
            40132,
            40133,
            40201,
            40202,
            40900,
            40905,
            40910,
            50000,
            50002,
            51003,
            51010,
            51012,
            51063,
            51305,
        ),
        *(53102, 53103, 60001, 61000),
    ],
}


@pytest.mark.parametrize(
    ("code", "remedy"),
    [pytest.param(code, remedy, id=str(code)) for remedy, codes in REMEDIES.items() for code in codes],
)
def test_code_has_its_remedy(code, remedy):
    assert meaning_of(code).remedy is remedy


def test_every_code_of_the_table_is_tested():
    assert sorted(CODES) == sorted(code for codes in REMEDIES.values() for code in codes)


@pytest.mark.parametrize(
    ("code", "remedy", "uncertain"),
    [
        (40999, RejectedError, False),
        (49999, RejectedError, False),
        (50999, RetryableError, True),
        (51999, RetryableError, True),
        (52001, RetryableError, True),
        (60002, RetryableError, True),
        (20002, RetryableError, True),
        (7, RejectedError, False),
        (-1, RejectedError, False),
    ],
)
def test_unknown_code_is_judged_by_its_range(code, remedy, uncertain):
    meaning = meaning_of(code)
    assert (meaning.remedy, meaning.uncertain) == (remedy, uncertain)


PRODUCTION = [
    (40001, "No permission to operate pixel code: X. You must be an admin or operator of this advertiser account.",
     CredentialError, "missing_permissions"),
    (40001, "The scope is not authorized", CredentialError, "missing_permissions"),
    (40002, "Batch.0.properties.contents.0.content_id: Not a valid string", RejectedError, "rejected_data"),
    (40002, "Invalid value for event_id: not a valid string.", RejectedError, "rejected_data"),
    (40002, "Invalid value for event_source_id: not a valid string.", ConfigurationError, "event_source_not_found"),
    (40002, "Pixel C123 does not exist", ConfigurationError, "event_source_not_found"),
    (40002, "Invalid value for event_source: must be one of web, offline", ConfigurationError, "invalid_setting"),
    (40002, "Invalid test_event_code", ConfigurationError, "invalid_setting"),
    (40002, "Invalid advertiser_id", ConfigurationError, "advertiser_not_found"),
    (40002, "Missing required field(s): account_id.", RejectedError, "rejected_data"),
    (40002, "Parameter error: invalid audience ID", ConfigurationError, "audience_not_found"),
    (40002, "Audience is not editable, please check audience status", RetryableError, "audience_not_ready"),
    (40002, "The audience is being processed", RetryableError, "audience_not_ready"),
    (40002, "The number of custom audiences has reached the limit of 400", ConfigurationError, "audience_limit"),
    (40002, "The advertiser has reached the limit of 400 audiences", ConfigurationError, "audience_limit"),
    (40002, "You can have at most 400 audiences", ConfigurationError, "audience_limit"),
    (40002, "The audience must have at least 1000 matched users", ConfigurationError, "audience_too_small"),
    (40002, "Less than 1,000 members are left", ConfigurationError, "audience_too_small"),
    (40002, "A user needs at least 10000 coins", RejectedError, "rejected_data"),
    (40002, "This feature needs to be in the whitelist", ConfigurationError, "not_allow_listed"),
    (40002, "Audience name exceeds the limit of 70 characters", RejectedError, "rejected_data"),
    (40002, "event_time exceeds the limit", RejectedError, "rejected_data"),
    (40007, "audience was deleted", ConfigurationError, "audience_not_found"),
    (40007, "event set was deleted", ConfigurationError, "event_source_not_found"),
    (40007, "gone", ConfigurationError, "invalid_setting"),
    (40110, "The auth_code is canceled. Please re-authorize and try again with a new auth_code.", CredentialError,
     "authorization_expired"),
    (40113, "The app_id is inconsistent with the token's app information.", CredentialError, "app_not_accepted"),
    (40113, "app forbidden", ConfigurationError, "app_not_accepted"),
    (40118, "", ConfigurationError, "not_allow_listed"),
    (40202, "", RetryableError, "tiktok_unavailable"),
    (40300, "", ConfigurationError, "advertiser_not_found"),
    (40105, "", CredentialError, "invalid_credentials"),
    (40906, "", RejectedError, "no_eligible_rows"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "message", "remedy", "resolution"),
    [pytest.param(*row, id=f"{row[0]}-{row[1][:40]}") for row in PRODUCTION],
)
def test_message_sharpens_the_code(code, message, remedy, resolution):
    meaning = meaning_of(code, message)
    assert (meaning.remedy, meaning.resolution) == (remedy, resolution)


@pytest.mark.parametrize(
    ("code", "scope"), [(40100, "app"), (40016, "app"), (61000, "app"), (40132, "event_source"), (40133, "advertiser")]
)
def test_throttling_says_whose_limit_it_is_and_is_certain(code, scope):
    error = error_from(meaning_of(code), code=code)
    assert isinstance(error, RetryableError)
    assert (error.throttled, error.uncertain, error.scope) == (True, False, scope)


def test_missing_scope_is_told_from_missing_access_to_the_pixel():
    scope = meaning_of(40001, "No permission: scope 800 (Read pixels) is not authorized.")
    assert "not ticked" in scope.sentence
    assert "pixel or event set" in meaning_of(40001, "No permission to operate pixel code: X.").sentence


def test_waits_known_from_the_documents_are_kept():
    maintenance, busy = error_from(meaning_of(60001)), error_from(meaning_of(40002, "Audience is not editable"))
    assert isinstance(maintenance, RetryableError)
    assert isinstance(busy, RetryableError)
    assert (maintenance.retry_after, busy.retry_after, busy.uncertain) == (300, 900, False)


@pytest.mark.parametrize("key", list(ResolutionKey))
def test_resolution_has_title_cause_and_steps(key):
    entry = RESOLUTIONS[key]
    assert entry.title
    assert all(text.endswith(".") for text in (entry.cause, *entry.steps))


def test_what_is_not_allow_listed_offers_files():
    assert any("file upload transport" in step for step in resolution_get("not_allow_listed").steps)


def test_every_meaning_speaks_in_a_sentence():
    meanings = [*CODES.values(), *(rule.meaning for rule in MESSAGE_RULES)]
    assert all(meaning.sentence[0].isupper() and meaning.sentence.endswith(".") for meaning in meanings)


def test_resolution_is_found_by_its_text_key():
    assert resolution_get("audience_limit").title == "Maximum audience limit"


@pytest.mark.parametrize("kind", [ConfigurationError, CredentialError, RetryableError, RejectedError])
def test_error_crosses_process_borders(kind):
    error = kind("A sentence.", code=1, message="m", request_id="r")
    twin = copy.copy(error)  # by the same __reduce__ as pickle
    assert (type(twin), vars(twin), str(twin)) == (kind, vars(error), str(error))


def test_error_without_details_is_its_sentence():
    assert str(TikTokError("It failed.")) == "It failed."


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        pytest.param(None, "", id="none"),
        pytest.param(12, "12", id="number"),
        pytest.param("a\r\n b\x00c", "a b c", id="one-line"),
        pytest.param("bad email jane.doe@shop.example here", "bad email *** here", id="e-mail"),
        pytest.param("bad phone +1 (213) 373-4253", "bad phone ***", id="phone"),
        pytest.param("hash " + "a1" * 32 + ".", "hash ***.", id="sha256"),
        pytest.param("advertiser 7654321098765432109", "advertiser 7654321098765432109", id="ids-stay"),
        pytest.param("token s3cret!", "token ***", id="secret"),
    ],
)
def test_foreign_text_is_made_safe(text, safe):
    assert safe_text(text, secrets=("s3cret!", "")) == safe


def test_foreign_text_is_bounded():
    assert len(safe_text("x" * 10_000)) == 500


def test_request_id_keeps_only_what_an_id_holds():
    assert safe_id("2024-01_ab.c:<script>\n") == "2024-01_ab.c:script"
