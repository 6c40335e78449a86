"""Deliver a run's batches: claim, send in parallel, record, until nothing is due.

One worker holds the run's lease. Threads do nothing but HTTP; the thread that started them claims and records, a few
batches per transaction. What stands in the database is always enough to go on: a batch is *sending* before its
request leaves, so that after `kill -9` it is sent again with the same event ids, which TikTok drops if it has them.

A worker gives a run back after `SLICE_SECONDS`, so that runs of all tenants take turns.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Min, Q, QuerySet
from django.utils import timezone

from destinations.services import client_open
from destinations.specs import get as spec_get
from destinations.specs.base import Parcel
from destinations.tiktok.errors import ConfigurationError, CredentialError, RetryableError, TikTokError
from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.audiences.route import AudienceRoute
from orchestrations.choices import UNFINISHED_BATCHES, BatchStatus, RunStage
from orchestrations.models import Batch, Run
from orchestrations.runs.finishing import run_begin_again, run_fail, run_finish, run_put_off
from orchestrations.runs.leases import Lease, LeaseLostError, lease_held
from orchestrations.runs.measuring import rows_count
from orchestrations.runs.routes import Route
from orchestrations.runs.sending import sending_refusal
from orchestrations.runs.spool import Spool, SpoolError
from orchestrations.runs.verdicts import ALIKE_LIMIT, RUN_BUDGET, Effect, Outcome, Shipment, error_record, verdict_apply
from tiktok_hub.logs import log_with

logger = logging.getLogger(__name__)

SLICE_SECONDS = 20.0
RECORD_SECONDS = 0.1  # how long an answer may wait to be recorded together with others
COUNTED = ("accepted", "refused", "unknown")
RECORDED = [
    "status",
    "attempts",
    "failures",
    "throttles",
    "next_attempt_at",
    "accepted",
    "refused",
    "unknown",
    "refused_positions",
    "open_ranges",
    "bisections",
    "halves",
    "uncertain",
    "result",
    "request_id",
    "code",
    "message",
    "error",
    "sent_at",
    "seconds",
]


def run_deliver(run_id: int) -> bool:
    """Send what is due of a run for one slice of time; return whether there is more to send right now."""
    with lease_held(run_id, (RunStage.DELIVERING,)) as lease:
        if lease is None:
            return False
        try:
            return Delivery(lease).work()
        except LeaseLostError:
            logger.warning("run %s was taken over by another worker", run_id)
        except RetryableError as error:  # an audience cannot be found or created now
            run_put_off(lease, error)
        except TikTokError as error:  # there is no client to send with, or nothing to send to
            run_finish(lease, fatal=error_record(error))
        except DatabaseError:  # the sweeper hands the run on when the database is back
            raise
        except Exception as error:  # whatever it is, another try would end the same way
            run_fail(lease, error)
        return False


class Delivery:
    """One slice of a run's delivery."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.run = lease.run
        self.spec = spec_get(self.run.inputs["plugin"])
        self.spool = Spool(self.run.spool)
        self.route = AudienceRoute(self.run) if self.spec.keeps_audience else Route(self.run)
        self.connections = self.route.connections
        self.batches: dict[int, Batch] = {}
        self.reserve: deque[Batch] = deque()
        self.flying: dict[Future[Outcome], Shipment] = {}
        self.landed: list[Outcome] = []
        self.record_at = 0.0
        self.fatal: dict[str, object] = {}
        self.ends = time.monotonic() + SLICE_SECONDS

    def work(self) -> bool:
        """Send until nothing is due, time is up or the run must stop; then say what comes next."""
        self._recover()
        if self.run.credential is None:
            raise CredentialError("The credential that this run was started with was deleted. Start a new run.")
        run = self.run
        # Since the run was started, another host may have come to stand for TikTok: asked last where it counts.
        if refusal := sending_refusal(
            run.orchestration, run.inputs["settings"], purpose=run.purpose, sample=run.sample
        ):
            raise ConfigurationError(refusal)
        with client_open(self.run.credential, connections=self.connections, share=str(self.run.tenant_id)) as client:
            self.client = client
            self.route.ready(client)
            Run.objects.filter(self.lease.held(), failures__gt=0).update(failures=0)
            with ThreadPoolExecutor(self.connections, thread_name_prefix="tiktok") as pool:
                while self._launch(pool):
                    self._land()
        self.lease.check()
        # Nothing is in the air any more: what waits for its second half is simply due.
        self._own().filter(status=BatchStatus.SENDING).update(status=BatchStatus.PENDING)
        return self._settle()

    @property
    def stopping(self) -> bool:
        """Say whether nothing more may leave."""
        return bool(self.fatal) or self.lease.cancelled.is_set() or time.monotonic() > self.ends

    def _recover(self) -> None:
        """Take back what a worker that died had in the air: it may have arrived."""
        self._own().filter(status=BatchStatus.SENDING).update(status=BatchStatus.PENDING, uncertain=True)

    def _own(self) -> "QuerySet[Batch]":
        """Return the run's batches while this worker holds the run: one that was only thought dead changes none."""
        return Batch.objects.filter(run__in=Run.objects.filter(self.lease.held()))

    def _launch(self, pool: ThreadPoolExecutor) -> bool:
        """Fill the free connections with what is due; return whether there is anything to wait for."""
        self.lease.check()
        if not self.stopping:
            if 2 * len(self.reserve) < self.connections:
                self.reserve.extend(self._claim(self.connections))
            self.reserve.extendleft(self._halves())
            while self.reserve and len(self.flying) < self.connections:
                self._send(pool, self.reserve.popleft())
            if not self.flying and not self.landed:
                return self._pause()
        return bool(self.flying or self.landed)

    def _halves(self) -> list[Batch]:
        """Return batches under bisection whose next half can leave."""
        busy = {batch.pk for batch in self.reserve}
        busy.update(shipment.batch_id for shipment in self.flying.values())
        busy.update(outcome.shipment.batch_id for outcome in self.landed)
        return [batch for batch in self.batches.values() if batch.pk not in busy]

    def _pause(self) -> bool:
        """Wait here for a retry that is due within a second; a longer wait is left to the database."""
        due = self._next_due()
        if due is None or (seconds := (due - timezone.now()).total_seconds()) > 1.0:
            return False
        time.sleep(max(seconds, 0.01))
        return True

    def _send(self, pool: ThreadPoolExecutor, batch: Batch) -> None:
        start, stop = batch.open_ranges[0]
        shipment = Shipment(batch.pk, batch.number, start, stop, whole=stop - start == batch.events)
        try:
            parcel = self.route.parcel(self.client, batch)
        except TikTokError as error:
            self.landed.append(Outcome(shipment, timezone.now(), 0.0, error=error))
            return
        self.flying[pool.submit(self._ship, shipment, parcel)] = shipment

    def _claim(self, count: int) -> Sequence[Batch]:
        """Mark the next due batches as being sent and return them."""
        due = Q(status=BatchStatus.PENDING) | Q(status=BatchStatus.WAITING, next_attempt_at__lte=timezone.now())
        batches = self.route.choose(self.route.open().filter(due), count, list(self.batches.values()))
        claimed = self._own().filter(pk__in=[batch.pk for batch in batches]).update(status=BatchStatus.SENDING)
        if claimed != len(batches):
            raise LeaseLostError
        for batch in batches:
            batch.status = BatchStatus.SENDING
            self.batches[batch.pk] = batch
        return batches

    def _ship(self, shipment: Shipment, parcel: Parcel) -> Outcome:
        """Send one range of a batch; runs in a thread and touches no database."""
        with log_with(tenant=self.run.tenant.slug, run=self.run.pk, batch=shipment.number):
            return self._exchange(shipment, parcel)

    def _exchange(self, shipment: Shipment, parcel: Parcel) -> Outcome:
        sent_at, begun = timezone.now(), time.monotonic()
        try:
            answer = self.spec.send(self.client, replace(parcel, body=self._body(shipment)))
        except TikTokError as error:
            return Outcome(shipment, sent_at, time.monotonic() - begun, error=error)
        return Outcome(shipment, sent_at, time.monotonic() - begun, answer=answer)

    def _body(self, shipment: Shipment) -> bytes:
        try:
            body = self.spool.body_read(shipment.number)
        except SpoolError as error:
            raise ConfigurationError(str(error), resolution=ResolutionKey.PREPARED_DATA_LOST) from None
        return body if shipment.whole else self.spec.body_slice(body, range(shipment.start, shipment.stop))

    def _land(self) -> None:
        """Take in what has come back; record it in groups, since a transaction costs more than a request."""
        patience = 0.5 if not self.landed else RECORD_SECONDS
        done, _ = wait(self.flying, timeout=patience, return_when=FIRST_COMPLETED)
        for future in done:
            del self.flying[future]
            self.landed.append(future.result())
        full = len(self.landed) >= self.connections
        if self.landed and (full or not self.flying or not done or time.monotonic() > self.record_at):
            outcomes, self.landed = self.landed, []
            self._record(outcomes)
            self.record_at = time.monotonic() + RECORD_SECONDS

    def _record(self, outcomes: list[Outcome]) -> None:
        """Write verdicts and counts in one transaction, and only while this worker holds the run."""
        now = timezone.now()
        touched = [self.batches[outcome.shipment.batch_id] for outcome in outcomes]
        effects = [
            verdict_apply(batch, outcome, now=now, ladder=settings.HUB_RETRY_SECONDS)
            for batch, outcome in zip(touched, outcomes, strict=True)
        ]
        with transaction.atomic():
            for batch, outcome in zip(touched, outcomes, strict=True):
                self.route.landed(batch, outcome)
            counts = {
                name: F(name) + sum(getattr(effect, name) for effect in effects) for name in (*COUNTED, "bisections")
            }
            if not Run.objects.filter(self.lease.held()).update(attempts=F("attempts") + len(outcomes), **counts):
                raise LeaseLostError
            for batch in touched:
                Batch.objects.filter(pk=batch.pk).update(**{name: getattr(batch, name) for name in RECORDED})
            self._judge(touched, effects)
        rows_count(self.run, **{name: sum(getattr(effect, name) for effect in effects) for name in COUNTED})
        for batch in touched:
            if batch.status != BatchStatus.SENDING:
                self.batches.pop(batch.pk, None)

    def _judge(self, batches: list[Batch], effects: list[Effect]) -> None:
        """Stop the run where an error or too many refusals say that no row is to blame."""
        for batch, effect in zip(batches, effects, strict=True):
            if effect.alike:
                alike = self.run.refused_alike
                alike[effect.alike] = alike.get(effect.alike, 0) + 1
                Run.objects.filter(pk=self.run.pk).update(refused_alike=alike)
                if alike[effect.alike] >= ALIKE_LIMIT:
                    self._stop(batch, dict(batch.error))
            if effect.fatal is not None:
                self._stop(batch, error_record(effect.fatal))
        refused = [batch for batch, effect in zip(batches, effects, strict=True) if effect.bisections and batch.error]
        if refused and not self.fatal and self._budget_spent():
            self.fatal = dict(refused[-1].error)

    def _stop(self, batch: Batch, error: dict[str, object]) -> None:
        """Stop the run, or only the part of it that a batch belongs to."""
        if self.route.part_stopped(batch.target_id, error):
            self.batches.pop(batch.pk, None)
        else:
            self.fatal = error

    def _budget_spent(self) -> bool:
        """Say whether the run has used up its requests for finding bad rows while something is still open."""
        spent = Run.objects.values_list("bisections", flat=True).get(pk=self.run.pk)
        return spent >= RUN_BUDGET and Batch.objects.filter(run=self.run, status__in=UNFINISHED_BATCHES).exists()

    def _next_due(self) -> datetime | None:
        waiting = self.route.open().filter(status=BatchStatus.WAITING)
        due: datetime | None = waiting.aggregate(due=Min("next_attempt_at"))["due"]
        return due

    def _settle(self) -> bool:
        """Finish the run, or leave word in the database when it goes on; return whether it goes on right now."""
        if self.fatal or self.lease.cancelled.is_set():
            if not run_begin_again(self.lease, self.fatal):
                run_finish(self.lease, fatal=self.fatal)
            return False
        if not Batch.objects.filter(run=self.run, status__in=UNFINISHED_BATCHES).exists():
            run_finish(self.lease)
            return False
        ready = self.route.open().filter(status=BatchStatus.PENDING).exists()
        due = None if ready else self._next_due()
        now = timezone.now()
        look = min(due, now + timedelta(seconds=30)) if due else now
        Run.objects.filter(self.lease.held()).update(lease_until=look, lease_token="")
        return due is None or due <= now
