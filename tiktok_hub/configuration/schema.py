"""What a document may hold, as data: sections, their keys, and what each key's value is.

What is left out of an item has its default: an item in a file is described wholly. Two things are left alone instead:
secrets, which a file need not carry, and what belongs to more than this tenant (a person's name).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from destinations import specs
from destinations.choices import CredentialType
from orchestrations.alerts.choices import EVERY, ChannelKind
from orchestrations.choices import (
    AfterEnds,
    AudienceDeleted,
    GroupFailure,
    GroupOrder,
    MissedRuns,
    QueryStatus,
    ScheduleOverlap,
    SyncMode,
)
from tiktok_hub.tenancy.choices import Option, Policy


class Kind(StrEnum):
    """What a value is."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a kind, not a secret
    WORD = "word"
    BOOLEAN = "boolean"
    NAMES = "names"
    SETTINGS = "settings"
    MAPPING = "mapping"
    REFERENCE = "reference"


class Unset:
    """The default of a key that is left alone when a file does not name it."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()


@dataclass(frozen=True)
class Key:
    """One key of an item: `words` lists what a WORD may be, `section` what a REFERENCE points to, `keys` what a
    MAPPING holds.
    """

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    default: Any = UNSET
    words: Callable[[], list[str]] | None = None
    section: str = ""
    keys: tuple["Key", ...] = ()


@dataclass(frozen=True)
class Section:
    """One kind of thing: `name` is the section's key in a document, `noun` what one of them is called."""

    name: str
    noun: str
    keys: tuple[Key, ...]

    @property
    def identity(self) -> str:
        """Return the key that names an item."""
        return self.keys[0].name

    def key(self, name: str) -> Key:
        """Return a key by its name."""
        return next(key for key in self.keys if key.name == name)


NAME = Key("name", required=True)
DESCRIPTION = Key("description", default="")
ENABLED = Key("enabled", Kind.BOOLEAN, default=True)
SETTINGS = Key("settings", Kind.SETTINGS, default={})

# Without `cron`, `every_minutes` or `after` there is nothing to run by; which of them, and the rest, is for `checking`.
SCHEDULE = Key("schedule", Kind.MAPPING, default=None, keys=(
    Key("cron"),
    Key("every_minutes"),
    Key("after"),
    Key("ends", Kind.WORD, words=lambda: list(AfterEnds.values)),
    Key("time_zone"),
    Key("overlap", Kind.WORD, default=ScheduleOverlap.SKIP.value, words=lambda: list(ScheduleOverlap.values)),
    Key("missed", Kind.WORD, default=MissedRuns.ONCE.value, words=lambda: list(MissedRuns.values)),
    Key("enabled", Kind.BOOLEAN, default=True),
))  # fmt: skip

# Both only for destinations that keep an audience, where an empty mode is the first one.
SYNC_MODE = Key("sync_mode", Kind.WORD, default="", words=lambda: list(SyncMode.values))
GUARD = Key("guard", Kind.MAPPING, default=None, keys=(
    Key("max_removal_percent", default="30"),
    Key(
        "audience_deleted", Kind.WORD, default=AudienceDeleted.RECREATE.value,
        words=lambda: list(AudienceDeleted.values),
    ),
))  # fmt: skip

TENANT = Section(
    "tenant", "tenant",
    (
        Key("slug", required=True), Key("name"), Key("time_zone"), Key("default_country"),
        Key("require_mfa", Kind.BOOLEAN, default=False),
    ),
)  # fmt: skip

# In the order in which they are applied: what is referred to comes first.
SECTIONS = (
    Section("users", "user", (
        Key("email", required=True),
        Key("name"),
        Key("policy", Kind.WORD, required=True, words=lambda: list(Policy.values)),
        *(Key(option.value, Kind.BOOLEAN, default=False) for option in Option),
        Key("password", Kind.SECRET),
    )),
    Section("credentials", "credential", (
        NAME, DESCRIPTION,
        Key("type", Kind.WORD, required=True, words=lambda: list(CredentialType.values)),
        Key("access_token", Kind.SECRET),
    )),
    Section("datasets", "dataset", (
        NAME, DESCRIPTION,
        Key("file", required=True),
        Key("sha256"),
        Key("pii", Kind.NAMES),
    )),
    Section("queries", "query", (
        NAME, DESCRIPTION,
        Key("sql", required=True),
        Key("status", Kind.WORD, default=QueryStatus.ACTIVE.value, words=lambda: list(QueryStatus.values)),
    )),
    Section("destinations", "destination", (
        NAME, DESCRIPTION,
        Key("plugin", Kind.WORD, required=True, words=lambda: [spec.key for spec in specs.all()]),
        Key("credential", Kind.REFERENCE, required=True, section="credentials"),
        Key("admin_only", Kind.BOOLEAN, default=False),
        Key("pii_setting", Kind.BOOLEAN, default=False),
        ENABLED, SETTINGS,
    )),
    Section("orchestrations", "orchestration", (
        NAME, DESCRIPTION,
        Key("query", Kind.REFERENCE, required=True, section="queries"),
        Key("destination", Kind.REFERENCE, required=True, section="destinations"),
        ENABLED, SETTINGS, SYNC_MODE, GUARD, SCHEDULE,
    )),
    # Write keys belong to one installation; thresholds that are left out are those usual for the destination.
    Section("streams", "stream", (
        NAME, DESCRIPTION,
        Key("destination", Kind.REFERENCE, required=True, section="destinations"),
        ENABLED, SETTINGS,
        Key("max_events"), Key("max_age_seconds"), Key("max_bytes"),
        Key("allowed_origins", Kind.NAMES, default=[]),
        Key("other_sources", Kind.NAMES, default=[]),
    )),
    Section("groups", "group", (
        NAME, DESCRIPTION,
        Key("members", Kind.NAMES, default=[]),
        Key("order", Kind.WORD, default=GroupOrder.SEQUENCE.value, words=lambda: list(GroupOrder.values)),
        Key("on_failure", Kind.WORD, default=GroupFailure.STOP.value, words=lambda: list(GroupFailure.values)),
        ENABLED, SCHEDULE,
    )),
    Section("alert_channels", "alert channel", (
        NAME,
        Key("kind", Kind.WORD, required=True, words=lambda: list(ChannelKind.values)),
        Key("addresses", Kind.NAMES, default=[]),
        Key("url", Kind.SECRET),
        Key("secret", Kind.SECRET),
        ENABLED,
    )),
    # A rule is called by its kind, or by kind/orchestration.
    Section("alert_rules", "alert rule", (
        Key("rule", required=True),
        Key("channels", Kind.NAMES, default=[]),
        Key("percent", default=None),
        Key("every", default=EVERY),
        Key("recovery", Kind.BOOLEAN, default=True),
        ENABLED,
    )),
)  # fmt: skip

BY_NAME = {section.name: section for section in (TENANT, *SECTIONS)}
