"""What pages of orchestrations and groups say of schedules: who changed them, when they come next, who follows."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from destinations.models import destinations_usable_by
from orchestrations.choices import ScheduleKind
from orchestrations.groups.services import groups_visible_to
from orchestrations.models import Orchestration, Schedule
from orchestrations.schedules.timetables import Scheduled
from orchestrations.templatetags.orchestration_tags import at_zone
from tiktok_hub.audit.models import Entry
from tiktok_hub.audit.reading import value_shown, who_name
from tiktok_hub.tenancy.models import Membership

VIEW_LOG = "audit.view_entry"
MOST = 5


def schedule_changes(schedule: Schedule | None, request: HttpRequest) -> list[tuple[Entry, str, str]]:
    """Return the last changes of a schedule with who made them and what, for people who may read the log."""
    if schedule is None or not request.user.has_perm(VIEW_LOG):
        return []
    own = Q(object_type=Schedule._meta.label_lower, object_id=str(schedule.pk))
    return [(entry, who_name(entry), _words(entry)) for entry in Entry.objects.filter(own)[:MOST]]


def _words(entry: Entry) -> str:
    """Say what was changed; of a schedule that was made, what it was."""
    return "; ".join(
        f"{change['field'].replace('_', ' ')}: {_value(change, 'old')}{value_shown(change.get('new'))}"
        for change in entry.changes
    )


def _value(change: dict[str, object], side: str) -> str:
    return f"{value_shown(change[side])} → " if change.get(side) is not None else ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Something that follows an orchestration, with the address of its page."""

    name: str
    url: str


def neighbours(orchestration: Orchestration, membership: Membership) -> dict[str, Any]:
    """Return the groups that an orchestration runs in and what follows it, as far as this person sees them."""
    visible = groups_visible_to(membership)
    usable = destinations_usable_by(membership)
    followers = Schedule.objects.filter(after=orchestration, enabled=True)
    seen = followers.filter(Q(orchestration__destination__in=usable) | Q(group__in=visible.values("pk")))
    return {
        "member_of": list(visible.filter(pk__in=orchestration.member_of.values("group"))),
        "followed_by": [_neighbour(each.of) for each in seen.select_related("orchestration", "group")],
    }


def _neighbour(thing: Scheduled) -> Neighbour:
    return Neighbour(str(thing), reverse(f"admin:orchestrations_{thing._meta.model_name}_detail", args=[thing.pk]))


def next_shown(schedule: Schedule) -> str:
    """Return when something runs by itself next, by the clock of its schedule, or what it follows."""
    if not schedule.enabled:
        return "paused"
    if schedule.tenant.sandbox_of_id is not None:
        return "rests (sandbox)"
    if schedule.kind == ScheduleKind.AFTER:
        return f"after “{schedule.after}”"
    return at_zone(schedule.next_slot, schedule.time_zone) if schedule.next_slot else "paused"
