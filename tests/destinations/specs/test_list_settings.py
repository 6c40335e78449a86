"""Settings that hold lists, and settings that stand in another one's place."""

import pytest

from destinations.specs.settings import Setting, SettingKind, SettingRequired, SettingsError, settings_clean

COLOURS = (("RED", "Red"), ("GREEN", "Green"), ("BLUE", "Blue"))
SHOP = {"": ("[0-9]{3}", "Must be three digits.")}
SETTINGS = (
    Setting("shop", "Shop", required=SettingRequired.ALWAYS, patterns=SHOP),
    Setting("shops", "Shops", SettingKind.LIST, patterns=SHOP, instead_of="shop"),
    Setting("colours", "Colours", SettingKind.LIST, choices=COLOURS),
)


def clean(**values: object) -> dict[str, object]:
    return settings_clean(SETTINGS, values, "destination", None)


def errors_of(**values: object) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        clean(**values)
    return caught.value.errors


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (["101", "102"], ["101", "102"]),
        ([101, "102", " 101 "], ["101", "102"]),
        (101, ["101"]),
        ("101, 102", ["101", "102"]),
        ("101\r\n102;\n\n103,", ["101", "102", "103"]),
    ],
    ids=["list", "numbers and repeats", "one number", "commas", "lines"],
)
def test_list_is_read_as_people_write_it(typed: object, kept: list[str]) -> None:
    assert clean(shops=typed) == {"shops": kept}


@pytest.mark.parametrize("blank", [None, "", " ", [], ["", " "], ",\n"])
def test_blank_list_is_left_out(blank: object) -> None:
    assert clean(shop="101", colours=blank, shops=blank) == {"shop": "101"}


@pytest.mark.parametrize("value", [{"a": 1}, True, 1.5, [["101"]], [None], [True]])
def test_what_is_no_list_is_told_so(value: object) -> None:
    assert errors_of(shop="101", shops=value) == {"shops": "Must be a list of texts."}


def test_choices_come_in_their_own_order() -> None:
    assert clean(shop="101", colours=["BLUE", "RED", "BLUE"])["colours"] == ["RED", "BLUE"]


def test_wrong_choice_is_told_with_the_right_ones() -> None:
    assert errors_of(shop="101", colours=["RED", "gren"])["colours"] == (
        "gren is none of RED, GREEN, BLUE. Did you mean GREEN?"
    )


def test_every_item_has_to_fit() -> None:
    assert errors_of(shops=["101", "1"]) == {"shops": "Must be three digits."}


def test_one_of_the_two_is_needed() -> None:
    assert errors_of() == {"shop": "Is required."}


def test_both_are_one_too_many() -> None:
    assert errors_of(shop="101", shops=["102"]) == {"shops": "Give either this or Shop, not both."}
