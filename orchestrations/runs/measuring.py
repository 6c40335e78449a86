"""Count what becomes of rows and runs, and say how much waits, for Prometheus."""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from django.core.files.storage import default_storage
from django.db.models import Count, Max, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from destinations.choices import CredentialStatus
from destinations.models import Credential
from orchestrations.choices import UNFINISHED_RUNS, BatchStatus, RunStatus
from orchestrations.models import Batch, RetentionReport, Run
from tiktok_hub.metrics import count, families, observe
from tiktok_hub.metrics.gauges import gauge
from tiktok_hub.tenancy.scope import hub_scope


def rows_count(run: Run, **outcomes: int) -> None:
    """Count rows (selected, rejected, duplicate) or events (accepted, refused, unknown) of a run."""
    for outcome, number in outcomes.items():
        count(families.ROWS, number, str(run.inputs.get("plugin", "")), outcome)


def run_measure(run: Run) -> None:
    """Note how long a run took that has just ended."""
    if run.seconds is not None:
        observe(families.RUN_SECONDS, run.seconds, str(run.inputs.get("plugin", "")), run.status)


def database_gauges() -> list[GaugeMetricFamily]:
    """Return what waits, over all tenants; no question reads more than the runs that have not ended."""
    now = timezone.now()
    with hub_scope():
        rows = Run.objects.filter(status__in=UNFINISHED_RUNS).order_by()
        runs = list(rows.values_list("pk", "status", "queued_at"))
        active = [pk for pk, status, _ in runs if status != RunStatus.HELD]
        overdue = Batch.objects.filter(run__in=active, status=BatchStatus.WAITING, next_attempt_at__lte=now)
        due = overdue.aggregate(at=Min("next_attempt_at"))["at"]
        nights = RetentionReport.objects.exclude(finished_at=None).order_by().values("tenant")
        night = min(nights.annotate(at=Max("finished_at")).values_list("at", flat=True), default=None)
        credentials = dict(Credential.objects.order_by().values_list("status").annotate(Count("pk")))
    queued = min((at for _, status, at in runs if status == RunStatus.QUEUED), default=None)
    counts = Counter(status for _, status, _ in runs)
    return [
        _numbers("hub_runs", "Runs that have not ended, by status.", UNFINISHED_RUNS, counts),
        _numbers("hub_credentials", "Credentials by status.", CredentialStatus.values, credentials),
        gauge("hub_oldest_queued_run_seconds", "For how long the longest waiting run waits.", _age(queued, now) or 0),
        gauge("hub_oldest_due_batch_seconds", "How late the latest request is that is due again.", _age(due, now) or 0),
        gauge("hub_retention_age_seconds", "Since when retention has been done in all tenants.", _age(night, now)),
    ]


def storage_gauges() -> list[GaugeMetricFamily]:
    """Return how much room is left."""
    folder = Path(default_storage.path(""))  # it comes with its first file
    free = shutil.disk_usage(next(each for each in (folder, *folder.parents) if each.exists())).free
    return [gauge("hub_storage_free_bytes", "Free bytes where datasets and prepared requests lie.", free)]


def _numbers(name: str, text: str, statuses: Iterable[str], found: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["status"])
    for status in statuses:
        family.add_metric([status], found.get(status, 0))
    return family


def _age(moment: datetime | None, now: datetime) -> float | None:
    return max((now - moment).total_seconds(), 0.0) if moment is not None else None
