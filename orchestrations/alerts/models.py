"""Channel, Rule, Incident, Notice, Delivery: who is told what, and what became of it."""

import uuid
from typing import Any
from urllib.parse import urlsplit

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from destinations.models import Credential
from orchestrations.alerts.choices import EVERY, OPEN_DELIVERIES, ChannelKind, DeliveryStatus, RuleKind, Telling
from orchestrations.models import Audience, Orchestration, OrchestrationGroup
from tiktok_hub.crypto import SecretField, SecretUnreadableError
from tiktok_hub.tenancy.models import TenantModel


class Channel(TenantModel):
    """Where messages go: addresses, or a webhook whose URL is a secret.

    `secret` signs messages to a generic webhook; after a rotation `secret_before` signs beside it until
    `secret_before_until`. `quiet_until` is when the next message may leave, `failures` how many tries failed in a row
    and `problem` why the last one did.
    """

    name = models.CharField(max_length=120)
    kind = models.CharField("sends by", max_length=20, choices=ChannelKind.choices, default=ChannelKind.EMAIL)
    addresses = models.JSONField(default=list, blank=True)
    url = SecretField()
    secret = SecretField()
    secret_before = SecretField()
    secret_before_until = models.DateTimeField(null=True, editable=False)
    enabled = models.BooleanField(default=True, help_text="A channel that is switched off is told nothing.")
    quiet_until = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    problem = models.TextField(blank=True, editable=False)
    sent_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    audited = ("name", "kind", "addresses", "url", "secret", "enabled")

    class Meta:
        ordering = ("name",)
        verbose_name = "alert channel"
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="channel_name_once")]
        permissions = [("test_channel", "Can send a test message")]

    def __str__(self) -> str:
        return self.name

    @property
    def target(self) -> str:
        """Say where messages go, without what makes a webhook's URL a secret."""
        if self.kind == ChannelKind.EMAIL:
            return ", ".join(self.addresses)
        try:
            parts = urlsplit(self.url.reveal())
        except SecretUnreadableError:
            return "cannot be decrypted"
        return f"{parts.scheme}://{parts.netloc}/•••" if parts.netloc else "–"


class Rule(TenantModel):
    """What is told to which channels: of the whole tenant, or of one orchestration, whose rule of a kind then replaces
    the tenant's.

    The first time is told, then every `every`-th, and with `recovery` that all is well again. `percent` is for kinds
    that go by a number. What happened before `since` is not told.
    """

    kind = models.CharField("what happens", max_length=20, choices=RuleKind.choices, default=RuleKind.FAILED)
    orchestration = models.ForeignKey(Orchestration, models.CASCADE, null=True, blank=True, related_name="+")
    percent = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1000)]
    )
    every = models.PositiveSmallIntegerField(default=EVERY, validators=[MinValueValidator(1), MaxValueValidator(1000)])
    recovery = models.BooleanField("tell when it is well again", default=True)
    enabled = models.BooleanField(default=True)
    channels = models.ManyToManyField(Channel, through="RuleChannel", related_name="rules")
    since = models.DateTimeField(default=timezone.now, editable=False)

    audited = ("kind", "orchestration", "percent", "every", "recovery", "enabled")

    class Meta:
        ordering = ("kind", "orchestration__name")
        verbose_name = "alert rule"
        constraints = [
            models.UniqueConstraint(fields=["orchestration", "kind"], name="rule_once_per_orchestration"),
            models.UniqueConstraint(
                fields=["tenant", "kind"], condition=Q(orchestration=None), name="rule_once_per_tenant"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.orchestration or 'all orchestrations'}"


class RuleChannel(TenantModel):
    """One of the channels that a rule tells."""

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="told")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="told_by")

    audited = ("rule", "channel")

    class Meta:
        verbose_name = "channel of an alert rule"
        constraints = [models.UniqueConstraint(fields=["rule", "channel"], name="rule_channel_once")]

    def __str__(self) -> str:
        return f"{self.rule} → {self.channel}"


