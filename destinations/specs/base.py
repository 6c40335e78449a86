"""What a destination plugin declares. Forms, checks, preparation, docs and tests are derived from it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from destinations.preparation.columns import element_type, readable
from destinations.preparation.contract import Limits, Piece
from destinations.preparation.fields import Field, Required
from destinations.specs.settings import Setting, SettingKind, SettingRequired, SettingsError, Stage, settings_clean
from destinations.tiktok.client import Answer, TikTokClient

__all__ = [
    "ColumnCheck",
    "Field",
    "Limits",
    "Parcel",
    "Resending",
    "Setting",
    "SettingKind",
    "SettingRequired",
    "SettingsError",
    "Spec",
    "Stage",
]


@dataclass(frozen=True)
class ColumnCheck:
    """What a query's columns are to a destination.

    `errors` are sentences that stop an orchestration from being saved, `warnings` sentences about what is ignored,
    `suggestions` maps an unknown name to the field it probably means, `missing` are the required columns not there.
    """

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    suggestions: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the query can be used."""
        return not self.errors


@dataclass(frozen=True)
class Parcel:
    """One request that is due, and what must be known to send it.

    `kind` says what `body` is: "track" (events), "mapping" (people to add or delete), "upload" (one file) or "apply"
    (what becomes of uploaded files). `settings` are the run's effective ones. Audiences also have the ad account of
    this target, the audience's id ("" as long as there is none) and name, and for "apply" the paths of the `files`
    that TikTok gave for its uploads. The body is not shown: it holds people's digests.
    """

    kind: str
    body: bytes = field(repr=False)
    settings: Mapping[str, Any]
    advertiser_id: str = ""
    audience_id: str = ""
    audience_name: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resending:
    """How a plugin sends what it has prepared once more, and what the receiver makes of it.

    `address` names the settings that say where events go: only while they are as they were is an event the same for the
    receiver, which drops what comes again within `known_hours`. `age_limit` gives the oldest age in seconds that
    settings let pass, `times` when the events of a body happened (epoch seconds). `repack` makes new bodies of events
    of old ones.
    """

    address: tuple[str, ...]
    known_hours: int
    age_limit: Callable[[Mapping[str, Any]], int]
    times: Callable[[bytes], Any]
    repack: Callable[..., Iterator[Piece]]


