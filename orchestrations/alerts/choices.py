"""Kinds and statuses with the label and the colour that people see."""

from django.db.models import TextChoices


class ChannelKind(TextChoices):
    """How a message travels."""

    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack-compatible webhook"
    WEBHOOK = "webhook", "Signed webhook"


class RuleKind(TextChoices):
    """What is watched, in the order in which a message tells it: causes before consequences."""

    CREDENTIAL = "credential", "Credential in trouble"
    AUDIENCE = "audience", "Audience in trouble"
    FAILED = "failed", "Run failed"
    HELD = "held", "Run held"
    NOT_STARTED = "not_started", "Run that was due did not start"
    REJECTED = "rejected", "Too many rows rejected"
    ROWS = "rows", "Unusual number of rows"


class Telling(TextChoices):
    """Why something is told."""

    TROUBLE = "trouble", "Trouble"
    REMINDER = "reminder", "Still in trouble"
    RECOVERY = "recovery", "Well again"


class DeliveryStatus(TextChoices):
    """What became of a message."""

    SENDING = "sending", "Sending"
    WAITING = "waiting", "Waiting to retry"
    SENT = "sent", "Sent"
    GIVEN_UP = "given_up", "Given up"


OPEN_DELIVERIES = (DeliveryStatus.SENDING, DeliveryStatus.WAITING)
#: Ticked in the form of a new channel.
USUAL_KINDS = (RuleKind.FAILED, RuleKind.HELD, RuleKind.CREDENTIAL, RuleKind.AUDIENCE)
#: Kinds that go by a number → where it stands when nobody chooses, in percent.
PERCENT: dict[str, int] = {RuleKind.REJECTED: 5, RuleKind.ROWS: 50}
#: Kinds about the whole tenant's things: an orchestration has no rule of its own of these.
TENANT_ONLY = (RuleKind.CREDENTIAL,)
EVERY = 10
#: What one thing in trouble is called in a count, and several.
NOUNS: dict[str, tuple[str, str]] = {
    RuleKind.CREDENTIAL: ("credential in trouble", "credentials in trouble"),
    RuleKind.AUDIENCE: ("audience in trouble", "audiences in trouble"),
    RuleKind.FAILED: ("failed run", "failed runs"),
    RuleKind.HELD: ("held run", "held runs"),
    RuleKind.NOT_STARTED: ("run that did not start", "runs that did not start"),
    RuleKind.REJECTED: ("run with rejected rows", "runs with rejected rows"),
    RuleKind.ROWS: ("run with an unusual number of rows", "runs with an unusual number of rows"),
    Telling.RECOVERY: ("well again", "well again"),
}

# Colours of the theme's labels.
COLOURS: dict[str, str] = {
    DeliveryStatus.SENDING: "info",
    DeliveryStatus.WAITING: "warning",
    DeliveryStatus.SENT: "success",
    DeliveryStatus.GIVEN_UP: "danger",
}
