"""Credential, CredentialLink and Destination."""

from typing import Any

from django.db import models
from django.utils import timezone

from destinations.choices import CredentialStatus, CredentialType, LinkKind, LinkStatus
from destinations.specs import get as spec_get
from destinations.specs.base import Spec
from tiktok_hub.crypto import Secret, SecretField
from tiktok_hub.tenancy.models import Membership, TenantModel, User
from tiktok_hub.tenancy.policies import is_admin


class Credential(TenantModel):
    """An authorised connection to TikTok.

    `advertisers` is a list of `{"id": str, "name": str}` that the token reaches, `scopes` the numeric scope ids that
    were granted; both are empty for a pasted token that may not read them.
    """

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    type = models.CharField(max_length=40, choices=CredentialType.choices, default=CredentialType.EVENTS)
    access_token = SecretField()
    status = models.CharField(
        max_length=20, choices=CredentialStatus.choices, default=CredentialStatus.PENDING, editable=False
    )
    pasted = models.BooleanField(default=False, editable=False)
    authorised_by = models.CharField(max_length=200, blank=True, editable=False)
    authorised_at = models.DateTimeField(null=True, editable=False)
    advertisers = models.JSONField(default=list, blank=True, editable=False)
    scopes = models.JSONField(default=list, blank=True, editable=False)
    checked_at = models.DateTimeField("last checked", null=True, editable=False)
    problem = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    audited = ("name", "description", "type", "access_token", "status", "authorised_by")

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="credential_name_once")]
        permissions = [("authorise_credential", "Can authorise a credential")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_usable(self) -> bool:
        """Say whether runs may try this credential."""
        return bool(self.access_token) and self.status == CredentialStatus.AUTHORISED


class CredentialLink(TenantModel):
    """A signed, single-use link by which somebody without an account here grants access, or hands over a token.

    Only digests are kept: `token_hash` of what stands in the link, `state_hash` of the state that went to TikTok.
    """

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="links")
    kind = models.CharField(max_length=20, choices=LinkKind.choices, default=LinkKind.AUTHORIZATION)
    token_hash = models.CharField(max_length=64, unique=True)
    state_hash = models.CharField(max_length=64, blank=True, db_index=True)
    status = models.CharField(max_length=20, choices=LinkStatus.choices, default=LinkStatus.OPEN)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.credential}"

    @property
    def is_open(self) -> bool:
        """Say whether the link can still be used."""
        return self.status == LinkStatus.OPEN and self.expires_at > timezone.now()


class DestinationQuerySet(models.QuerySet["Destination"]):
    """The one place that knows who may use which destination."""

    def usable_by(self, membership: Membership | None) -> "DestinationQuerySet":
        """Return the destinations that somebody may see and use.

        *Admin only* leaves administrators and operators; otherwise people with restricted PII access get only
        those with *PII setting*. The same rule holds in lists, pickers, saving, triggering and scheduled runs.
        """
        if membership is None:
            return self.none()
        if is_admin(membership) and not membership.restrict_pii:
            return self
        usable = self if is_admin(membership) else self.filter(admin_only=False)
        return usable.filter(pii_setting=True) if membership.restrict_pii else usable


class Destination(TenantModel):
    """A plugin with a credential and settings: somewhere that orchestrations can send to.

    `settings` holds machine names of the plugin's settings → values. `checks` holds the steps of the last connection
    test: a list of `{"name", "label", "status", "sentence"}`.
    """

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    plugin = models.CharField(max_length=40)
    credential = models.ForeignKey(Credential, models.PROTECT, related_name="destinations")
    settings = models.JSONField(default=dict, blank=True)
    admin_only = models.BooleanField(
        default=False, help_text="Only Datagrid Operators and Datagrid Administrators can use this destination."
    )
    pii_setting = models.BooleanField(
        "PII setting",
        default=False,
        help_text="People with restricted PII access can use this destination too: they send without seeing.",
    )
    enabled = models.BooleanField(default=True, help_text="Runs are refused while a destination is disabled.")
    checks = models.JSONField(default=list, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    audited = ("name", "description", "plugin", "credential", "settings", "admin_only", "pii_setting", "enabled")

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="destination_name_once")]
        permissions = [("test_destination", "Can test a connection")]

    def __str__(self) -> str:
        return self.name

    @property
    def spec(self) -> Spec:
        """Return the plugin's declaration."""
        return spec_get(self.plugin)

    def audit_values(self) -> dict[str, Any]:
        """Wrap the settings that the plugin calls secret."""
        secret = {f"settings.{setting.name}" for setting in self.spec.settings if setting.secret}
        return {name: Secret(value) if name in secret else value for name, value in super().audit_values().items()}

    @property
    def country(self) -> str:
        """Return the country for phones without a country code: the destination's, else the tenant's."""
        value: Any = self.settings.get("default_country")
        return str(value or self.tenant.default_country)


def destinations_usable_by(membership: Membership | None) -> DestinationQuerySet:
    """Return the opened tenant's destinations that somebody may use."""
    return DestinationQuerySet(Destination).filter(pk__in=Destination.objects.values("pk")).usable_by(membership)
