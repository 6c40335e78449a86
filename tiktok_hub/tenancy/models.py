"""Tenant, User, Membership, and the base class of everything that a tenant owns."""

from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django_scopes import ScopedManager

from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.scope import current_tenant, hub_scope

# First URL segments that belong to the hub itself.
RESERVED_SLUGS = frozenset(
    {
        "account",
        "accounts",
        "admin",
        "api",
        "authorize",
        "collect",
        "health",
        "healthz",
        "invitation",
        "livez",
        "login",
        "logout",
    }
    | {"media", "metrics", "oauth", "platform", "readyz", "sso", "static"}
)


class TenantMismatchError(Exception):
    """A row of one tenant was about to be written while another tenant was open, or to point into another tenant."""


def slug_validate(value: str) -> None:
    """Refuse slugs that would hide the hub's own pages."""
    if value in RESERVED_SLUGS:
        raise ValidationError(f"“{value}” is used by the hub itself. Choose another short name.")


def time_zone_validate(value: str) -> None:
    """Refuse what is no IANA time zone."""
    if value not in available_timezones():
        raise ValidationError(f"“{value}” is no IANA time zone. An example: America/New_York.")


class Audited(models.Model):
    """Base of everything whose changes people make stand in the audit log: `audited` names the fields that do."""

    audited: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    def audit_values(self) -> dict[str, Any]:
        """Return the fields' values as the log shows them: things by name, mappings name by name, secrets wrapped."""
        found: dict[str, Any] = {}
        for name in self.audited:
            value = getattr(self, name)
            if isinstance(value, dict):
                found |= {f"{name}.{key}": inner for key, inner in sorted(value.items())}
            else:
                found[name] = str(value) if isinstance(value, models.Model) else value
        return found

    def audit_tenant(self) -> "Tenant | None":
        """Return whose log it is; None for the installation's."""
        return None


class Tenant(Audited):
    """An isolated brand, or one client of an agency. A sandbox is a tenant with `sandbox_of` set."""

    slug = models.SlugField(
        "short name",
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$"), slug_validate],
        help_text="First part of every address of this tenant: lower-case letters, digits and dashes.",
    )
    name = models.CharField(max_length=120)
    time_zone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[time_zone_validate],
        help_text="IANA name. Timestamps without a zone are read in it.",
    )
    default_country = models.CharField(
        max_length=2,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{2}$", "Two capital letters, as in US.")],
        help_text="ISO 3166 code for phones without a country code, where neither row nor destination says.",
    )
    require_mfa = models.BooleanField(
        "require a second factor",
        default=False,
        help_text="Members without an authenticator app or a security key are led to set one up before anything else.",
    )
    sandbox_of = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="sandboxes")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Tenant"]] = models.Manager()

    audited = ("slug", "name", "time_zone", "default_country", "require_mfa")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def audit_tenant(self) -> "Tenant":
        """Return itself."""
        return self

    @hub_scope()
    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the tenant with all that it owns, whatever is opened."""
        return super().delete(*args, **kwargs)


class UserManager(BaseUserManager["User"]):
    """Create people by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create somebody; without a password nobody can log in as them."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a platform superuser, who creates tenants."""
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find somebody by e-mail address in any case."""
        return self.get(email=(username or "").lower())


class User(Audited, AbstractBaseUser, PermissionsMixin):
    """A person, known by e-mail address; what they may do depends on the tenant (`Membership`)."""

    email = models.EmailField("e-mail", unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField("active", default=True, help_text="Untick instead of deleting somebody.")
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    # The ids of the only tenants that the session of a request is good for (tiktok_hub.people.sessions); None: all.
    confined_to: frozenset[int] | None = None

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    audited = ("email", "name", "is_active", "is_superuser")

    class Meta:
        ordering = ("email",)

    def __str__(self) -> str:
        return self.name or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep addresses in lower case, so that one person is one row."""
        self.email = self.email.lower()
        super().save(*args, **kwargs)

    @hub_scope()
    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the person with their memberships of all tenants, and take their name off what they made there."""
        return super().delete(*args, **kwargs)

    @property
    def is_staff(self) -> bool:
        """Tell Django's admin that this person may try; the membership decides."""
        return self.is_active

    def reaches(self, tenant: Tenant) -> bool:
        """Say whether the session of this request is good for a tenant; one for a tenant is for its sandboxes, too."""
        return self.confined_to is None or bool({tenant.pk, tenant.sandbox_of_id} & self.confined_to)


class TenantModel(Audited):
    """Base of everything that a tenant owns: carries the tenant, and is queried inside `tenant_scope` only.

    The database keeps its rows behind a wall (`tiktok_hub.tenancy.wall`); with `append_only` it changes and deletes
    none of them, whoever asks.
    """

    append_only: ClassVar[bool] = False

    tenant = models.ForeignKey(Tenant, models.CASCADE, editable=False, related_name="+")

    objects = ScopedManager(tenant="tenant")

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row into the opened tenant; raise TenantMismatchError where it belongs or points elsewhere."""
        self.tenant_check()
        super().save(*args, **kwargs)

    def audit_tenant(self) -> Tenant | None:
        """Return the tenant that owns the row."""
        return self.tenant

    def tenant_check(self) -> None:
        """Take the opened tenant where none is set, and see that this row and all it points to belong to it."""
        opened = current_tenant()
        if self.tenant_id is None and opened is not None:
            self.tenant = opened
        if opened is not None and self.tenant_id != opened.pk:
            raise TenantMismatchError(f"{self._meta.verbose_name} of another tenant")
        for field in self._meta.concrete_fields:
            if isinstance(field, models.ForeignKey) and issubclass(field.related_model, TenantModel):
                other = getattr(self, field.name) if getattr(self, field.attname) is not None else None
                if other is not None and other.tenant_id != self.tenant_id:
                    raise TenantMismatchError(f"{field.name} belongs to another tenant")


class Membership(TenantModel):
    """A person's policy in one tenant, with options."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    policy = models.CharField(max_length=40, choices=Policy.choices, default=Policy.BUSINESS_USER)
    restrict_pii = models.BooleanField(
        "restrict PII access",
        default=False,
        help_text="E-mail addresses, phone numbers and other personal values are masked for this person everywhere.",
    )
    restrict_downloads = models.BooleanField(
        default=False, help_text="This person downloads no files with row values, digests or audit entries."
    )
    restrict_data_exports = models.BooleanField(
        default=False, help_text="This person sends nothing to TikTok: no runs, samples, releases or schedules."
    )
    allow_user_administration = models.BooleanField(
        default=False, help_text="Members, invitations and the audit log; never more than this person may do."
    )
    allow_sandbox_administration = models.BooleanField(
        default=False, help_text="Create, pull, promote and delete sandboxes of this tenant."
    )
    allow_api_key_administration = models.BooleanField(
        "allow API key administration", default=False, help_text="Make and revoke keys for the API, in their own name."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    audited = ("user", "policy", *(option.value for option in Option))

    class Meta:
        ordering = ("user__email",)
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="one_membership_per_person")]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_policy_display()}"

    @property
    def options(self) -> frozenset[Option]:
        """Return the options that are set."""
        return frozenset(option for option in Option if getattr(self, option.value))
