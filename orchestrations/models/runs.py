"""Run and Batch: one execution of an orchestration, and the requests it is made of."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from destinations.models import Credential
from orchestrations.choices import (
    UNFINISHED_BATCHES,
    UNFINISHED_RUNS,
    BatchStatus,
    ReplayRows,
    RunPurpose,
    RunStage,
    RunStatus,
    RunTrigger,
)
from orchestrations.models.audiences import RunAudience
from orchestrations.models.groups import GroupRun
from orchestrations.models.orchestrations import Orchestration
from tiktok_hub.tenancy.models import TenantModel, User


class Run(TenantModel):
    """One execution of an orchestration, and the truth about what became of every row.

    `inputs` is the configuration as it was at the start: `plugin`, `settings` (effective), `sql`, `tables` (name →
    storage key), `time_zone`, `country`; a retry uses the same. A run of a `stream` has its number instead of a query,
    `most_events` and `most_bytes` of a request, and the `address` that its events named; its rows are posted items.
    Rows: `selected = in_events + rejected + duplicates`. Events: `events = accepted + refused + unknown + unsent`.
    `requests` are batches, `attempts` HTTP requests. `lease_until` is a worker's promise (the one that holds
    `lease_token`) to be alive, or the time before which there is nothing to do; when it lies in the past, the sweeper
    hands the work to another worker. `slot` is when a scheduled run was due, `after` the run that it follows: there is
    one run per slot, and one that follows another. A run of a group's has its `position` in `group_run`. `skipped_by`
    is who said that it may be left as it is. `failures` counts how often TikTok could not be asked in a row.

    A run whose destination keeps an audience has a `RunAudience` for each; `events` are then entries of requests, one
    per person to add or remove, and `people` those in the query's result. `tally` counts rows with a valid id per type.
    A *replay* sends `replay_rows` of the run `replay_of` once more, with the same event ids and row numbers: see
    `replaying`. It has the earlier run's query and tables, and the present settings.

    `hold` says why a run waits for somebody: `{"reason", "sentence"}`. A run to *plan* ends before anything is sent.

    `queued_at` is when it began to wait for a worker, the last time. From `spool_deleted_at` on its prepared requests
    are gone and it cannot be tried again; from `rejects_deleted_at` on its rejected rows are.
    """

    orchestration = models.ForeignKey(Orchestration, models.CASCADE, related_name="runs")
    credential = models.ForeignKey(Credential, models.SET_NULL, null=True, related_name="+")
    status = models.CharField(max_length=30, choices=RunStatus.choices, default=RunStatus.QUEUED)
    stage = models.CharField(max_length=20, choices=RunStage.choices, default=RunStage.WAITING)
    purpose = models.CharField(max_length=20, choices=RunPurpose.choices, default=RunPurpose.DELIVER)
    trigger = models.CharField(max_length=20, choices=RunTrigger.choices, default=RunTrigger.MANUAL)
    started_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    slot = models.DateTimeField(null=True)
    after = models.ForeignKey("self", models.SET_NULL, null=True, related_name="followed_by")
    group_run = models.ForeignKey(GroupRun, models.SET_NULL, null=True, related_name="runs")
    position = models.PositiveSmallIntegerField(null=True)
    sample = models.PositiveIntegerField(null=True, blank=True)
    replay_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="replays")
    replay_rows = models.CharField(max_length=20, choices=ReplayRows.choices, blank=True)
    inputs = models.JSONField(default=dict)

    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    preparations = models.PositiveSmallIntegerField(default=0)
    prepared_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
    cancel_requested = models.BooleanField(default=False)
    failures = models.PositiveSmallIntegerField(default=0)

    selected = models.BigIntegerField(null=True)
    prepared = models.BigIntegerField(default=0)
    in_events = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    warnings = models.BigIntegerField(default=0)
    rejected_by_reason = models.JSONField(default=dict)
    warnings_by_reason = models.JSONField(default=dict)

    people = models.BigIntegerField(null=True)
    tally = models.JSONField(default=dict)
    hold = models.JSONField(default=dict)
    released_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    released_at = models.DateTimeField(null=True)
    skipped_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    skipped_at = models.DateTimeField(null=True)

    events = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    unknown = models.BigIntegerField(default=0)
    requests = models.IntegerField(default=0)
    attempts = models.IntegerField(default=0)
    bisections = models.IntegerField(default=0)
    refused_alike = models.JSONField(default=dict)
    error = models.JSONField(default=dict)

    spool_deleted_at = models.DateTimeField(null=True)
    rejects_deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="run_by_tenant"),
            models.Index(fields=["orchestration", "finished_at"], name="run_by_end"),
            models.Index(fields=["tenant", "finished_at"], name="run_by_tenant_end"),
            models.Index(
                fields=["lease_until"],
                name="run_unfinished",
                condition=Q(status__in=[RunStatus.QUEUED, RunStatus.RUNNING]),
            ),
            models.Index(fields=["orchestration"], name="run_not_ended", condition=Q(finished_at=None)),
            models.Index(fields=["status"], name="run_open_by_status", condition=Q(status__in=UNFINISHED_RUNS)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["orchestration", "slot"], name="run_slot_once"),
            models.UniqueConstraint(fields=["orchestration", "after"], name="run_after_once"),
            models.UniqueConstraint(fields=["group_run", "position"], name="run_group_place_once"),
        ]
        permissions = [("download_run", "Can download rejects"), ("release_run", "Can release held runs")]

    def __str__(self) -> str:
        return f"Run {self.pk} of {self.orchestration}"

    @property
    def stream_id(self) -> int | None:
        """Return the stream whose events it sends; None where its rows come from a query."""
        number: int | None = self.inputs.get("stream")
        return number

    @property
    def unsent(self) -> int:
        """Return how many events have no verdict of any kind (yet)."""
        return self.events - self.accepted - self.refused - self.unknown

    @property
    def is_finished(self) -> bool:
        """Say whether nothing will happen any more unless somebody asks for it."""
        return self.stage == RunStage.FINISHED

    @property
    def seconds(self) -> float | None:
        """Return how long the run took, from its start to its end, in seconds."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def starter(self) -> str:
        """Say who or what started the run; a schedule or a group with the person on whose behalf it did."""
        if self.trigger in {RunTrigger.SCHEDULE, RunTrigger.GROUP} and self.started_by:
            return f"{self.get_trigger_display()} ({self.started_by})"
        return str(self.started_by or self.get_trigger_display())

    @property
    def spool(self) -> str:
        """Return the storage prefix of the run's request bodies and row tables; it begins with the tenant."""
        return f"{self.tenant_id}/spool/{self.pk}"