class Incident(TenantModel):
    """A trouble that lasts: opened by a rule about an orchestration, a group, a credential or an audience, closed when
    it is well again.

    `subject` names the thing, so that one incident of a rule is open about it at a time; `count` is how often the
    trouble was met, last at `last_at`, and `state` tells a trouble of another kind apart (expiring, expired).
    """

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="incidents")
    subject = models.CharField(max_length=60)
    orchestration = models.ForeignKey(Orchestration, models.CASCADE, null=True, related_name="+")
    group = models.ForeignKey(OrchestrationGroup, models.CASCADE, null=True, related_name="+")
    credential = models.ForeignKey(Credential, models.CASCADE, null=True, related_name="+")
    audience = models.ForeignKey(Audience, models.CASCADE, null=True, related_name="+")
    state = models.CharField(max_length=30, blank=True)
    count = models.PositiveIntegerField(default=1)
    headline = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    path = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-last_at", "-pk")
        constraints = [
            models.UniqueConstraint(fields=["rule", "subject"], condition=Q(closed_at=None), name="incident_open_once")
        ]
        indexes = [models.Index(fields=["tenant", "-last_at"], name="incident_by_time")]

    def __str__(self) -> str:
        return self.headline


class Delivery(TenantModel):
    """One message to a channel: `items` notices gathered into `body`, which stays the same at every try.

    `message_id` goes with it, so that a receiver can drop a repeat: a worker that dies between sending and writing
    down that it sent leaves a row whose lease ends, and which is sent again. `due_at` is when that is, or when the
    next try is due. `answer` is the masked first line of what came back.
    """

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries")
    message_id = models.UUIDField(default=uuid.uuid4, unique=True)
    status = models.CharField(max_length=20, choices=DeliveryStatus.choices, default=DeliveryStatus.SENDING)
    test = models.BooleanField(default=False)
    title = models.CharField(max_length=300)
    items = models.PositiveIntegerField(default=0)
    body = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    code = models.PositiveSmallIntegerField("HTTP status", null=True)
    seconds = models.FloatField(null=True)
    outcome = models.CharField(max_length=300, blank=True)
    answer = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["channel"], condition=Q(status__in=OPEN_DELIVERIES, test=False), name="delivery_open_once"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="delivery_by_time"),
            models.Index(fields=["due_at"], condition=Q(status__in=OPEN_DELIVERIES), name="delivery_open"),
        ]

    def __str__(self) -> str:
        return self.title


class Notice(TenantModel):
    """One thing that a channel is to be told: the `number`-th time of an incident, or its end.

    Without a `delivery` it waits for the channel's next message. `facts` are ids, names and counts for programs.
    """

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="notices")
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="notices")
    telling = models.CharField(max_length=20, choices=Telling.choices)
    number = models.PositiveIntegerField()
    headline = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    path = models.CharField(max_length=200)
    facts = models.JSONField(default=dict)
    at = models.DateTimeField()
    delivery = models.ForeignKey(Delivery, models.CASCADE, null=True, related_name="notices")

    class Meta:
        ordering = ("pk",)
        constraints = [models.UniqueConstraint(fields=["channel", "incident", "telling", "number"], name="notice_once")]
        indexes = [models.Index(fields=["channel"], condition=Q(delivery=None), name="notice_waiting")]

    def __str__(self) -> str:
        return self.headline


class Watch(TenantModel):
    """How far the runs of a tenant were looked at; whoever looks holds this row."""

    looked_until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="watch_once")]

    def __str__(self) -> str:
        return f"Watch over {self.tenant_id}"


class Sighting(TenantModel):
    """That a run was looked at when it had ended, or was held, at `at`; a retry ends a run again at another time.

    With `group` it is a run of a group.
    """

    run = models.BigIntegerField()
    group = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "group", "at"], name="sighting_once")]

    def __str__(self) -> str:
        return f"Run {self.run} at {self.at}"


Thing = Orchestration | OrchestrationGroup | Credential | Audience


def subject_fields(thing: Thing) -> dict[str, Any]:
    """Return the fields by which an incident points to what it is about."""
    name = "group" if isinstance(thing, OrchestrationGroup) else str(thing._meta.model_name)
    return {"subject": f"{name} {thing.pk}", name: thing}