@dataclass(frozen=True)
class Spec:
    """A destination plugin.

    `checks` are the names of the connection test's steps in their order. `source_setting` names the setting that says
    which fields apply (the event source), where the plugin has one; `kinds_setting` a list that says so (the id
    types). `ignored_sentence` tells of a column that does not apply. `prepare` turns rows into request bodies, `send`
    sends one of them, and `body_slice` makes the body for some of its positions. `keeps_audience` says that it keeps a
    list of people equal to a query, so that what was sent before matters; else every run stands for itself. `resending`
    is there where a run can be replayed.
    """

    key: str
    label: str
    description: str
    credential_type: str
    settings: tuple[Setting, ...]
    fields: tuple[Field, ...]
    limits: Limits
    checks: tuple[str, ...]
    prepare: Callable[..., Iterator[Piece]]
    send: Callable[[TikTokClient, Parcel], Answer]
    body_slice: Callable[[bytes, Sequence[int]], bytes]
    source_setting: str | None = None
    kinds_setting: str | None = None
    keeps_audience: bool = False
    resending: Resending | None = None
    one_of_sentence: str = "At least one of these columns is needed: {columns}."
    ignored_sentence: str = "Column {column} has no meaning for event source {sources} and is ignored."

    def setting(self, name: str) -> Setting:
        """Give a setting by its machine name."""
        return next(setting for setting in self.settings if setting.name == name)

    def settings_clean(self, values: Mapping[str, object], stage: str = Stage.DESTINATION) -> dict[str, Any]:
        """Check and normalise settings; what is blank or has no meaning is left out, defaults are filled in.

        Raises SettingsError with a sentence for every setting that is wrong, unknown or missing. Settings that are
        required at orchestration may be absent while `stage` is "destination".
        """
        return settings_clean(self.settings, values, stage, self.source_setting)

    def columns_check(self, columns: Mapping[str, str], settings: Mapping[str, object]) -> ColumnCheck:
        """Compare a query's columns (name → DuckDB type) with the fields that these settings select."""
        sources = self.sources(settings)
        used = {name: self._field(name) for name in columns}
        missing = self._missing(columns, settings, sources)
        errors: list[str] = []
        warnings: list[str] = []
        suggestions: dict[str, str] = {}
        for name, found in used.items():
            if found is None:
                warnings.append(self._unknown(name, columns, suggestions))
            elif not self.applies(found, settings):
                warnings.append(self.ignored(name, settings))
            elif not readable(found, columns[name]):
                errors.append(f"Column {name} is of type {columns[name]}, which cannot be sent. Cast it to VARCHAR.")
            elif self.keeps_audience and element_type(found, columns[name]):
                errors.append(
                    f"Column {name} is a list. An audience takes one value per row: select one for each (unnest)."
                )
        lacking = [sentence + _near(wanted, suggestions) for wanted, sentence in missing]
        return ColumnCheck((*lacking, *errors), tuple(warnings), suggestions, tuple(wanted[0] for wanted, _ in missing))

    def sources(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        """Give the words that say which fields apply: the event source, or the id types; ("",) where there is none."""
        if self.kinds_setting:
            kinds = settings.get(self.kinds_setting)
            return tuple(map(str, kinds)) if isinstance(kinds, (list, tuple)) and kinds else ("",)
        return (str(settings.get(self.source_setting) or "") if self.source_setting else "",)

    def applies(self, field: Field, settings: Mapping[str, object]) -> bool:
        """Say whether a column means anything under these settings; any does while no id types are chosen."""
        sources = self.sources(settings)
        return any(map(field.applies, sources)) or bool(self.kinds_setting and sources == ("",))

    def ignored(self, column: str, settings: Mapping[str, object]) -> str:
        """Say why a column of the query means nothing under these settings."""
        return self.ignored_sentence.format(column=column, sources=", ".join(self.sources(settings)))

    def _field(self, name: str) -> Field | None:
        return next((field for field in self.fields if name.lower() in field.names), None)

    def _unknown(self, name: str, columns: Mapping[str, str], suggestions: dict[str, str]) -> str:
        present = {column.lower() for column in columns}
        words = {
            word: field.column for field in self.fields if not present.intersection(field.names) for word in field.hints
        }
        meant = _meant(name, words)
        if meant is None:
            return f"Column {name} is unknown and ignored."
        suggestions[name] = meant
        return f"Column {name} is unknown and ignored. Did you mean {meant}?"

    def _missing(
        self, columns: Mapping[str, str], settings: Mapping[str, object], sources: Sequence[str]
    ) -> list[tuple[list[str], str]]:
        """Return which columns are wanted, any of which would do, and the sentence that says so."""
        present = {column.lower() for column in columns}
        missing: list[tuple[list[str], str]] = []
        for required in self.fields:
            if _required(required, sources, Required.ALWAYS) and not present.intersection(required.names):
                if required.fallback is None:
                    missing.append(([required.column], f"Column {required.column} is missing."))
                elif not settings.get(required.fallback):
                    label = self.setting(required.fallback).label
                    sentence = f"Column {required.column} is missing. Add it, or set {label}."
                    missing.append(([required.column], sentence))
        group = [required for required in self.fields if _required(required, sources, Required.ONE_OF)]
        if group and not any(present.intersection(required.names) for required in group):
            names = [required.column for required in group]
            missing.append((names, self.one_of_sentence.format(columns=", ".join(names))))
        return missing


def _required(field: Field, sources: Sequence[str], how: Required) -> bool:
    return any(field.required_in(source) == how for source in sources)


def _near(wanted: Sequence[str], suggestions: Mapping[str, str]) -> str:
    """Say which unknown columns of the query probably are the wanted one under another name."""
    near = [f"{name} AS {meant}" for name, meant in suggestions.items() if meant in wanted]
    return f" Perhaps {' or '.join(near)}?" if near else ""


def _meant(name: str, words: Mapping[str, str]) -> str | None:
    """Guess the field behind an unknown name: one spelled alike, else one that is a word of it (`phone_number`)."""
    plain = re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
    close = get_close_matches(plain, list(words), n=1, cutoff=0.7)
    inside = [word for word in sorted(words, key=len, reverse=True) if f"_{word}_" in f"_{plain}_"]
    return words[(close or inside)[0]] if close or inside else None
