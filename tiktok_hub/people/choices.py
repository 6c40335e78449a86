"""Statuses with their labels."""

from django.db.models import TextChoices


class InvitationStatus(TextChoices):
    """What became of an invitation."""

    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Accepted"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"
