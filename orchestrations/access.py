"""Who may send, plan and release: asked on every way to a run, page, command, API or schedule."""

from django.core.exceptions import PermissionDenied

from destinations.models import Destination, destinations_usable_by
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.policies import membership_allows

PLAN = "orchestrations.plan_orchestration"
RUN = "orchestrations.run_orchestration"
RUN_GROUP = "orchestrations.run_orchestrationgroup"
RELEASE = "orchestrations.release_run"

_DEEDS = {PLAN: "plan runs", RUN: "start runs", RUN_GROUP: "start groups", RELEASE: "release held runs"}
_ASK = "Ask an administrator of this tenant."


def access_check(membership: Membership | None, destination: Destination, permission: str) -> None:
    """Raise PermissionDenied, with a sentence, where somebody may not do `permission` with a destination."""
    may_check(membership, permission)
    if not destinations_usable_by(membership).filter(pk=destination.pk).exists():
        raise PermissionDenied(f"This destination is not open to you. {_ASK}")


def may_check(membership: Membership | None, permission: str) -> None:
    """Raise PermissionDenied, with a sentence, where somebody may not do `permission` in the tenant at all."""
    if not membership_allows(membership, permission):
        raise PermissionDenied(_refusal(membership, permission))


def _refusal(membership: Membership | None, permission: str) -> str:
    deed = _DEEDS[permission]
    if membership is None:
        return f"Nobody who is a member of this tenant asked to {deed}."
    if permission != PLAN and membership.restrict_data_exports:
        return f"You may not {deed}: data exports are restricted for you. {_ASK}"
    return f"You may not {deed}: your policy here is {membership.get_policy_display()}. {_ASK}"
