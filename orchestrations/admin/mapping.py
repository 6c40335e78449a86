"""Hold a query's columns against the fields of a destination: which one goes where, what is missing or ignored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from destinations import specs
from destinations.models import Destination, destinations_usable_by
from destinations.specs.base import Spec
from tiktok_hub.tenancy.models import Membership


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One line of the check: a column of the query, what it is used as, and a tone (`good`, `bad`, `warn`, `idle`)."""

    name: str
    type: str
    tone: str
    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """A query's columns held against a plugin; `errors` are sentences about what is missing or cannot be sent."""

    target: str
    rows: list[ColumnRow]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """Something to check a query against: a destination, or a plugin with one of its event sources."""

    value: str
    label: str
    spec: Spec
    settings: Mapping[str, Any]


def columns_map(columns: Iterable[Mapping[str, str]], target: Target) -> Mapped:
    """Return what each column of a query is to a target."""
    types = {column["name"]: column["type"] for column in columns}
    check = target.spec.columns_check(types, target.settings)
    rows = [_row(name, kind, target, check.suggestions) for name, kind in types.items()]
    return Mapped(target.label, rows, tuple(check.errors))


def _row(name: str, kind: str, target: Target, suggestions: Mapping[str, str]) -> ColumnRow:
    spec = target.spec
    field = next((field for field in spec.fields if name.lower() in field.names), None)
    if field is None and name in suggestions:
        return ColumnRow(name, kind, "warn", "?", f"unknown, ignored. Did you mean {suggestions[name]}?")
    if field is None:
        return ColumnRow(name, kind, "idle", "–", "unknown, ignored")
    if not spec.applies(field, target.settings):
        text = spec.ignored(name, target.settings).removeprefix(f"Column {name} ").rstrip(".")
        return ColumnRow(name, kind, "idle", "–", text)
    return ColumnRow(name, kind, "good", "✓", field.label)


def settings_shown(spec: Spec, settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the settings that are filled in, with their labels; secret ones only by the fact that they are."""
    filled = [each for each in spec.settings if settings.get(each.name) not in (None, "", [])]
    return [(each.label, "•••" if each.secret else _words(settings[each.name])) for each in filled]


def _words(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def targets(membership: Membership | None) -> list[Target]:
    """Return everything that this person may check a query against, destinations first."""
    found = [destination_target(destination) for destination in destinations_usable_by(membership)]
    for spec in specs.all():
        sources = spec.setting(spec.source_setting).choices if spec.source_setting else ()
        for word, label in sources or (("", ""),):
            settings: dict[str, Any] = {spec.source_setting: word} if spec.source_setting else {}
            if spec.kinds_setting:
                settings[spec.kinds_setting] = [kind for kind, _ in spec.setting(spec.kinds_setting).choices]
            name = f"{spec.label}: {label}" if label else spec.label
            found.append(Target(f"plugin:{spec.key}:{word}", f"Plugin {name}", spec, settings))
    return found


def destination_target(destination: Destination, settings: Mapping[str, Any] | None = None) -> Target:
    """Return a destination as something to check against, with its own settings or the given ones."""
    return Target(f"destination:{destination.pk}", str(destination), destination.spec, settings or destination.settings)