class Batch(TenantModel):
    """One request body of a run: its state, attempts and TikTok's answer.

    `open_ranges` lists the events that still need a verdict, as `[start, stop)` positions in the body: the whole body
    at first, halves while it is bisected; `halves` keeps what TikTok said when it refused the first two of them, and
    `bisections` counts the requests spent on finding bad rows. `refused_positions` lists the events that TikTok
    refused, each `[position, code, message, request id]`. `uncertain` says that the last attempt may have been carried
    out although no answer came. `next_attempt_at` is when a waiting batch is due again. `target` is the audience it is
    for; of one target, no batch leaves while one of an earlier `phase` waits for its verdict. `kind` is the plugin's
    word for the request, `action` what it does to an audience (add, delete, replace), `result` what TikTok answered
    that later requests need.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="batches")
    number = models.PositiveIntegerField()
    target = models.ForeignKey(RunAudience, models.CASCADE, null=True, related_name="batches")
    kind = models.CharField(max_length=20, default="track")
    action = models.CharField(max_length=20, blank=True)
    phase = models.PositiveSmallIntegerField(default=0)
    result = models.JSONField(default=dict)
    status = models.CharField(max_length=20, choices=BatchStatus.choices, default=BatchStatus.PENDING)
    events = models.PositiveIntegerField()
    bytes = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    throttles = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    refused_positions = models.JSONField(default=list)
    open_ranges = models.JSONField(default=list)
    bisections = models.PositiveIntegerField(default=0)
    halves = models.JSONField(default=list)
    uncertain = models.BooleanField(default=False)
    request_id = models.CharField(max_length=100, blank=True)
    code = models.BigIntegerField(null=True)
    message = models.TextField(blank=True)
    error = models.JSONField(default=dict)
    sent_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)

    class Meta:
        ordering = ("number",)
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="batch_number_once"),
            models.CheckConstraint(
                condition=Q(events__gte=F("accepted") + F("refused") + F("unknown")), name="batch_adds_up"
            ),
        ]
        indexes = [models.Index(fields=["run", "status"], name="batch_by_status")]

    def __str__(self) -> str:
        return f"Batch {self.number} of run {self.run_id}"

    @property
    def body_path(self) -> str:
        """Return the storage key of the compressed request body."""
        return f"{self.run.spool}/{self.number:06d}.zst"

    @property
    def is_open(self) -> bool:
        """Say whether the batch still waits for its last verdict."""
        return self.status in UNFINISHED_BATCHES
