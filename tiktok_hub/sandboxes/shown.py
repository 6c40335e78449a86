"""Differences as pages show them: who changed what, field by field, secrets as dots."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from tiktok_hub.configuration.differ import Change, FieldChange
from tiktok_hub.configuration.schema import BY_NAME
from tiktok_hub.sandboxes.comparing import Deviation, Standing

LABELS = {
    Standing.OURS: ("To promote", "Changed in the sandbox since the two were last equal."),
    Standing.BOTH: ("Changed in production too", "Both sides have changed these: pull first, then decide whose stays."),
    Standing.THEIRS: (
        "Production is ahead",
        "Changed in production only: a promotion leaves it, a pull takes it over.",
    ),
}
DATA = "Datasets come and go with their data, which does not travel: upload or delete it in production yourself."


@dataclass(frozen=True, slots=True)
class Line:
    """One field: its values, or the lines that differ where it is a text of several lines."""

    field: str
    old: str
    new: str
    lines: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that differs; `note` says what else there is to know."""

    noun: str
    name: str
    kind: str
    fields: list[Line]
    note: str


@dataclass(frozen=True, slots=True)
class Group:
    """Differences that arose on the same side."""

    key: str
    title: str
    sentence: str
    items: list[Item]


def groups_shown(deviations: Iterable[Deviation]) -> list[Group]:
    """Return the differences by where they arose, those to promote first."""
    known = list(deviations)
    found = []
    for standing, (title, sentence) in LABELS.items():
        items = [item_shown(each.change, "" if each.travels else DATA) for each in known if each.standing == standing]
        if items:
            found.append(Group(standing.value, title, sentence, items))
    return found


def item_shown(change: Change, note: str = "") -> Item:
    """Return one change as a page shows it."""
    noun = BY_NAME[change.section].noun
    return Item(noun, change.name, change.kind, [_line(field) for field in change.fields], note)


def _line(change: FieldChange) -> Line:
    record = change.as_record()
    old, new = record["old"], record["new"]
    lines: list[tuple[str, str]] = []
    if isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        found = list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))[2:]
        lines = [({"+": "plus", "-": "minus", "@": "at"}.get(line[:1], "same"), line) for line in found]
    return Line(change.field, text(old), text(new), lines)


def text(value: Any) -> str:
    """Return a value in words."""
    if value in (None, "", []):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
