"""Make sure that one worker at a time works on a run, and that its death is noticed within seconds.

A worker claims a run by writing a token and a time (`lease_until`) in one conditional update, and extends the time
while it lives. `kill -9` leaves a time that soon lies in the past: the sweeper then hands the run to another worker.
Whoever writes results checks the token, so that a worker that was only thought dead cannot write any more.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from orchestrations.choices import RunStage, RunStatus
from orchestrations.models import Run
from tiktok_hub.logs import log_with
from tiktok_hub.tenancy.scope import tenant_scope

ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)


class LeaseLostError(Exception):
    """Another worker has taken the run over: stop without writing anything."""


class Lease:
    """A worker's hold on a run: `cancelled` is set when somebody asked for the run's end, `lost` when it was taken."""

    def __init__(self, run: Run, token: str) -> None:
        self.run = run
        self.token = token
        self.cancelled = threading.Event()
        self.lost = threading.Event()
        self._stop = threading.Event()

    def held(self) -> Q:
        """Return the condition under which this worker may write to the run."""
        return Q(pk=self.run.pk, lease_token=self.token, status__in=ACTIVE)

    def extend(self) -> None:
        """Promise to live a little longer, and see whether somebody asked for the end of the run."""
        with tenant_scope(self.run.tenant):
            until = timezone.now() + timedelta(seconds=settings.HUB_LEASE_SECONDS)
            if not Run.objects.filter(self.held()).update(lease_until=until):
                self.lost.set()
            elif Run.objects.filter(pk=self.run.pk, cancel_requested=True).exists():
                self.cancelled.set()

    def check(self) -> None:
        """Raise LeaseLostError when another worker holds the run."""
        if self.lost.is_set():
            raise LeaseLostError

    def beat(self) -> None:
        """Extend the lease until told to stop; runs in a thread with its own database connection."""
        try:
            while not self._stop.wait(settings.HUB_LEASE_SECONDS / 3) and not self.lost.is_set():
                self.extend()
        finally:
            connection.close()

    def stop(self) -> None:
        """End the heartbeat."""
        self._stop.set()


@contextmanager
def lease_held(run_id: int, stages: tuple[RunStage, ...]) -> Iterator[Lease | None]:
    """Hold the run for the block, or yield None when it is not there to be held.

    It is held when it is active, in one of `stages`, and no other worker's promise is still good. The tenant's scope
    must be open. When the block ends, the lease is left as it stands: whoever ends the work says what comes next.
    """
    lease = _claim(run_id, stages)
    if lease is None:
        yield None
        return
    thread = threading.Thread(target=lease.beat, name=f"lease-{run_id}", daemon=True)
    thread.start()
    try:
        with log_with(run=run_id):
            yield lease
    finally:
        lease.stop()
        thread.join()


def _claim(run_id: int, stages: tuple[RunStage, ...]) -> Lease | None:
    now = timezone.now()
    token = secrets.token_hex(16)
    free = Q(lease_token="") | Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    claimed = Run.objects.filter(free, pk=run_id, status__in=ACTIVE, stage__in=stages).update(
        lease_token=token, lease_until=now + timedelta(seconds=settings.HUB_LEASE_SECONDS), status=RunStatus.RUNNING
    )
    if not claimed:
        return None
    run = Run.objects.select_related("orchestration", "credential", "tenant").get(pk=run_id)
    lease = Lease(run, token)
    if run.cancel_requested:
        lease.cancelled.set()
    return lease
