"""Check what a document says about audiences: how they follow their queries, and that no two keep the same one."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from destinations import specs
from destinations.specs.base import Spec
from orchestrations.audiences.targets import KEEPING, audience_keys
from orchestrations.choices import SyncMode
from tiktok_hub.configuration.problems import Problem
from tiktok_hub.configuration.reading import Item
from tiktok_hub.configuration.state import settings_revealed

Fields = dict[str, Any]
Lookup = Callable[[str, str], Fields | None]
NO_AUDIENCE = "{label} keeps no audience. Leave this out."
FILES_ONLY = "An audience can be replaced only by files: set “transport: file” on the destination, or mirror the query."
SAME = "The orchestration “{other}” keeps the same audience equal to its own query. Choose another audience_name."


def following_read(item: Item, spec: Spec, settings: Mapping[str, Any], problems: list[Problem]) -> Fields:
    """Return `sync_mode` and `guard` of an orchestration, completed; what is wrong goes to the problems."""
    mode, guard = item.values["sync_mode"], item.values["guard"]
    if not spec.keeps_audience:
        given = [name for name, value in (("sync_mode", mode), ("guard", guard)) if value]
        problems += [item.problem(name, NO_AUDIENCE.format(label=spec.label)) for name in given]
        return {"sync_mode": "", "guard": None}
    mode = mode or SyncMode.MIRROR.value
    if mode == SyncMode.REPLACE and settings and settings.get("transport") != "file":
        problems.append(item.problem("sync_mode", FILES_ONLY))
    default = {key.name: key.default for key in item.section.key("guard").keys}
    guard = {**default, **(guard or {})}
    percent = guard["max_removal_percent"]
    if not re.fullmatch("[0-9]{1,3}", percent) or int(percent) > 100:
        problems.append(item.problem("guard.max_removal_percent", "This must be a whole number from 0 to 100."))
        return {"sync_mode": mode, "guard": guard}
    return {"sync_mode": mode, "guard": {**guard, "max_removal_percent": int(percent)}}


def audience_conflicts(items: Iterable[Item], names: Iterable[str], fields: Lookup) -> list[Problem]:
    """Return a problem for every item that keeps an audience equal to its query which another orchestration keeps too.

    `names` are those of all orchestrations, `fields` gives what a thing will be, of the document or of the tenant.
    """
    mine = [item for item in items if item.is_whole]
    others = [name for name in dict.fromkeys(names) if name not in {item.name for item in mine}]
    problems: list[Problem] = []
    for item in mine:
        kept = _kept(item.name, fields)
        if other := next((name for name in others if kept & _kept(name, fields)), None):
            problems.append(item.problem("settings.audience_name", SAME.format(other=other)))
        others.append(item.name)
    return problems


def _kept(name: str, fields: Lookup) -> set[tuple[str, ...]]:
    """Return what tells the audiences apart that an orchestration keeps equal to its query."""
    own = fields("orchestrations", name) or {}
    destination = fields("destinations", str(own.get("destination"))) or {}
    if not destination or own.get("sync_mode") not in KEEPING or not specs.get(destination["plugin"]).keeps_audience:
        return set()
    return {
        tuple(key.values())
        for key in audience_keys(settings_revealed({**destination["settings"], **own["settings"]}))
        if key["name"]
    }
