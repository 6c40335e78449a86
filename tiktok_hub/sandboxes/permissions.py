"""What somebody needs in production for what they do with its sandboxes."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import PermissionDenied

from tiktok_hub.configuration.differ import Change
from tiktok_hub.configuration.schema import BY_NAME
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.policies import is_admin, membership_allows

VIEW, ADD, CHANGE, DELETE = (f"tenancy.{action}_sandbox" for action in ("view", "add", "change", "delete"))
TOKENS, PERSONAL, RUN = "destinations.change_credential", "tenancy.view_pii", "orchestrations.run_orchestration"
MODELS = {
    "tenant": "tenancy.{}_tenant",
    "credentials": "destinations.{}_credential",
    "destinations": "destinations.{}_destination",
    "datasets": "orchestrations.{}_dataset",
    "queries": "orchestrations.{}_query",
    "orchestrations": "orchestrations.{}_orchestration",
    "streams": "orchestrations.{}_stream",
    "groups": "orchestrations.{}_orchestrationgroup",
}
SENT = {"queries", "orchestrations", "groups"}
VERBS = {"added": "add", "changed": "change", "removed": "delete"}


def require(membership: Membership | None, permission: str, sentence: str) -> None:
    """Raise PermissionDenied for who may not do something in production."""
    if not membership_allows(membership, permission):
        raise PermissionDenied(sentence)


def refusals(membership: Membership, changes: Iterable[Change]) -> Iterator[tuple[Change, str]]:
    """Yield the changes that somebody may not make in production, with the reason."""
    for change in changes:
        verb, noun = VERBS[change.kind], BY_NAME[change.section].noun
        if not membership_allows(membership, MODELS[change.section].format(verb)):
            yield change, f"You may not {verb} this {noun} in production. Somebody who may has to promote it."
        elif change.section == "datasets" and not membership_allows(membership, PERSONAL):
            yield change, "You may not see personal data, and so not say which columns hold it."
        elif change.touches("schedule") and not change.removed and not membership_allows(membership, RUN):
            yield change, "You may not start runs in production, and schedules run in your name from then on."
        elif change.section in SENT and verb == "change" and not membership_allows(membership, RUN):
            yield change, f"You may not start runs in production, and so not change a {noun} that schedules may send."


def is_open(membership: Membership, destination: dict[str, Any] | None) -> bool:
    """Say whether a destination, as it is or will be, is open to somebody, as `destinations_usable_by` does."""
    if destination is None:
        return True
    if destination["admin_only"] and not is_admin(membership):
        return False
    return bool(destination["pii_setting"]) or not membership.restrict_pii
