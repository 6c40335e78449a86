"""Stream, WriteKey and Chunk: an orchestration whose rows are posted one by one, and what waits to be sent."""

import secrets
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from orchestrations.models.orchestrations import Orchestration
from orchestrations.models.runs import Run
from tiktok_hub.tenancy.models import TenantModel, User

MOST_EVENTS = 1_000
MOST_BYTES = 5_000_000
OLDEST_SECONDS = 24 * 3_600


def public_id_make() -> str:
    """Return a new name of a stream for its URL: it says nothing, and nobody guesses it."""
    return secrets.token_hex(8)


class Stream(TenantModel):
    """The real-time source of an orchestration that has no query: name, destination and settings are there.

    What is accepted waits in chunks until there are `max_events`, the oldest is `max_age_seconds` old or they have
    `max_bytes`, whichever comes first; then a run sends it. `allowed_origins` are the web sites whose pages may post,
    `other_sources` the event sources (pixels) besides its own that an event may name. A stream that is `paused` accepts
    and keeps. So does one that is parked: `parked` says why nothing can be sent, as `Run.error` does, and `parked_at`
    since when.
    """

    orchestration = models.OneToOneField(Orchestration, models.CASCADE, related_name="stream")
    public_id = models.CharField(max_length=32, unique=True, default=public_id_make, editable=False)
    max_events = models.PositiveIntegerField(
        "send at, events", default=50, validators=[MinValueValidator(1), MaxValueValidator(MOST_EVENTS)]
    )
    max_age_seconds = models.PositiveIntegerField(
        "send when the oldest is, seconds old",
        default=300,
        validators=[MinValueValidator(1), MaxValueValidator(OLDEST_SECONDS)],
    )
    max_bytes = models.PositiveIntegerField(
        "send at, bytes", default=1_000_000, validators=[MinValueValidator(1_000), MaxValueValidator(MOST_BYTES)]
    )
    allowed_origins = models.JSONField(default=list, blank=True)
    other_sources = models.JSONField("other event sources", default=list, blank=True)
    paused = models.BooleanField(default=False, editable=False)
    parked = models.JSONField(default=dict, editable=False)
    parked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    audited = ("max_events", "max_age_seconds", "max_bytes", "allowed_origins", "other_sources", "paused")

    class Meta:
        ordering = ("orchestration__name",)
        permissions = [("run_stream", "Can pause, resume and test streams")]

    def __str__(self) -> str:
        return str(self.orchestration)

    @property
    def path(self) -> str:
        """Return where events are posted, from the hub's address on."""
        return f"/collect/v1/{self.public_id}"


class WriteKey(TenantModel):
    """A secret that lets its holder post to one stream; only its SHA-256 is kept.

    `beginning` is shown, so that people can tell keys apart.
    """

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="keys")
    name = models.CharField(max_length=120)
    beginning = models.CharField(max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    audited = ("name", "revoked_at")

    class Meta:
        ordering = ("stream", "created_at", "pk")
        constraints = [models.UniqueConstraint(fields=["stream", "name"], name="write_key_name_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}…)"


class Chunk(TenantModel):
    """Events that were accepted together, prepared, as they wait for the run that sends them.

    `rows` items came in, of which `events` were accepted; `content` is a request body of these (zstd, see
    `streams.contents`), without raw e-mail addresses or phone numbers. `bytes` is the size of the events.
    `event_source_id` and `test_event_code` are what the events go by where they named others than the stream's. `run`
    sends them; the first item is its row `first_row`. Once they are in the spool of a run that has ended, a chunk goes,
    but for the stream's newest.
    """

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="chunks")
    event_source_id = models.CharField(max_length=64, blank=True)
    test_event_code = models.CharField(max_length=64, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    rows = models.PositiveIntegerField()
    events = models.PositiveIntegerField()
    bytes = models.PositiveIntegerField()
    content = models.BinaryField()
    run = models.ForeignKey(Run, models.CASCADE, null=True, related_name="chunks")
    first_row = models.BigIntegerField(null=True)

    class Meta:
        ordering = ("pk",)
        indexes = [
            models.Index(fields=["stream", "received_at"], name="chunk_waiting", condition=Q(run=None)),
            models.Index(fields=["stream", "-received_at"], name="chunk_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.rows} items of {self.stream}"

    @property
    def address(self) -> dict[str, Any]:
        """Return the settings that differ from the stream's."""
        named = {"event_source_id": self.event_source_id, "test_event_code": self.test_event_code}
        return {name: value for name, value in named.items() if value}
