"""Dataset, Query, Orchestration, Run and Batch."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from destinations.models import Credential, Destination
from orchestrations.choices import (
    UNFINISHED_BATCHES,
    BatchStatus,
    MissedRuns,
    QueryStatus,
    RunStage,
    RunStatus,
    RunTrigger,
    ScheduleKind,
    ScheduleOverlap,
)
from orchestrations.schedules import EXPRESSION_LONGEST, Cron, Interval, Rule
from tiktok_hub.tenancy.models import TenantModel, User, time_zone_validate

table_name_validate = RegexValidator(
    r"^[A-Za-z_][A-Za-z0-9_]*$", "Letters, digits and underscores, beginning with a letter: it is a table name in SQL."
)


class Dataset(TenantModel):
    """A table of the tenant's data, kept as one Parquet file in storage.

    `path` is the storage key of the present version; each upload gets a new key, so that a run which has started
    reads what it started with. `columns` is a list of `{"name", "type", "pii"}`.
    """

    name = models.CharField(max_length=60, validators=[table_name_validate], help_text="The table's name in SQL.")
    description = models.TextField(blank=True)
    path = models.CharField(max_length=300, editable=False)
    filename = models.CharField(max_length=200, editable=False)
    format = models.CharField(max_length=20, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    columns = models.JSONField(default=list, editable=False)
    rows = models.BigIntegerField(default=0, editable=False)
    bytes = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    loaded_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="dataset_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def pii_columns(self) -> set[str]:
        """Return the names of the columns that hold personal data."""
        return {column["name"] for column in self.columns if column.get("pii")}


class Query(TenantModel):
    """Saved SQL over the tenant's datasets; its column names are the mapping to a plugin's fields.

    `columns` is what the query was last seen to return: a list of `{"name", "type"}`.
    """

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    sql = models.TextField("SQL")
    status = models.CharField(max_length=20, choices=QueryStatus.choices, default=QueryStatus.DRAFT)
    columns = models.JSONField(default=list, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "queries"
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="query_name_once")]

    def __str__(self) -> str:
        return self.name


class Orchestration(TenantModel):
    """An active query that goes to a destination, with the settings that are required at orchestration.

    `settings` overrides, for this orchestration, those settings of the destination that may wait until here.
    """

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    query = models.ForeignKey(Query, models.PROTECT, related_name="orchestrations")
    destination = models.ForeignKey(Destination, models.PROTECT, related_name="orchestrations")
    settings = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="orchestration_name_once")]
        permissions = [("run_orchestration", "Can start, cancel and retry runs")]

    def __str__(self) -> str:
        return self.name


class Schedule(TenantModel):
    """When an orchestration runs by itself; an orchestration without one runs when somebody starts it.

    `cron` or `every_minutes` holds, as `kind` says; intervals count from `anchor`. `next_slot` is the next moment at
    which a run is due, `waiting_slot` one that was due while another run was not finished. Runs start on behalf of
    `set_by`, whose membership is asked again every time.
    """

    orchestration = models.OneToOneField(Orchestration, models.CASCADE, related_name="schedule")
    kind = models.CharField(max_length=20, choices=ScheduleKind.choices)
    cron = models.CharField(max_length=EXPRESSION_LONGEST, blank=True)
    every_minutes = models.PositiveIntegerField(null=True, blank=True)
    anchor = models.DateTimeField()
    time_zone = models.CharField(max_length=64, validators=[time_zone_validate])
    overlap = models.CharField(max_length=20, choices=ScheduleOverlap.choices, default=ScheduleOverlap.SKIP)
    missed = models.CharField(max_length=20, choices=MissedRuns.choices, default=MissedRuns.ONCE)
    enabled = models.BooleanField(default=True)
    next_slot = models.DateTimeField(null=True, editable=False)
    waiting_slot = models.DateTimeField(null=True, editable=False)
    set_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    set_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ("next_slot", "pk")
        indexes = [models.Index(fields=["next_slot"], name="schedule_by_next_slot")]

    def __str__(self) -> str:
        return f"Schedule of {self.orchestration}"

    @property
    def rule(self) -> Rule:
        """Return the rule that says when runs are due."""
        if self.kind == ScheduleKind.CRON:
            return Cron(self.cron, self.time_zone)
        return Interval(self.every_minutes or 0, self.anchor, self.time_zone)


class Run(TenantModel):
    """One execution of an orchestration, and the truth about what became of every row.

    `inputs` is the configuration as it was at the start: `plugin`, `settings` (effective), `sql`, `tables` (name →
    storage key), `time_zone`, `country`; a retry uses the same. Rows: `selected = in_events + rejected + duplicates`.
    Events: `events = accepted + refused + unknown + unsent`. `requests` are batches, `attempts` HTTP requests.
    `lease_until` is a worker's promise (the one that holds `lease_token`) to be alive, or the time before which there
    is nothing to do; when it lies in the past, the sweeper hands the work to another worker. `slot` is when a scheduled
    run was due: there is one run per slot.
    """

    orchestration = models.ForeignKey(Orchestration, models.CASCADE, related_name="runs")
    credential = models.ForeignKey(Credential, models.SET_NULL, null=True, related_name="+")
    status = models.CharField(max_length=30, choices=RunStatus.choices, default=RunStatus.QUEUED)
    stage = models.CharField(max_length=20, choices=RunStage.choices, default=RunStage.WAITING)
    trigger = models.CharField(max_length=20, choices=RunTrigger.choices, default=RunTrigger.MANUAL)
    started_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    slot = models.DateTimeField(null=True)
    sample = models.PositiveIntegerField(null=True, blank=True)
    inputs = models.JSONField(default=dict)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    preparations = models.PositiveSmallIntegerField(default=0)
    prepared_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
    cancel_requested = models.BooleanField(default=False)

    selected = models.BigIntegerField(null=True)
    prepared = models.BigIntegerField(default=0)
    in_events = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    warnings = models.BigIntegerField(default=0)
    rejected_by_reason = models.JSONField(default=dict)
    warnings_by_reason = models.JSONField(default=dict)

    events = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    unknown = models.BigIntegerField(default=0)
    requests = models.IntegerField(default=0)
    attempts = models.IntegerField(default=0)
    bisections = models.IntegerField(default=0)
    refused_alike = models.JSONField(default=dict)
    error = models.JSONField(default=dict)

    class Meta:
        ordering = ("-created_at",)
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="run_by_tenant"),
            models.Index(
                fields=["lease_until"],
                name="run_unfinished",
                condition=Q(status__in=[RunStatus.QUEUED, RunStatus.RUNNING]),
            ),
        ]
        constraints = [models.UniqueConstraint(fields=["orchestration", "slot"], name="run_slot_once")]
        permissions = [("download_run", "Can download rejects")]

    def __str__(self) -> str:
        return f"Run {self.pk} of {self.orchestration}"

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
        """Say who or what started the run; a schedule with the person on whose behalf it did."""
        if self.trigger == RunTrigger.SCHEDULE and self.started_by:
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
    out although no answer came. `next_attempt_at` is when a waiting batch is due again.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="batches")
    number = models.PositiveIntegerField()
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
