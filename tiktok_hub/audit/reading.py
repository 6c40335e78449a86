"""What people read of an entry: names for what stands in it as codes, its changes, the log as CSV."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC
from typing import Any

from django.apps import apps
from django.db.models import QuerySet

from tiktok_hub.acting import Via
from tiktok_hub.audit.models import Entry
from tiktok_hub.spreadsheets import csv_lines

COLUMNS = (
    *("number", "at", "who", "via", "ip", "action", "kind", "object_id", "object", "changes"),
    *("entry", "actor_id", "sealed_at", "digest"),
)
NOBODY = {
    Via.SYSTEM: "tiktok_hub",
    Via.SCHEDULE: "tiktok_hub",
    Via.COMMAND: "the command line",
    Via.LINK: "holder of the link",
}
_PIECE = 1000


def kind_name(object_type: str) -> str:
    """Return what people call a kind of thing: `destinations.credential` is a credential."""
    try:
        return str(apps.get_model(object_type)._meta.verbose_name)
    except (LookupError, ValueError):
        return object_type


def who_name(entry: Entry) -> str:
    """Name who acted: a person, or who it can have been at that door."""
    return entry.actor or NOBODY.get(Via(entry.via), "a stranger")


def value_shown(value: Any) -> str:
    """Return a value of a change as text: what is not set as a dash, lists and objects as JSON."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def entries_csv(entries: QuerySet[Entry], scope: Callable[[], AbstractContextManager[Any]]) -> Iterator[str]:
    """Yield entries as CSV, the oldest first. `scope` is opened for each piece: it is read long after the request."""
    return csv_lines(COLUMNS, map(_row, _pieces(entries.order_by("pk").select_related("seal"), scope)))


def _pieces(entries: QuerySet[Entry], scope: Callable[[], AbstractContextManager[Any]]) -> Iterator[Entry]:
    last = 0
    while True:
        with scope():
            piece = list(entries.filter(pk__gt=last)[:_PIECE])
        if not piece:
            return
        yield from piece
        last = piece[-1].pk


def _row(entry: Entry) -> tuple[object, ...]:
    seal = getattr(entry, "seal", None)
    place = (seal.number, seal.at.astimezone(UTC).isoformat(), seal.digest) if seal else (None, None, None)
    return (
        *(place[0], entry.at.astimezone(UTC).isoformat(), entry.actor, entry.via, entry.ip, entry.action),
        *(entry.object_type, entry.object_id, entry.object_name, json.dumps(entry.changes, ensure_ascii=False)),
        *(entry.pk, entry.actor_id, place[1], place[2]),
    )
