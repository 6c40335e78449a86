"""Keep custom audiences: what they are, how they change while time passes, and what TikTok shows of them.

Sources: TikTok docs 1739940506015746 (list), 1739940507792385 (get), 1739940570793985 (create), 1739940572667906
(update). *Assumed*, for no source tells: a file change that would leave too few people is taken, fails when it has been
worked on, and leaves the members as they were; a new audience that fails this way stays without members and cannot be
edited; an expired audience cannot be edited either; the size shown is the one of some time ago.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from destinations.emulator.errors import NOT_EXIST, PARAMETER, ApiError, SeedError
from destinations.emulator.members import Members

PARTNER, CUSTOMER_FILE = "Partner", "Customer File Audience"
AUDIENCE_TYPES = (
    PARTNER,
    CUSTOMER_FILE,
    "Engagement Audience",
    "App Activity Audience",
    "Website Audience",
    "Lookalike Audience",
    "Lead Generation",
)
NOT_EDITABLE = "Audience is not editable, please check audience status"
INVALID_ID = "Parameter error: invalid audience ID"
DAY = 86_400
UNUSED_DAYS = 365
EXPIRING_DAYS = 60
HISTORY = 100


@dataclass
class Change:
    """A file change on its way: when it is done, and what makes the new members out of the old ones."""

    due: float
    action: str
    make: Callable[[Members], Members]


@dataclass
class Audience:
    """A custom audience; a deleted one is remembered without its members, to answer 40007."""

    audience_id: str
    name: str
    advertiser_id: str
    audience_type: str = PARTNER
    calculate_type: str = "MULTIPLE_TYPES"
    audience_sub_type: str = "NORMAL"
    created_at: float = 0.0
    used_at: float = 0.0
    retention_days: int = 0
    enhancement: bool = False
    deleted: bool = False
    error_msg: str = ""
    stuck: bool = False
    """Whether the first file had too few people: such an audience can only be deleted."""
    members: Members = field(default_factory=Members)
    change: Change | None = None
    cover_num: int = 0
    calculated: bool = False
    sizes: deque[tuple[float, int]] = field(default_factory=deque)
    """Sizes that show later: (moment, people), oldest first."""
    shares: dict[str, float] = field(default_factory=dict)
    applied: list[dict[str, Any]] = field(default_factory=list)
    history: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=HISTORY))

    @property
    def expires_at(self) -> float:
        """Give the moment it expires: fixed from its creation, or 12 months after the last use or edit."""
        if self.retention_days:
            return self.created_at + self.retention_days * DAY
        return self.used_at + UNUSED_DAYS * DAY

    def state(self, now: float, floor: int) -> str:
        """Name the state for people who look at the emulator."""
        if self.deleted:
            return "deleted"
        if now >= self.expires_at:
            return "expired"
        if self.change is not None:
            return "processing"
        if self.stuck:
            return "not editable"
        if not self.calculated:
            return "calculating"
        return "ready" if self.cover_num >= floor else "too small"

    def note(self, now: float, action: str, detail: str, msg: str = "") -> None:
        """Write a line into the history."""
        self.history.append(
            {"opt_time": stamp(now), "action": action, "action_detail": detail, "editor": "open_api", "msg": msg}
        )


@dataclass
class AudienceRules:
    """The numbers of `state.Options` that audiences obey."""

    limit: int
    floor: int
    match_rate: float
    processing_seconds: float
    size_seconds: float

    def matched(self, people: int) -> int:
        """Tell how many of the people TikTok finds among its users."""
        return int(people * self.match_rate + 1e-9)


class AudienceStore:
    """All audiences by id. Not thread-safe: the caller holds the state's lock."""

    def __init__(self) -> None:
        """Start without audiences."""
        self._all: dict[str, Audience] = {}

    def add(self, rows: list[dict[str, Any]], now: float) -> None:
        """Add audiences of a seed; raise SeedError when one cannot be understood."""
        for row in rows:
            known = {"audience_id", "name", "advertiser_id", "audience_type", "calculate_type", "created_at", "used_at"}
            unknown = sorted(row.keys() - known)
            if unknown or not {"audience_id", "name", "advertiser_id"} <= row.keys():
                wrong = f"has the unknown key {unknown[0]}" if unknown else "lacks audience_id, name or advertiser_id"
                raise SeedError(f"An entry of audiences {wrong}; known are {', '.join(sorted(known))}.")
            if row.get("audience_type", PARTNER) not in AUDIENCE_TYPES:
                raise SeedError(f"An audience_type must be one of {', '.join(AUDIENCE_TYPES)}.")
            created = row.get("created_at", now)
            self._all[row["audience_id"]] = Audience(**{"created_at": created, "used_at": created, **row})

    def create(self, name: str, advertiser_id: str, kind: str, now: float, rules: AudienceRules) -> Audience:
        """Make an audience; raise ApiError when the ad account has as many as it may (code and text are assumed)."""
        if sum(row.advertiser_id == advertiser_id and not row.deleted for row in self._all.values()) >= rules.limit:
            raise ApiError(
                PARAMETER,
                f"The number of custom audiences of advertiser {advertiser_id} has reached the limit of {rules.limit}.",
            )
        made = Audience(_new_id(), name, advertiser_id, kind, created_at=now, used_at=now)
        made.note(now, "Create", f"Created audience {name}")
        self._all[made.audience_id] = made
        return made

    def find(self, audience_id: str, now: float, rules: AudienceRules) -> Audience | None:
        """Look up an audience as it is now, deleted ones too."""
        found = self._all.get(audience_id)
        if found is not None:
            settle(found, now, rules)
        return found

    def owned(self, audience_id: object, advertiser_ids: list[str], now: float, rules: AudienceRules) -> Audience:
        """Look up an audience of one of some ad accounts; 40002 when it is unknown or foreign, 40007 when deleted."""
        if type(audience_id) is not str or not audience_id:
            raise ApiError(PARAMETER, "Invalid value for audience_id: not a valid string.")
        found = self.find(audience_id, now, rules)
        if found is None or found.advertiser_id not in advertiser_ids:
            raise ApiError(PARAMETER, INVALID_ID)
        if found.deleted:
            raise ApiError(NOT_EXIST, f"The audience {audience_id} does not exist.")
        return found

    def every(self, now: float, rules: AudienceRules) -> list[Audience]:
        """List all audiences as they are now, newest first, deleted ones too."""
        for row in self._all.values():
            settle(row, now, rules)
        return list(reversed(self._all.values()))


