"""The hash explainer: how a value becomes the digest that TikTok is told, and whether it was told.

The value lives as long as the request that brings it: it comes by POST, and is in no address, log, session, cache,
table or error report; nobody's browser is to keep the answer either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.views.decorators.debug import sensitive_variables

from destinations.preparation.explain import explain
from orchestrations.audiences.upkeep import audience_knows
from orchestrations.models import Audience
from orchestrations.sources.masking import value_mask

TYPES = {"EMAIL": ("EMAIL",), "PHONE": ("PHONE",), "DEVICE": ("IDFA", "AAID")}
LABELS = {
    "audience": "By the rule of audiences: dots and +tag before the @ are dropped",
    "events": "By the rule of events: as it is, in lower case",
}
TOLD, UNSURE, UNTOLD = "told", "unsure", "untold"


class ExplainError(Exception):
    """A value could not be explained, for a reason that nobody foresaw; the value is not part of the error."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done to a value, and what came out."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest, the rule that it follows, and whether an audience was told it, as which types of ids."""

    label: str
    hex: str
    state: str
    types: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows about a value; `same` says that both rules for e-mail addresses give the same digest."""

    steps: list[Step]
    digests: list[Digest]
    same: bool
    problem: str
    audience: Audience | None
    restricted: bool


@sensitive_variables()
def explained(cleaned: dict[str, Any], default_country: str, *, restricted: bool = False) -> Shown:
    """Work out what the page shows about a valid form; raise ExplainError, without the value, where that fails.

    People with restricted access to personal data see what is done, with the values masked, and are not told who is in
    an audience.
    """
    audience: Audience | None = None if restricted else cleaned["audience"]
    types = TYPES[cleaned["kind"]]
    try:
        found = explain(types[0], cleaned["value"], cleaned["country"] or default_country or None)
    except Exception as error:  # a traceback of the kernels would show the value in its frames
        raise ExplainError(f"The value could not be explained ({type(error).__name__}).") from None
    given = dict(found.digests)
    if types != TYPES["EMAIL"]:  # one rule, whatever it is called
        given.pop("events", None)
    known = audience_knows(audience, set(given.values())) if audience else {}
    digests = [_digest(rule, digest, types, known) for rule, digest in given.items()]
    same = len({each.hex for each in digests}) < len(digests)
    steps = [
        Step(label, value_mask(text) if restricted else text)
        for label, text in found.steps
        if not label.startswith("SHA-256")
    ]
    return Shown(steps, digests, same, found.problem or "", audience, restricted)


@sensitive_variables()
def _digest(rule: str, digest: bytes, types: tuple[str, ...], known: Mapping[tuple[str, bytes], bool]) -> Digest:
    found = {kind: known[kind, digest] for kind in types if (kind, digest) in known}
    state = (TOLD if all(found.values()) else UNSURE) if found else UNTOLD
    return Digest(
        LABELS[rule] if types == TYPES["EMAIL"] else "SHA-256",
        digest.hex(),
        state,
        " and ".join(found) if len(types) > 1 else "",
    )
