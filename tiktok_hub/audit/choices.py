"""What can stand in the audit log."""

from django.db.models import TextChoices


class Action(TextChoices):
    """What somebody did. The first word is the kind of thing, so that one filter finds all about it."""

    ADDED = "added", "Added"
    CHANGED = "changed", "Changed"
    DELETED = "deleted", "Deleted"

    LOGGED_IN = "person.logged_in", "Logged in"
    LOGGED_OUT = "person.logged_out", "Logged out"
    LOGIN_FAILED = "person.login_failed", "Log-in failed"
    LOCKED_OUT = "person.locked_out", "Locked out"
    PASSWORD_CHANGED = "person.password_changed", "Password changed"  # noqa: S105 - a label
    FACTOR_ADDED = "person.factor_added", "Second factor added"
    FACTOR_REMOVED = "person.factor_removed", "Second factor removed"

    INVITED = "invitation.sent", "Invited"
    INVITATION_ACCEPTED = "invitation.accepted", "Invitation accepted"
    INVITATION_WITHDRAWN = "invitation.withdrawn", "Invitation withdrawn"

    PII_VIEWED = "pii.viewed", "Personal values viewed"

    RUN_STARTED = "run.started", "Run started"
    RUN_REFUSED = "run.refused", "Run refused"
    RUN_RETRIED = "run.retried", "Run retried"
    RUN_REPLAYED = "run.replayed", "Run replayed"
    RUN_RELEASED = "run.released", "Run released"
    RUN_CANCELLED = "run.cancelled", "Run cancelled"
    RUN_SKIPPED = "run.skipped", "Run skipped"
    RUN_DOWNLOADED = "run.downloaded", "Run's rows downloaded"

    GROUP_STARTED = "group.started", "Group started"
    GROUP_REFUSED = "group.refused", "Group refused"
    GROUP_CANCELLED = "group.cancelled", "Group run cancelled"

    RECONCILIATION_DOWNLOADED = "reconciliation.downloaded", "Reconciliation downloaded"
    AUDIENCE_DOWNLOADED = "audience.downloaded", "Audience's digests downloaded"
    AUDIENCE_FORGOTTEN = "audience.forgotten", "Audience's state forgotten"

    RETENTION_DONE = "retention.done", "Old data deleted"

    LINK_CREATED = "authorization.link_created", "Authorization link made"
    LINK_OPENED = "authorization.link_opened", "Authorization link opened"
    LINK_WITHDRAWN = "authorization.link_withdrawn", "Authorization link withdrawn"
    AUTHORISED = "authorization.granted", "TikTok authorised"
    AUTHORISATION_FAILED = "authorization.failed", "Authorization failed"
    TOKEN_STORED = "authorization.token_stored", "Token stored"  # noqa: S105 - a label
    SECRET_LINK_CREATED = "secret_link.created", "One-time secret link made"  # noqa: S105 - a label
    SECRET_LINK_OPENED = "secret_link.opened", "One-time secret link opened"  # noqa: S105 - a label
    SECRET_LINK_USED = "secret_link.used", "One-time secret link used"  # noqa: S105 - a label
    SECRET_LINK_WITHDRAWN = "secret_link.withdrawn", "One-time secret link withdrawn"  # noqa: S105 - a label
    SECRET_LINK_REFUSED = "secret_link.refused", "One-time secret link refused"  # noqa: S105 - a label

    CONFIGURATION_APPLIED = "configuration.applied", "Configuration applied"
    CONFIGURATION_EXPORTED = "configuration.exported", "Configuration exported"

    SANDBOX_CREATED = "sandbox.created", "Sandbox created"
    SANDBOX_PULLED = "sandbox.pulled", "Pulled from production"
    SANDBOX_PROMOTED = "sandbox.promoted", "Promoted to production"
    SANDBOX_DELETED = "sandbox.deleted", "Sandbox deleted"

    KEY_CREATED = "api_key.created", "API key made"
    KEY_REVOKED = "api_key.revoked", "API key revoked"

    AUDIT_DOWNLOADED = "audit.downloaded", "Audit log downloaded"


def actions() -> list[tuple[str, str]]:
    """Return all actions, for the model: a function, so that one more is no migration."""
    return Action.choices
