"""What an orchestration is for, in one sentence, and how it has done so far."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from django.utils import timezone

from orchestrations.admin.base import names
from orchestrations.audiences.targets import mode_of
from orchestrations.choices import RunPurpose, RunStatus, SyncMode
from orchestrations.models import GroupMember, Orchestration, Run, Schedule

USUAL = 10
GOOD = (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS)
AUDIENCE_WORDS: dict[str, tuple[str, str]] = {
    SyncMode.MIRROR: ("Keeps {target} equal to the people of ", ""),
    SyncMode.ADD: ("Adds the people of ", " to {target}"),
    SyncMode.REMOVE: ("Removes the people of ", " from {target}"),
    SyncMode.REPLACE: ("Replaces {target} by the people of ", ""),
}


@dataclass(frozen=True, slots=True)
class Purpose:
    """A sentence in pieces: what stands before the query's name and behind it, and when it happens."""

    before: str
    after: str
    when: str


@dataclass(frozen=True, slots=True)
class Record:
    """How an orchestration has done: its last success, and how many rows its runs usually select."""

    last_success: Run | None
    usual_rows: int | None

    @property
    def seconds_ago(self) -> float | None:
        """Return how long ago the last success was asked for."""
        return (timezone.now() - self.last_success.created_at).total_seconds() if self.last_success else None


def purpose_of(orchestration: Orchestration, schedule: Schedule | None, *, rests: bool) -> Purpose:
    """Say what an orchestration does, as its settings are now; `rests` where schedules start nothing."""
    settings = orchestration.settings_merged
    if orchestration.destination.spec.keeps_audience:
        before, after = AUDIENCE_WORDS[mode_of(orchestration)]
        target = _audience(orchestration, settings)
        return Purpose(before.format(target=target), after.format(target=target), _when(orchestration, schedule, rests))
    after = f" as {_events(settings)} of {_accounts(orchestration, settings)}"
    return Purpose("Sends the rows of ", after, _when(orchestration, schedule, rests))


def _events(settings: dict[str, Any]) -> str:
    """Name the events and the event set or pixel that they go to."""
    source = str(settings.get("event_source") or "")
    holder = "pixel" if source == "web" else "event set"
    name, code = settings.get("event_set_name"), settings.get("event_source_id")
    if not name and not code:
        return f"{source} events to a TikTok {holder} that is not chosen yet"
    named = f"“{name}” ({code})" if name and code else str(name or code)
    return f"{source} events to TikTok {holder} {named}"


def _audience(orchestration: Orchestration, settings: dict[str, Any]) -> str:
    name = settings.get("audience_name")
    named = f"the TikTok audience “{name}”" if name else "a TikTok audience that has no name yet"
    return f"{named} of {_accounts(orchestration, settings)}"


def _accounts(orchestration: Orchestration, settings: dict[str, Any]) -> str:
    """Name the ad accounts, as the credential knows them."""
    names = {str(row.get("id")): row.get("name") for row in orchestration.destination.credential.advertisers}
    ids = settings.get("advertiser_ids") or [settings.get("advertiser_id")]
    if len(ids) > 1:
        return f"each of {len(ids)} advertisers"
    known = names.get(str(ids[0]))
    return f"advertiser {known} ({ids[0]})" if known else f"advertiser {ids[0]}"


def _when(orchestration: Orchestration, schedule: Schedule | None, rests: bool) -> str:
    """Say when it runs: by its schedule, else as a member of groups, else when somebody starts it."""
    if schedule is not None and schedule.enabled and orchestration.enabled and not rests:
        words = schedule.rule.words
        return f"{words[:1].lower()}{words[1:]}"
    groups = GroupMember.objects.filter(orchestration=orchestration, group__enabled=True).select_related("group")
    named = names(member.group for member in groups) if orchestration.enabled else ""
    return f"whenever {named} runs or somebody starts it" if named else "whenever somebody starts it"


def record_of(orchestration: Orchestration) -> Record:
    """Return how its last whole runs have done."""
    runs = Run.objects.filter(
        orchestration=orchestration, purpose=RunPurpose.DELIVER, sample__isnull=True, status__in=GOOD
    )
    last = list(runs.only("created_at", "selected").order_by("-created_at")[:USUAL])
    rows = [run.selected for run in last if run.selected is not None]
    return Record(last[0] if last else None, round(median(rows)) if rows else None)
