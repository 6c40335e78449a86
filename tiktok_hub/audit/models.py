"""Entry, what happened; Seal, its place in the chain. The database refuses to change or delete either."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from tiktok_hub.acting import Via
from tiktok_hub.audit.choices import actions
from tiktok_hub.tenancy.models import Tenant, TenantModel


class Entry(TenantModel):
    """One thing that somebody did. Without a tenant it is about the installation: a log-in of a stranger, say.

    The log outlives what it is about: people and things are named, not referred to, and a deleted tenant's entries
    stay. `changes` is a list of `{"field", "old", "new"}`, secrets as dots.
    """

    append_only = True

    tenant = models.ForeignKey(  # type: ignore[assignment]
        Tenant, models.DO_NOTHING, null=True, db_constraint=False, editable=False, related_name="+"
    )
    at = models.DateTimeField("when", default=timezone.now, db_index=True)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField("who", max_length=254, blank=True)
    via = models.CharField(max_length=20, choices=Via.choices)
    ip = models.GenericIPAddressField("IP address", null=True)
    action = models.CharField(max_length=40, choices=actions)
    object_type = models.CharField("kind", max_length=60, blank=True)
    object_id = models.CharField(max_length=40, blank=True)
    object_name = models.CharField("object", max_length=300, blank=True)
    changes = models.JSONField(default=list, encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ("-at", "-pk")
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["tenant", "-at"], name="audit_of_tenant")]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.object_name}".strip()


class Seal(TenantModel):
    """An entry's place in its tenant's chain: `digest` covers the entry, the time of sealing and the seal before it.

    `chain` is the tenant's id, 0 for entries without a tenant; `number` counts from 1 without a gap.
    """

    append_only = True

    tenant = models.ForeignKey(  # type: ignore[assignment]
        Tenant, models.DO_NOTHING, null=True, db_constraint=False, editable=False, related_name="+"
    )
    entry = models.OneToOneField(Entry, models.DO_NOTHING, related_name="seal")
    chain = models.BigIntegerField()
    number = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("chain", "number")
        constraints = [models.UniqueConstraint(fields=["chain", "number"], name="one_seal_per_place")]

    def __str__(self) -> str:
        return f"{self.number}: {self.digest}"
