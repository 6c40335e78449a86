"""Settings of the events plugin as people write them."""

import pytest

from destinations import specs
from destinations.specs.base import SettingsError, Spec

GOOD: dict[str, object] = {
    "advertiser_id": "7654321098765432109",
    "event_source": "offline",
    "event_source_id": "7181537436256731137",
}


@pytest.fixture
def spec() -> Spec:
    return specs.get("tiktok-ads-events")


def errors_of(spec: Spec, settings: dict[str, object], stage: str = "destination") -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        spec.settings_clean(settings, stage)
    return caught.value.errors


def test_good_settings_come_back_with_defaults(spec: Spec) -> None:
    assert spec.settings_clean(GOOD) == GOOD | {"auto_tracking": False, "max_age_days": 28}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("advertiser_id", "123", "19-digit"),
        ("advertiser_id", None, "required"),
        ("event_source", "shop", "offline, web"),
        ("event_source", "", "required"),
        ("event_source_id", "C3QEXAMPLEPIXELCODE0", "event set"),
        ("event_source_id", "123", "15 to 20 digits"),
        ("fixed_event_name", "purchase", "standard names"),
        ("max_age_days", "0", "1 to 3650"),
        ("max_age_days", "a week", "whole number"),
        ("default_country", "USA", "two-letter"),
        ("auto_tracking", "perhaps", "true or false"),
    ],
)
def test_wrong_setting_is_told_in_a_sentence(spec: Spec, name: str, value: object, sentence: str) -> None:
    assert sentence in errors_of(spec, GOOD | {name: value})[name]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("event_source_id", "7181537436256731137", "pixel code"),
        ("default_page_url", "shop.example.com", "complete address"),
    ],
)
def test_wrong_web_setting_is_told_in_a_sentence(spec: Spec, name: str, value: str, sentence: str) -> None:
    web = GOOD | {"event_source": "web", "event_source_id": "C3QEXAMPLEPIXELCODE0"}
    assert sentence in errors_of(spec, web | {name: value})[name]


def test_unknown_setting_is_refused_with_a_suggestion(spec: Spec) -> None:
    assert errors_of(spec, GOOD | {"event_sorce": "web"}) == {
        "event_sorce": "There is no such setting. Did you mean event_source?"
    }


def test_event_source_id_may_wait_for_the_orchestration(spec: Spec) -> None:
    waiting = GOOD | {"event_source_id": " "}
    assert "event_source_id" not in spec.settings_clean(waiting)
    assert "orchestration" in errors_of(spec, waiting, "orchestration")["event_source_id"]


def test_all_errors_come_at_once(spec: Spec) -> None:
    assert set(errors_of(spec, {"max_age_days": -1, "nothing": 1})) == {
        "advertiser_id",
        "event_source",
        "max_age_days",
        "nothing",
    }


def test_settings_without_meaning_for_the_source_are_left_out(spec: Spec) -> None:
    cleaned = spec.settings_clean(GOOD | {"limited_data_use": True, "default_page_url": "https://a.example/"})
    assert not {"limited_data_use", "default_page_url"} & set(cleaned)


@pytest.mark.parametrize(
    ("given", "kept"), [(7654321098765432109, "7654321098765432109"), (" 7654321098765432109 ",) * 2]
)
def test_long_id_stays_a_text(spec: Spec, given: object, kept: object) -> None:
    assert spec.settings_clean(GOOD | {"advertiser_id": given})["advertiser_id"] == str(kept).strip()


@pytest.mark.parametrize(("given", "kept"), [("yes", True), ("0", False), (True, True), ("OFF", False)])
def test_flag_is_read_as_people_write_it(spec: Spec, given: object, kept: bool) -> None:
    assert spec.settings_clean(GOOD | {"auto_tracking": given})["auto_tracking"] is kept
