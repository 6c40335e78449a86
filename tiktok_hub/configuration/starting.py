"""Check what a document says about when things start: schedules, members of groups, and that nothing circles."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.utils import timezone

from orchestrations.choices import AfterEnds
from orchestrations.schedules.circles import circle_sentence, circle_through
from orchestrations.schedules.rules import After, Rule, ScheduleError
from orchestrations.schedules.timetables import Wish
from tiktok_hub.configuration.problems import Problem, did_you_mean
from tiktok_hub.configuration.reading import Item

Fields = dict[str, Any]
Lookup = Callable[[str, str], Fields | None]
Names = Callable[[str], Iterable[str]]
Node = tuple[str, str]

ORCHESTRATIONS, GROUPS = "orchestrations", "groups"
NOWHERE = "There is no orchestration “{name}”, here or in the tenant.{near}"
TWICE = "“{name}” stands here twice: an orchestration runs once in a group."


def schedule_read(item: Item, values: Fields, time_zone: str, problems: list[Problem]) -> Fields | None:
    """Return a schedule, completed, with `time_zone` where the file names none; what is wrong goes to the problems."""
    found = {**values, "time_zone": values.get("time_zone") or time_zone}
    if len({"cron", "every_minutes", "after"} & set(values)) != 1:
        problems.append(item.problem("schedule", "Give either “cron” or “every_minutes”, or “after”."))
        return None
    if "ends" in values and "after" not in values:
        problems.append(item.problem("schedule.ends", "This goes with “after” only. Leave it out."))
        return None
    if "after" in values:
        found["ends"] = values.get("ends", AfterEnds.SUCCEEDED.value)
    elif "cron" in values:
        found["cron"] = " ".join(values["cron"].split())
    elif re.fullmatch(r"[0-9]{1,9}", values["every_minutes"]):
        found["every_minutes"] = int(values["every_minutes"])
    else:
        problems.append(item.problem("schedule.every_minutes", "This must be a whole number of minutes."))
        return None
    try:
        _rule(found)
    except ScheduleError as error:
        problems.append(item.problem(f"schedule.{error.field}", str(error)))
    return found


def _rule(schedule: Fields) -> Rule:
    """Return the rule of a schedule; raise ScheduleError where there is none."""
    if "after" in schedule:
        return After(schedule["after"], schedule["ends"], schedule["time_zone"])
    return Wish(**schedule).rule(timezone.now())


def starting_problems(items: Iterable[Item], names: Names, fields: Lookup) -> Iterator[Problem]:
    """Yield what is wrong with how orchestrations and groups of a document are started.

    `names` gives the names of a section's things, `fields` what a thing will be, of the document or of the tenant.
    """
    known = list(names(ORCHESTRATIONS))
    starts = _starts(names, fields)
    told: set[frozenset[Node]] = set()
    for item in (each for each in items if each.is_whole):
        wrong = list(_unknown(item, known))
        yield from wrong
        key = _closing(item)
        circle = circle_through((item.section.name, item.name), starts) if key and not wrong else []
        if circle and frozenset(circle) not in told:
            told.add(frozenset(circle))
            yield item.problem(key, circle_sentence(name for _, name in circle))


def _closing(item: Item) -> str:
    """Return the key by which an item can close a circle: it follows another, or it starts others."""
    if (item.values.get("schedule") or {}).get("after"):
        return "schedule.after"
    return "members" if item.values.get("members") else ""


def _unknown(item: Item, known: list[str]) -> Iterator[Problem]:
    members: list[str] = item.values.get("members") or []
    after = (item.values.get("schedule") or {}).get("after")
    for key, name in [("schedule.after", after), *(("members", member) for member in members)]:
        if name is not None and name not in known:
            yield item.problem(key, NOWHERE.format(name=name, near=did_you_mean(name, known)))
    for name in dict.fromkeys(each for each in members if members.count(each) > 1):
        yield item.problem("members", TWICE.format(name=name))


def _starts(names: Names, fields: Lookup) -> dict[Node, list[Node]]:
    """Return what starts what: a group its members, an orchestration those that follow it."""
    starts: dict[Node, list[Node]] = {}
    for section in (ORCHESTRATIONS, GROUPS):
        for name in dict.fromkeys(names(section)):
            found = fields(section, name) or {}
            if after := (found.get("schedule") or {}).get("after"):
                starts.setdefault((ORCHESTRATIONS, after), []).append((section, name))
            for member in found.get("members") or ():
                starts.setdefault((section, name), []).append((ORCHESTRATIONS, member))
    return starts
