"""Invitation, a place in a tenant for somebody who may have no account yet; SingleSignOn and what belongs to it."""

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from tiktok_hub.crypto import SecretField
from tiktok_hub.people.choices import InvitationStatus
from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.models import Audited, Tenant, TenantModel


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


class SingleSignOn(TenantModel):
    """A tenant's own identity provider (OpenID Connect) and what it may say about people."""

    enabled = models.BooleanField("switched on", default=True)
    server_url = models.CharField(
        "issuer", max_length=500, help_text="Address of the provider, as in https://login.example.com/realms/brand."
    )
    client_id = models.CharField("client ID", max_length=190)
    client_secret = SecretField()
    groups_claim = models.CharField(
        "group claim",
        max_length=100,
        default="groups",
        help_text="Where the provider names somebody's groups; dots lead into objects: realm_access.roles.",
    )
    passwords_allowed = models.BooleanField(
        "members may also use passwords",
        default=True,
        help_text="Otherwise the tenant opens through single sign-on only, except for platform superusers.",
    )

    audited = ("enabled", "server_url", "client_id", "client_secret", "groups_claim", "passwords_allowed")

    class Meta:
        verbose_name = verbose_name_plural = "single sign-on"
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_single_sign_on_per_tenant")]

    def __str__(self) -> str:
        return "Single sign-on"


class GroupRule(TenantModel):
    """What members of one of the provider's groups are in the tenant; the first rule that fits counts."""

    sign_on = models.ForeignKey(SingleSignOn, models.CASCADE, related_name="rules")
    group = models.CharField(max_length=200)
    policy = models.CharField(max_length=40, choices=Policy.choices, default=Policy.READ_ONLY)
    options = models.JSONField(default=list, blank=True)

    audited = ("group", "policy", "options")

    class Meta:
        ordering = ("pk",)
        constraints = [models.UniqueConstraint(fields=["sign_on", "group"], name="one_rule_per_group")]

    def __str__(self) -> str:
        return f"{self.group} → {self.get_policy_display()}"


class Identity(TenantModel):
    """Whom a tenant's provider means by one of its subjects; good in this tenant and nowhere else."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    made_membership = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    audited = ("user", "issuer")

    class Meta:
        verbose_name_plural = "identities"
        constraints = [models.UniqueConstraint(fields=["tenant", "issuer", "subject"], name="one_person_per_subject")]

    def __str__(self) -> str:
        return f"{self.user} at {self.issuer}"


class EmailDomain(Audited):
    """An e-mail domain that a platform superuser has given to a tenant.

    Its single sign-on may make accounts for addresses of the domain, and people find the tenant by theirs. Tenants do
    not choose domains themselves: they could speak for each other's people.
    """

    domain = models.CharField(
        max_length=190,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9.-]+\.[a-z0-9-]+$", "A domain in lower case, as in brand.example.")],
    )
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="email_domains")

    audited = ("domain", "tenant")

    class Meta:
        ordering = ("domain",)
        verbose_name = "e-mail domain"

    def __str__(self) -> str:
        return self.domain
