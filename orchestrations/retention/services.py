"""Carry one tenant's retention out, in pieces: mark, sweep storage, delete rows, report."""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from destinations.models import CredentialLink
from orchestrations.choices import RetentionKind
from orchestrations.models import Batch, RetentionReport, Run
from orchestrations.retention.rules import (
    FURTHER,
    Cutoffs,
    chunks_due,
    group_runs_due,
    kept,
    rejects_due,
    runs_due,
    spool_due,
)
from orchestrations.retention.sweeping import PIECE, Gone, Sweep, Tally
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.people.models import Invitation
from tiktok_hub.tenancy.models import Tenant

logger = logging.getLogger(__name__)

PROMISE = timedelta(minutes=10)  # between two pieces; who takes longer is believed dead
RUNS_PIECE = 50


def retention_run(*, tenant: Tenant, again: bool = False) -> RetentionReport | None:
    """Delete what the opened tenant has kept long enough, and return the night's report.

    It can be killed at any moment and begun again. Return None where another process is at it, or has been this night
    (`again` does it all the same).
    """
    now = timezone.now()
    report = _begin(tenant, now, again=again)
    if report is None:
        return None
    begun, work = time.monotonic(), Pass(tenant, now)
    for _ in work.pieces():
        RetentionReport.objects.filter(pk=report.pk).update(working_until=timezone.now() + PROMISE)
    _end(report, work, time.monotonic() - begun)
    logger.info("retention of tenant %s: %s things, %s bytes", tenant.pk, report.things, report.bytes)
    return report


def retention_preview(*, tenant: Tenant) -> RetentionReport:
    """Return the report (not stored) of what `retention_run` would do now in the opened tenant."""
    now = timezone.now()
    begun, work = time.monotonic(), Pass(tenant, now, dry=True)
    for _ in work.pieces():
        continue
    report = RetentionReport(tenant=tenant, night=now.date(), seconds=round(time.monotonic() - begun, 3))
    return _filled(report, work)


class Pass:
    """One pass over what the opened tenant has; with `dry`, nothing is changed. `tally` is what it found."""

    def __init__(self, tenant: Tenant, now: datetime, *, dry: bool = False) -> None:
        self.tenant = tenant
        self.now = now
        self.dry = dry
        self.cutoffs = Cutoffs.of(now)
        self.tally = Tally()

    def pieces(self) -> Iterator[None]:
        """Do the work, stopping after each piece of it: no transaction is long."""
        gone = Gone()
        if self.dry:
            gone = Gone(
                *(frozenset(due(self.cutoffs).values_list("pk", flat=True)) for due in (spool_due, rejects_due))
            )
        else:
            yield from self._mark("spool_deleted_at")
            yield from self._mark("rejects_deleted_at")
        yield from Sweep(self.tenant, self.tally, self.now, dry=self.dry, gone=gone).pieces()
        yield from self._runs()
        yield from self._rows(RetentionKind.RUNS, group_runs_due(self.cutoffs))
        yield from self._rows(RetentionKind.LINKS, CredentialLink.objects.filter(expires_at__lt=self.cutoffs.links))
        yield from self._rows(RetentionKind.LINKS, Invitation.objects.filter(expires_at__lt=self.cutoffs.links))
        for kind, rows in chunks_due(self.cutoffs):
            yield from self._rows(kind, rows)
        for kind, found in FURTHER:
            for rows in found(self.cutoffs):
                yield from self._rows(kind, rows)
        old = RetentionReport.objects.filter(night__lt=self.cutoffs.runs.date())
        yield from self._rows(RetentionKind.REPORTS, old)

    def _mark(self, name: str) -> Iterator[None]:
        """Write into runs that something of them is gone, while nobody can begin to need it."""
        due = spool_due if name == "spool_deleted_at" else rejects_due
        while found := list(due(self.cutoffs).values_list("pk", flat=True)[:PIECE]):
            with transaction.atomic():
                locked = [run.pk for run in Run.objects.select_for_update().filter(pk__in=found).only("pk")]
                Run.objects.filter(pk__in=due(self.cutoffs).filter(pk__in=locked).values("pk")).update(
                    **{name: self.now}
                )
            yield

    def _runs(self) -> Iterator[None]:
        """Delete runs whose files are gone, the batches first: there may be thousands."""
        due = runs_due(self.cutoffs)
        for start in range(0, len(due), RUNS_PIECE):
            numbers = due[start : start + RUNS_PIECE]
            self.tally.add(RetentionKind.RUNS, len(numbers))
            if not self.dry:
                yield from self._runs_delete(numbers)

    def _runs_delete(self, numbers: list[int]) -> Iterator[None]:
        while batches := list(Batch.objects.filter(run__in=numbers).order_by().values_list("pk", flat=True)[:PIECE]):
            Batch.objects.filter(pk__in=batches).delete()
            yield
        with transaction.atomic():
            Run.objects.filter(pk__in=numbers).delete()
        yield

    def _rows(self, kind: RetentionKind, rows: "models.QuerySet[Any]") -> Iterator[None]:
        """Delete rows that nothing else hangs on."""
        if self.dry:
            self.tally.add(kind, rows.count())
            return
        while numbers := list(rows.values_list("pk", flat=True)[:PIECE]):
            rows.model._default_manager.filter(pk__in=numbers).delete()
            self.tally.add(kind, len(numbers))
            yield


def _begin(tenant: Tenant, now: datetime, *, again: bool) -> RetentionReport | None:
    """Take the night's report in hand, unless it is in other hands or finished."""
    report, _ = RetentionReport.objects.get_or_create(tenant=tenant, night=now.date())
    free = Q(working_until=None) | Q(working_until__lt=now)
    mine = RetentionReport.objects.filter(free, pk=report.pk)
    if not again:
        mine = mine.filter(finished_at=None)
    if not mine.update(working_until=now + PROMISE, finished_at=None):
        return None
    report.refresh_from_db()
    return report


def _end(report: RetentionReport, work: Pass, seconds: float) -> None:
    """Write down what was done, here and in the audit log."""
    _filled(report, work)
    report.seconds = round(report.seconds + seconds, 3)
    report.finished_at, report.working_until = timezone.now(), None
    with transaction.atomic():
        report.save()
        audit_record(Action.RETENTION_DONE, report, changes=_told(work.tally))


def _filled(report: RetentionReport, work: Pass) -> RetentionReport:
    for kind, (count, size) in work.tally.amounts.items():
        before = report.deleted.get(kind.value, {"count": 0, "bytes": 0})
        report.deleted[kind.value] = {"count": before["count"] + count, "bytes": before["bytes"] + size}
    report.faults += work.tally.faults
    report.kept = kept(work.cutoffs)
    return report


def _told(tally: Tally) -> list[dict[str, Any]]:
    return [
        {"field": kind.label, "old": f"{count:,}" + (f" ({filesizeformat(size)})" if size else ""), "new": None}
        for kind, (count, size) in tally.amounts.items()
    ]
