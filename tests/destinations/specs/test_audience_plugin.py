"""TikTok Ads: its settings as people write them, and its columns."""

from collections.abc import Mapping

import pytest

from destinations import specs
from destinations.specs.audiences import advertisers, calculate_type
from destinations.specs.base import ColumnCheck, SettingsError, Spec

ACME, OUTLET = "7654321098765432109", "7654321098765432111"
GOOD: dict[str, object] = {"advertiser_id": ACME, "user_id_types": ["EMAIL", "PHONE"]}
DEFAULTS = {"transport": "streaming", "email_rule": "audience", "people_per_request": 5_000}


@pytest.fixture
def spec() -> Spec:
    return specs.get("tiktok-ads")


def errors_of(spec: Spec, settings: Mapping[str, object], stage: str = "destination") -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        spec.settings_clean(settings, stage)
    return caught.value.errors


def test_good_settings_come_back_with_defaults(spec: Spec) -> None:
    assert spec.settings_clean(GOOD) == GOOD | DEFAULTS
    assert (spec.credential_type, spec.keeps_audience) == ("tiktok", True)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("advertiser_id", "123", "19-digit"),
        ("advertiser_id", None, "required"),
        ("advertiser_ids", [OUTLET], "not both"),
        ("user_id_types", [], "required"),
        ("user_id_types", ["EMAIL", "GAID"], "GAID is none of EMAIL, PHONE, IDFA, AAID. Did you mean AAID?"),
        ("user_id_types", "email", "Did you mean EMAIL?"),
        ("transport", "stream", "streaming, file"),
        ("email_rule", "none", "audience, events"),
        ("people_per_request", 10_001, "1 to 10000"),
        ("people_per_request", 0, "1 to 10000"),
        ("audience_name", "x" * 71, "70 characters"),
        ("default_country", "USA", "two-letter"),
        ("campaign_files", "single", "no such setting"),
    ],
)
def test_wrong_setting_is_told_in_a_sentence(spec: Spec, name: str, value: object, sentence: str) -> None:
    assert sentence in errors_of(spec, GOOD | {name: value})[name]


def test_several_ad_accounts_stand_in_for_one(spec: Spec) -> None:
    several = {"advertiser_ids": [ACME, int(OUTLET), ACME], "user_id_types": "PHONE,EMAIL"}
    cleaned = spec.settings_clean(several)
    assert cleaned == {"advertiser_ids": [ACME, OUTLET], "user_id_types": ["EMAIL", "PHONE"], **DEFAULTS}
    assert advertisers(cleaned) == (ACME, OUTLET)
    assert errors_of(spec, several | {"advertiser_ids": [ACME, "1"]}) == {
        "advertiser_ids": "Must be the 19-digit ids of ad accounts."
    }


def test_one_ad_account_is_one_of_them() -> None:
    assert (advertisers(GOOD), advertisers({})) == ((ACME,), ())


def test_audience_name_may_wait_for_the_orchestration(spec: Spec) -> None:
    assert "audience_name" not in spec.settings_clean(GOOD | {"audience_name": "  "})
    assert "orchestration" in errors_of(spec, GOOD, "orchestration")["audience_name"]
    assert spec.settings_clean(GOOD | {"audience_name": " VIP "}, "orchestration")["audience_name"] == "VIP"


def check(columns: dict[str, str], *kinds: str) -> ColumnCheck:
    return specs.get("tiktok-ads").columns_check(columns, {"user_id_types": list(kinds)})


def test_good_columns_pass_without_a_word() -> None:
    columns = {"EMAIL": "VARCHAR", "Phone": "BIGINT", "idfa": "UUID", "aaid": "VARCHAR", "country": "VARCHAR"}
    assert check(columns, "EMAIL", "PHONE", "IDFA", "AAID") == ColumnCheck()


@pytest.mark.parametrize("column", ["email", "phone"])
def test_one_column_of_the_chosen_types_is_enough(column: str) -> None:
    assert check({column: "VARCHAR"}, "EMAIL", "PHONE").ok


def test_columns_of_other_types_are_not_enough() -> None:
    found = check({"email": "VARCHAR", "aaid": "VARCHAR"}, "PHONE", "IDFA")
    assert found.errors == ("Nobody can be recognised: at least one of the columns phone, idfa is needed.",)
    assert found.warnings == (
        "Column email is ignored: the User ID type is PHONE, IDFA.",
        "Column aaid is ignored: the User ID type is PHONE, IDFA.",
    )


def test_list_of_values_has_to_be_taken_apart() -> None:
    (sentence,) = check({"email": "VARCHAR[]", "phone": "VARCHAR"}, "EMAIL", "PHONE").errors
    assert sentence.startswith("Column email is a list.")


def test_near_miss_is_suggested() -> None:
    found = check({"e_mail": "VARCHAR"}, "EMAIL")
    assert found.suggestions == {"e_mail": "email"}
    assert found.errors[0].endswith("Perhaps e_mail AS email?")


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [
        (["EMAIL"], "EMAIL_SHA256"),
        (["PHONE"], "PHONE_SHA256"),
        (["IDFA"], "IDFA_SHA256"),
        (["AAID"], "GAID_SHA256"),
        (["IDFA", "AAID"], "MULTIPLE_TYPES"),
    ],
    ids=str,
)
def test_files_are_called_by_their_id_types(kinds: list[str], kind: str) -> None:
    assert calculate_type({"user_id_types": kinds}) == kind
