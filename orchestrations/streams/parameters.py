"""The parameters of posted events, from the same declaration as the columns of queries.

Whatever a query may select, an event may carry under the same name. Beside that, personal identifiers have a second
name for values that are hashed already, TikTok's own names are understood, and contents may be a list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from destinations.preparation.fields import LISTS, Field, Kind, Required
from destinations.specs.base import Spec

HASHED = "_sha256"
ACTION, TEST_EVENT_CODE, CONTENTS = "action", "test_event_code", "contents"
GROUPS = frozenset({"user", "properties", "page"})
"""Objects in which TikTok's own events keep their values; what is in them is read as if it stood beside them."""
ADD, REMOVE = "add", "remove"
IDENTITIES = LISTS | {Kind.DEVICE_ID}

_FROM_REQUEST = {
    Kind.IP: "Where it is absent, the address that the request came from; give null to send none.",
    "agent": "Where it is absent, the request's own; give null to send none.",
    "timestamp": "Where it is absent, now.",
    "event_id": "Unique id; TikTok drops what it has seen within 48 hours. Made and returned where it is absent.",
}


@dataclass(frozen=True)
class Parameter:
    """One name that an event may have a value for.

    `column` is the column of the declaration that it fills, or one of ACTION, TEST_EVENT_CODE and CONTENTS. `aliases`
    are other names for the same. `hashed` values are SHA-256 in hex; `many` says that a list gives one per content,
    `several` that a person may have more than one.
    """

    name: str
    column: str
    label: str
    help: str
    kind: str
    aliases: tuple[str, ...] = ()
    hashed: bool = False
    many: bool = False
    several: bool = False
    required: Required = Required.NEVER
    pii: bool = False
    choices: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name an event may use for it, the first before the others."""
        return (self.name, *self.aliases)


def parameters(spec: Spec, settings: Mapping[str, Any]) -> list[Parameter]:
    """Return the parameters that events for a destination with these settings may have, in declared order."""
    found = [made for field in spec.fields if spec.applies(field, settings) for made in _of(field, spec, settings)]
    if spec.keeps_audience:
        sentence = "add: the person joins the audience. remove: the person leaves it."
        action = Parameter(
            ACTION, ACTION, "Action", sentence, "choice", required=Required.ALWAYS, choices=(ADD, REMOVE)
        )
        return [action, *found]
    code = spec.setting(TEST_EVENT_CODE)
    contents = "Several contents of one event: objects with the parameters of a content. Lists of these do as well."
    return [
        *found,
        Parameter(CONTENTS, CONTENTS, "Contents", contents, "list"),
        Parameter(TEST_EVENT_CODE, TEST_EVENT_CODE, code.label, code.help, "text"),
    ]


def lookup(spec: Spec, settings: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return the parameters by every name that they have."""
    return {name: each for each in parameters(spec, settings) for name in each.names}


def _of(field: Field, spec: Spec, settings: Mapping[str, Any]) -> list[Parameter]:
    source = spec.sources(settings)[0]
    required = field.required_in(source) if not spec.keeps_audience else field.required
    if field.fallback and settings.get(field.fallback) or field.column == "timestamp":
        required = Required.NEVER
    own = Parameter(
        field.column,
        field.column,
        field.label,
        _FROM_REQUEST.get(field.column) or _FROM_REQUEST.get(field.kind) or field.help,
        str(field.kind),
        aliases=(*field.aliases, *field.posted_as),
        many="contents[]" in (field.target or ""),
        several=field.kind in LISTS and not spec.keeps_audience,
        required=required,
        pii=field.pii,
        choices=field.choices_in(source) if len(field.choices) < 30 else (),  # noqa: PLR2004 - more is a wall of words
    )
    if field.kind not in IDENTITIES:
        return [own]
    digest = "The same as SHA-256 in hex, already normalised and hashed."
    hashed = Parameter(
        field.column + HASHED, field.column, f"{field.label}, hashed", digest, "sha256", hashed=True, required=required,
        several=own.several, pii=True,
    )  # fmt: skip
    return [own, hashed]