def settle(row: Audience, now: float, rules: AudienceRules) -> None:
    """Let happen to an audience what time brings: a file change gets done, a size shows."""
    change = row.change
    if change is not None and now >= change.due:
        row.change = None
        _finish(row, change, rules)
    while row.sizes and row.sizes[0][0] <= now:
        row.cover_num = rules.matched(row.sizes.popleft()[1])
        row.calculated = True


def _finish(row: Audience, change: Change, rules: AudienceRules) -> None:
    made = change.make(row.members)
    if rules.matched(made.people) < rules.floor:
        row.stuck = change.action == "CREATE"
        row.error_msg = f"{change.action} failed: the audience would have fewer than {rules.floor} matched users."
        row.note(change.due, change.action.title(), "Failed", row.error_msg)
        return
    row.members, row.error_msg = made, ""
    changed(row, change.due, rules)
    row.note(change.due, change.action.title(), f"{made.people} people")


def changed(row: Audience, now: float, rules: AudienceRules) -> None:
    """Note that members changed: the audience is in use, and its size will show."""
    row.used_at = max(row.used_at, now)
    moment = now + rules.size_seconds
    if row.sizes and row.sizes[-1][0] >= moment:
        row.sizes.pop()
    row.sizes.append((moment, row.members.people))


def editable(row: Audience, now: float) -> None:
    """Raise 40002 when an audience cannot be changed now, or ever."""
    if row.change is not None or row.stuck or now >= row.expires_at:
        raise ApiError(PARAMETER, NOT_EDITABLE)


def delete(row: Audience) -> None:
    """Delete an audience; its id is remembered, its members are not."""
    row.deleted, row.members, row.change = True, Members(), None
    row.sizes.clear()


def stamp(moment: float) -> str:
    """Write a moment as TikTok does, GMT."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))


def _new_id() -> str:
    return str(7_100_000_000_000_000_000 + secrets.randbelow(10**17))
