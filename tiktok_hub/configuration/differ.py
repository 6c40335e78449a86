"""Compare two configurations in plain form: section → name → field → value. Knows nothing of files or databases.

A field that the wanted side does not name is left alone, and so is an item that it does not name, unless it is to be
removed; nested mappings (settings) are compared as wholes, name by name. Secrets are compared and never shown.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from tiktok_hub.crypto import Secret

Fields = Mapping[str, Any]
State = Mapping[str, Mapping[str, Fields]]

DOTS = "•••"
LONGEST = 70


@dataclass(frozen=True)
class FieldChange:
    """One field that differs; `old` or `new` is None where it is not set. `field` is a path: `settings.audience`."""

    field: str
    old: Any
    new: Any

    def lines(self) -> list[str]:
        """Return the change as people read it; a text of several lines as the lines that differ."""
        if isinstance(self.old, str) and isinstance(self.new, str) and "\n" in self.old + self.new:
            changed = unified_diff(self.old.splitlines(), self.new.splitlines(), lineterm="", n=1)
            return [f"{self.field}:", *(f"  {line}" for line in list(changed)[2:])]
        return [f"{self.field}: {shown(self.old)} → {shown(self.new)}"]

    def as_record(self) -> dict[str, Any]:
        """Return the change for `--json`; secrets as dots."""
        return {"field": self.field, "old": _masked(self.old), "new": _masked(self.new)}


@dataclass(frozen=True)
class Change:
    """An item that is to be added, changed in some fields, or removed; `fields` of the first and the last are all."""

    section: str
    name: str
    added: bool = False
    fields: tuple[FieldChange, ...] = ()
    removed: bool = False

    @property
    def kind(self) -> str:
        """Return what happens to the item, in a word."""
        return "added" if self.added else "removed" if self.removed else "changed"

    def touches(self, *fields: str) -> bool:
        """Say whether one of the fields changes; an added or removed item changes in all."""
        return self.added or self.removed or any(change.field.partition(".")[0] in fields for change in self.fields)


@dataclass(frozen=True)
class Difference:
    """What has to happen, what may stay, and what only the present side has: `unchanged` and `extra` are
    (section, name).
    """

    changes: tuple[Change, ...]
    unchanged: tuple[tuple[str, str], ...]
    extra: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def added(self) -> list[Change]:
        """Return the items that are to be added."""
        return [change for change in self.changes if change.added]

    @property
    def changed(self) -> list[Change]:
        """Return the items that are to be changed."""
        return [change for change in self.changes if not change.added and not change.removed]

    @property
    def removed(self) -> list[Change]:
        """Return the items that are to be removed."""
        return [change for change in self.changes if change.removed]

    def touches(self, *sections: str) -> bool:
        """Say whether anything of these sections changes."""
        return any(change.section in sections for change in self.changes)

    def change(self, section: str, name: str) -> Change | None:
        """Return the change of one item, None where it stays as it is."""
        return next((each for each in self.changes if (each.section, each.name) == (section, name)), None)


def difference(present: State, wanted: State, removing: Collection[tuple[str, str]] = ()) -> Difference:
    """Compare what is there with what is wanted; items come in the order of `wanted`.

    Items that only the present side has are left alone, but for those in `removing`, as (section, name): these come
    last, those that refer to others first.
    """
    changes: list[Change] = []
    unchanged: list[tuple[str, str]] = []
    for section, items in wanted.items():
        old = present.get(section, {})
        for name, fields in items.items():
            if name not in old:
                changes.append(Change(section, name, added=True, fields=_all(fields)))
            elif differing := tuple(_compare(old[name], fields)):
                changes.append(Change(section, name, fields=differing))
            else:
                unchanged.append((section, name))
    there = [(section, name) for section, items in present.items() for name in items]
    extra = [(section, name) for section, name in there if name not in wanted.get(section, {})]
    for section, name in reversed([pair for pair in extra if pair in removing]):
        gone = tuple(FieldChange(each.field, each.new, None) for each in _all(present[section][name]))
        changes.append(Change(section, name, fields=gone, removed=True))
    return Difference(tuple(changes), tuple(unchanged), tuple(pair for pair in extra if pair not in removing))


def _all(fields: Fields) -> tuple[FieldChange, ...]:
    """Return everything that is set of an item as if it were new."""
    return tuple(each for each in _compare({}, fields) if each.new not in (None, "", [], False))


def _compare(present: Fields, wanted: Fields, prefix: str = "") -> list[FieldChange]:
    found: list[FieldChange] = []
    names = list(dict.fromkeys([*wanted, *present])) if prefix else list(wanted)
    for name in names:
        old, new = present.get(name), wanted.get(name)
        if isinstance(new, Mapping):
            found += _compare(old if isinstance(old, Mapping) else {}, new, f"{prefix}{name}.")
        elif old != new:
            found.append(FieldChange(prefix + name, old, new))
    return found


def shown(value: Any) -> str:
    """Return a value as it stands in a diff: short, on one line, secrets as dots."""
    value = _masked(value)
    if value is None or value == "":
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        value = [f"{name} {shown(each)}" for name, each in value.items()]
    text = ", ".join(map(str, value)) if isinstance(value, list) else " ".join(str(value).split())
    return text or "(none)" if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _masked(value: Any) -> Any:
    if isinstance(value, Secret):
        return DOTS if value else None
    return value
