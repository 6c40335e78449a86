"""What each policy may do, and what options add or take: one table, read by everything that asks.

The authentication backend, services, tasks and the documentation (`manage.py policies`) read it. A cell is a set of
actions on one kind of thing. `view add change delete` are Django's own; the others are the product's: `plan` (what a
run would do; nothing is sent), `run` (start, retry; pause, resume and test streams), `release` (runs that wait for
somebody), `test` (connections, alert channels), `authorise` (OAuth links, one-time secret links), `download` (files
with row values, digests or audit entries).
`tenancy.pii` are the personal values in rows, `tenancy.sandbox` the sandboxes made from the tenant.
"""

from collections.abc import Mapping
from functools import cache

from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.models import Membership

ALL = "view add change delete"
Cells = Mapping[str, str]

_OPERATOR: Cells = {
    "tenancy.pii": "view",
    "destinations.credential": f"{ALL} authorise",
    "destinations.destination": f"{ALL} test",
    "orchestrations.dataset": ALL,
    "orchestrations.query": ALL,
    "orchestrations.orchestration": f"{ALL} plan run",
    "orchestrations.orchestrationgroup": f"{ALL} run",
    "orchestrations.stream": f"{ALL} run",
    "orchestrations.run": "view change download release",
    "orchestrations.grouprun": "view change",
    "orchestrations.audience": "view change download",
    "orchestrations.retentionreport": "view",
    "alerts.channel": f"{ALL} test",
    "alerts.rule": ALL,
    "alerts.incident": "view",
    "alerts.delivery": "view",
}

_USERS: Cells = {"tenancy.membership": ALL, "audit.entry": "view download"}
_SANDBOXES: Cells = {"tenancy.sandbox": ALL}
_KEYS: Cells = {"api.apikey": "view add change"}

TABLE: dict[Policy, Cells] = {
    Policy.ADMINISTRATOR: {"tenancy.tenant": "view change", **_USERS, **_SANDBOXES, **_KEYS, **_OPERATOR},
    Policy.OPERATOR: _OPERATOR,
    Policy.BUSINESS_USER: {
        "tenancy.pii": "view",
        "destinations.destination": "view",
        "orchestrations.dataset": "view add change",
        "orchestrations.query": ALL,
        "orchestrations.orchestration": f"{ALL} plan run",
        "orchestrations.orchestrationgroup": f"{ALL} run",
        "orchestrations.stream": "view",
        "orchestrations.run": "view change download",
        "orchestrations.grouprun": "view change",
        "orchestrations.audience": "view",
    },
    Policy.READ_ONLY: {
        "tenancy.pii": "view",
        "destinations.destination": "view",
        "orchestrations.dataset": "view",
        "orchestrations.query": "view",
        "orchestrations.orchestration": "view",
        "orchestrations.orchestrationgroup": "view",
        "orchestrations.stream": "view",
        "orchestrations.run": "view",
        "orchestrations.grouprun": "view",
        "orchestrations.audience": "view",
    },
}

# Options that add to a policy, whichever it is.
ADDED: dict[Option, Cells] = {
    Option.ALLOW_USER_ADMINISTRATION: _USERS,
    Option.ALLOW_SANDBOX_ADMINISTRATION: _SANDBOXES,
    Option.ALLOW_API_KEY_ADMINISTRATION: _KEYS,
}

# Options that take from it: actions on one kind of thing, or on all (`*`). Taking wins over adding.
TAKEN: dict[Option, Cells] = {
    Option.RESTRICT_PII: {"tenancy.pii": "view", "orchestrations.audience": "download"},
    Option.RESTRICT_DOWNLOADS: {"*": "download"},
    Option.RESTRICT_DATA_EXPORTS: {"*": "run release"},
}

# Policies that see raw error details and use destinations marked "Admin only".
ADMIN_POLICIES = frozenset({Policy.ADMINISTRATOR, Policy.OPERATOR})


@cache
def cells(policy: str, options: frozenset[Option] = frozenset()) -> dict[str, frozenset[str]]:
    """Return the actions that a policy with options allows: kind of thing → actions."""
    found: dict[str, set[str]] = {}
    for granted in (TABLE[Policy(policy)], *(ADDED[option] for option in options if option in ADDED)):
        for label, actions in granted.items():
            found.setdefault(label, set()).update(actions.split())
    for taken in (TAKEN[option] for option in options if option in TAKEN):
        for label, allowed in found.items():
            allowed.difference_update(taken.get("*", "").split(), taken.get(label, "").split())
    return {label: frozenset(allowed) for label, allowed in found.items()}


@cache
def permissions(policy: str, options: frozenset[Option] = frozenset()) -> frozenset[str]:
    """Return Django permission names (`app.action_model`) that a policy with options grants inside its tenant."""
    return frozenset(
        f"{label.split('.')[0]}.{action}_{label.split('.')[1]}"
        for label, actions in cells(policy, options).items()
        for action in actions
    )


def membership_permissions(membership: Membership | None) -> frozenset[str]:
    """Return what somebody may do in the membership's tenant: nothing where they are not active."""
    if membership is None or not membership.user.is_active:
        return frozenset()
    return permissions(membership.policy, membership.options)


def membership_allows(membership: Membership | None, permission: str) -> bool:
    """Say whether somebody may do `permission` (`orchestrations.run_orchestration`) in the membership's tenant."""
    return permission in membership_permissions(membership)


def is_admin(membership: Membership | None) -> bool:
    """Say whether a membership is one of the two policies that administer a tenant's destinations."""
    return membership is not None and membership.policy in ADMIN_POLICIES
