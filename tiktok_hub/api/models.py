"""ApiKey: by which a program acts for a person in one tenant."""

from django.db import models
from django.utils import timezone

from tiktok_hub.tenancy.models import TenantModel, User


class ApiKey(TenantModel):
    """A key of the REST API. It acts in the name of `user`, as long as they may, and never does more than they may.

    Only a digest is kept; `start` are the first characters, by which people tell keys apart.
    """

    name = models.CharField(max_length=120, help_text="What it is for, as in “nightly export of the shop”.")
    user = models.ForeignKey(User, models.CASCADE, related_name="+", editable=False)
    start = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.start}…)"

    @property
    def is_live(self) -> bool:
        """Say whether the key opens anything."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())
