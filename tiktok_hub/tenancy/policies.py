"""What each policy may do: one table, read by the authentication backend, services, tasks and the documentation.

A cell is a set of actions on one model. `view add change delete` are Django's own; the others are the product's:
`run` (start, cancel, retry), `release` (runs that wait for somebody), `test` (connection test), `authorise` (OAuth),
`download` (files with row values or digests).
"""

from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership

ALL = "view add change delete"

TABLE: dict[Policy, dict[str, str]] = {
    Policy.ADMINISTRATOR: {
        "tenancy.membership": ALL,
        "destinations.credential": f"{ALL} authorise",
        "destinations.destination": f"{ALL} test",
        "orchestrations.dataset": ALL,
        "orchestrations.query": ALL,
        "orchestrations.orchestration": f"{ALL} run",
        "orchestrations.run": "view change download release",
        "orchestrations.audience": "view change download",
    },
    Policy.OPERATOR: {
        "destinations.credential": f"{ALL} authorise",
        "destinations.destination": f"{ALL} test",
        "orchestrations.dataset": ALL,
        "orchestrations.query": ALL,
        "orchestrations.orchestration": f"{ALL} run",
        "orchestrations.run": "view change download release",
        "orchestrations.audience": "view change download",
    },
    Policy.BUSINESS_USER: {
        "destinations.destination": "view",
        "orchestrations.dataset": "view add change",
        "orchestrations.query": ALL,
        "orchestrations.orchestration": f"{ALL} run",
        "orchestrations.run": "view change download",
        "orchestrations.audience": "view",
    },
    Policy.READ_ONLY: {
        "destinations.destination": "view",
        "orchestrations.dataset": "view",
        "orchestrations.query": "view",
        "orchestrations.orchestration": "view",
        "orchestrations.run": "view",
        "orchestrations.audience": "view",
    },
}

# Policies that see raw error details and use destinations marked "Admin only".
ADMIN_POLICIES = frozenset({Policy.ADMINISTRATOR, Policy.OPERATOR})


def permissions(policy: str) -> frozenset[str]:
    """Return Django permission names (`app.action_model`) that a policy grants inside its tenant."""
    return frozenset(
        f"{label.split('.')[0]}.{action}_{label.split('.')[1]}"
        for label, actions in TABLE[Policy(policy)].items()
        for action in actions.split()
    )


def membership_allows(membership: Membership | None, permission: str) -> bool:
    """Say whether somebody may do `permission` (`orchestrations.run_orchestration`) in the membership's tenant."""
    return membership is not None and membership.user.is_active and permission in permissions(membership.policy)


def is_admin(membership: Membership | None) -> bool:
    """Say whether a membership is one of the two policies that administer a tenant's destinations."""
    return membership is not None and membership.policy in ADMIN_POLICIES
