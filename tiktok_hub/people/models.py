"""Invitation: a place in a tenant for somebody who may have no account yet."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from tiktok_hub.people.choices import InvitationStatus
from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.models import TenantModel


class Invitation(TenantModel):
    """An offer to join a tenant as something, taken up by a link that works once; only the link's digest is kept."""

    email = models.EmailField("e-mail")
    policy = models.CharField(max_length=40, choices=Policy.choices, default=Policy.BUSINESS_USER)
    options = models.JSONField(default=list, blank=True)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField("invited", auto_now_add=True)
    expires_at = models.DateTimeField("valid until")
    mailed = models.BooleanField("sent by e-mail", default=False, editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="one_open_invitation_per_address",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.get_policy_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep addresses in lower case, as people's are."""
        self.email = self.email.lower()
        super().save(*args, **kwargs)

    @property
    def status(self) -> InvitationStatus:
        """Return where the invitation stands."""
        if self.accepted_at:
            return InvitationStatus.ACCEPTED
        if self.withdrawn_at:
            return InvitationStatus.WITHDRAWN
        return InvitationStatus.OPEN if self.expires_at > timezone.now() else InvitationStatus.EXPIRED

    @property
    def is_open(self) -> bool:
        """Say whether the link can still be used."""
        return self.status == InvitationStatus.OPEN

    @property
    def option_names(self) -> str:
        """Return the options in words."""
        return ", ".join(str(Option(option).label) for option in self.options)
