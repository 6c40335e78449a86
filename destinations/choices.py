"""Statuses with the label and the colour that people see."""

from django.db.models import TextChoices


class CredentialType(TextChoices):
    """What a credential is for; each plugin names the one it needs."""

    AUDIENCES = "tiktok", "TikTok"
    EVENTS = "tiktok-offline-events", "TikTok Offline Events"


class CredentialStatus(TextChoices):
    """Whether TikTok lets us in."""

    PENDING = "pending", "Pending"
    AUTHORISED = "authorised", "Authorised"
    EXPIRED = "expired", "Expired or revoked"
    FAILED = "failed", "Failed"


class LinkKind(TextChoices):
    """What the holder of a link does with it."""

    AUTHORIZATION = "authorization", "Authorization link"
    SECRET = "secret", "One-time secret link"


class LinkStatus(TextChoices):
    """Where a link is on its way."""

    OPEN = "open", "Waiting"
    USED = "used", "Used"
    EXPIRED = "expired", "Expired"
    WITHDRAWN = "withdrawn", "Withdrawn"


class StepStatus(TextChoices):
    """Outcome of one step of a connection test."""

    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"


# Colours of the theme's labels.
COLOURS: dict[str, str] = {
    CredentialStatus.PENDING: "info",
    CredentialStatus.AUTHORISED: "success",
    CredentialStatus.EXPIRED: "danger",
    CredentialStatus.FAILED: "danger",
    LinkStatus.OPEN: "info",
    LinkStatus.USED: "success",
    LinkStatus.WITHDRAWN: "warning",
    StepStatus.PASSED: "success",
    StepStatus.SKIPPED: "warning",
}
