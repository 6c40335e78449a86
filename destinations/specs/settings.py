"""Settings of a destination: declared once, checked everywhere with the same sentences."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from urllib.parse import urlsplit


class SettingKind(StrEnum):
    """What a setting holds."""

    TEXT = "text"
    CHOICE = "choice"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    LIST = "list"
    URL = "url"
    COUNTRY = "country"


class SettingRequired(StrEnum):
    """When a setting must be filled."""

    NO = "no"
    ALWAYS = "always"
    AT_ORCHESTRATION = "at_orchestration"


class Stage(StrEnum):
    """Where settings are checked: an orchestration needs more than the destination it uses."""

    DESTINATION = "destination"
    ORCHESTRATION = "orchestration"


class SettingsError(Exception):
    """Settings that cannot be used: setting → sentence, for forms, configuration files and the API alike."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{name}: {sentence}" for name, sentence in errors.items()))
        self.errors = dict(errors)


@dataclass(frozen=True)
class Setting:
    """One setting.

    `only_for` names the event sources in which it has a meaning (empty = all); elsewhere it is dropped. `patterns` maps
    an event source (or "" for any) to the form the value (of a list: each item) must have and the sentence that says
    so. `instead_of` names a setting in whose place this one may be given: exactly one of the two is needed where that
    one is required, and never both.
    """

    name: str
    label: str
    kind: SettingKind = SettingKind.TEXT
    required: SettingRequired = SettingRequired.NO
    help: str = ""
    default: object = None
    choices: tuple[tuple[str, str], ...] = ()
    secret: bool = False
    patterns: Mapping[str, tuple[str, str]] | None = None
    only_for: tuple[str, ...] = ()
    max_length: int | None = None
    minimum: int = 0
    maximum: int = 1_000_000
    instead_of: str = ""

    def clean(self, value: object) -> object:
        """Read a value as people write it in forms and YAML; None where blank. Raises ValueError with a sentence."""
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "" or value == []:
            return self.default
        return _READERS[self.kind](self, value)

    def pattern_check(self, value: object, source: str) -> str | None:
        """Give the sentence of the pattern that a value breaks."""
        items = value if isinstance(value, list) else [value]
        for key in ("", source):
            pattern = (self.patterns or {}).get(key)
            if pattern and any(isinstance(item, str) and not re.fullmatch(pattern[0], item) for item in items):
                return pattern[1]
        return None


def _text(setting: Setting, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("Must be a text. Put long numbers in quotes.")
    text = str(value)
    if setting.max_length and len(text) > setting.max_length:
        raise ValueError(f"Must not be longer than {setting.max_length} characters.")
    return text


def _choice(setting: Setting, value: object) -> str:
    words = [word for word, _ in setting.choices]
    if value not in words:
        raise ValueError(f"Must be one of {', '.join(words)}.{_did_you_mean(str(value), words)}")
    return str(value)


def _boolean(setting: Setting, value: object) -> bool:
    known = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    if str(value).lower() not in known:
        raise ValueError("Must be true or false.")
    return known[str(value).lower()]


def _integer(setting: Setting, value: object) -> int:
    sentence = f"Must be a whole number from {setting.minimum} to {setting.maximum}."
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,18}", str(value)):
        raise ValueError(sentence)
    if not setting.minimum <= int(str(value)) <= setting.maximum:
        raise ValueError(sentence)
    return int(str(value))


def _list(setting: Setting, value: object) -> list[str] | None:
    """Read a list, or what is typed with commas or on lines; each item once, in the order of the choices if any."""
    items = re.split("[,;\n]", value) if isinstance(value, str) else [value] if type(value) is int else value
    if not isinstance(items, (list, tuple)) or any(type(item) not in (str, int) for item in items):
        raise ValueError("Must be a list of texts.")
    texts = list(dict.fromkeys(filter(None, (str(item).strip() for item in items))))
    words = [word for word, _ in setting.choices]
    for text in texts:
        if words and text not in words:
            raise ValueError(f"{text} is none of {', '.join(words)}.{_did_you_mean(text, words)}")
    return [word for word in words if word in texts] or texts or None


def _url(setting: Setting, value: object) -> str:
    text = _text(setting, value)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("Must be a complete address.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\x00-\x20\x7f]", text):
        raise ValueError("Must be a complete address such as https://shop.example.com/.")
    return text


def _country(setting: Setting, value: object) -> str:
    text = str(value).upper()
    if not re.fullmatch("[A-Z]{2}", text):
        raise ValueError("Must be a two-letter country code such as US.")
    return text


_READERS = {
    SettingKind.TEXT: _text,
    SettingKind.CHOICE: _choice,
    SettingKind.BOOLEAN: _boolean,
    SettingKind.INTEGER: _integer,
    SettingKind.LIST: _list,
    SettingKind.URL: _url,
    SettingKind.COUNTRY: _country,
}


def _did_you_mean(word: str, known: list[str]) -> str:
    lower = {item.lower(): item for item in known}
    close = get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    return f" Did you mean {lower[close[0]]}?" if close else ""


def settings_clean(
    settings: tuple[Setting, ...], values: Mapping[str, object], stage: str, source: str | None
) -> dict[str, object]:
    """Check values against their declarations; see `Spec.settings_clean`."""
    errors = {
        name: f"There is no such setting.{_did_you_mean(name, [setting.name for setting in settings])}"
        for name in values
        if name not in {setting.name for setting in settings}
    }
    cleaned: dict[str, object] = {}
    for setting in settings:
        try:
            value = setting.clean(values.get(setting.name))
        except ValueError as error:
            errors[setting.name] = str(error)
            continue
        cleaned[setting.name] = value
    return _finish(settings, cleaned, errors, stage, source)


def _finish(
    settings: tuple[Setting, ...], cleaned: dict[str, object], errors: dict[str, str], stage: str, source: str | None
) -> dict[str, object]:
    event_source = str(cleaned.get(source)) if source and cleaned.get(source) else ""
    kept: dict[str, object] = {}
    errors.update(_both(settings, cleaned))
    stood_in = {setting.instead_of for setting in settings if cleaned.get(setting.name) or setting.name in errors}
    for setting in settings:
        if setting.name in errors or (event_source and setting.only_for and event_source not in setting.only_for):
            continue
        value = cleaned[setting.name]
        if value is None:
            if setting.required == SettingRequired.ALWAYS and setting.name not in stood_in:
                errors[setting.name] = "Is required."
            elif setting.required == SettingRequired.AT_ORCHESTRATION and stage == Stage.ORCHESTRATION:
                errors[setting.name] = "Is required here: set it on the destination or on the orchestration."
            continue
        if sentence := setting.pattern_check(value, event_source):
            errors[setting.name] = sentence
        kept[setting.name] = value
    if errors:
        raise SettingsError(errors)
    return kept


def _both(settings: tuple[Setting, ...], cleaned: Mapping[str, object]) -> dict[str, str]:
    """Refuse a setting that is given besides the one in whose place it stands."""
    labels = {setting.name: setting.label for setting in settings}
    return {
        setting.name: f"Give either this or {labels[setting.instead_of]}, not both."
        for setting in settings
        if cleaned.get(setting.name) and cleaned.get(setting.instead_of)
    }
