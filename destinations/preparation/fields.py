"""The declaration of a column: what people may name it, where it goes, and which kernel reads it."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds. Each kind has exactly one kernel."""

    EMAIL = "email"
    PHONE = "phone"
    EXTERNAL_ID = "external_id"
    DEVICE_ID = "device_id"
    TEXT = "text"
    NUMBER = "number"
    QUANTITY = "quantity"
    TIMESTAMP = "timestamp"
    EVENT_NAME = "event_name"
    CURRENCY = "currency"
    CHOICE = "choice"
    BOOLEAN = "boolean"
    IP = "ip"
    URL = "url"
    LOCALE = "locale"
    COUNTRY = "country"
    SAME = "same"  # must equal the setting of the same name, where given


LISTS = frozenset({Kind.EMAIL, Kind.PHONE, Kind.EXTERNAL_ID})
"""Kinds that a query may also give as a list: a person may have several."""


class Required(StrEnum):
    """Whether a row needs the column."""

    NEVER = "never"
    ALWAYS = "always"
    ONE_OF = "one_of"  # at least one of the columns marked so


@dataclass(frozen=True)
class Field:
    """One column of a destination.

    `target` is the path in the receiver's payload (`user.email`, `properties.contents[].price`), None for columns that
    only steer. `sources` are the event sources it applies to and `required_for` those it is required for (both empty =
    all). A blank value falls back to the setting `fallback`. A bad value rejects the row where `strict`, and is
    dropped with a warning otherwise. `choices` are the words it may be (only in the sources `choices_for`, if given),
    `word` names it in the reason `bad_…`, `aliases` are names accepted besides `column`. `default` is sent where the
    value is missing but its object is there. `posted_as` are further names in events that are posted: what TikTok and
    tag managers call it.
    """

    column: str
    target: str | None
    kind: Kind
    label: str
    help: str = ""
    sources: tuple[str, ...] = ()
    required: Required = Required.NEVER
    required_for: tuple[str, ...] = ()
    fallback: str | None = None
    default: str | None = None
    strict: bool = False
    pii: bool = False
    choices: tuple[str, ...] = ()
    choices_for: tuple[str, ...] = ()
    word: str = ""
    aliases: tuple[str, ...] = ()
    posted_as: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name a query may use for it."""
        return (self.column, *self.aliases)

    @property
    def hints(self) -> tuple[str, ...]:
        """Names people may have meant it by: its own, and what the receiver calls it."""
        leaf = (self.target or "").rsplit(".", 1)[-1]
        return (*self.names, leaf) if leaf else self.names

    def applies(self, source: str) -> bool:
        """Whether the column means anything for this event source."""
        return not self.sources or source in self.sources

    def choices_in(self, source: str) -> tuple[str, ...]:
        """The words it is limited to for this event source; empty means any."""
        return self.choices if not self.choices_for or source in self.choices_for else ()

    def required_in(self, source: str) -> Required:
        """How much this event source needs the column."""
        if not self.applies(source) or (self.required_for and source not in self.required_for):
            return Required.NEVER
        return self.required
