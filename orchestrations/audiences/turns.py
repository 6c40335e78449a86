"""Whose turn it is: runs of a query that are started while a stream changes the same audience come after it.

A stream sends often and briefly, so nobody has to know of it: other runs are queued and wait, and the stream's next
changes wait for them in turn. Runs of one audience come in the order in which they were made.
"""

from datetime import timedelta

from django.utils import timezone

from orchestrations.choices import UNFINISHED_RUNS, RunStage, RunStatus
from orchestrations.doorbell import ring
from orchestrations.models import Run, RunAudience
from orchestrations.runs.leases import Lease, LeaseLostError

WAIT = timedelta(seconds=10)
"""How long a run waits for its turn before it looks by itself; the end of the run before it wakes it at once."""


class TurnError(Exception):
    """An earlier run for the same audience has not ended."""


def turn_check(run: Run) -> None:
    """Raise TurnError while an earlier run for one of this run's audiences has not ended."""
    mine = RunAudience.objects.filter(run=run).values("audience")
    if RunAudience.objects.filter(audience__in=mine, run__status__in=UNFINISHED_RUNS, run__lt=run.pk).exists():
        raise TurnError


def turn_wait(lease: Lease) -> None:
    """Give back a run whose turn it is not; raise LeaseLostError where another worker has it."""
    waits = {"status": RunStatus.QUEUED, "lease_until": timezone.now() + WAIT, "lease_token": ""}
    if not Run.objects.filter(lease.held()).update(**waits):
        raise LeaseLostError


def turn_pass(run: Run) -> None:
    """Wake the run that comes next in the audiences of one that ends, once that is committed."""
    if "sync_mode" not in run.inputs:
        return
    mine = RunAudience.objects.filter(run=run).values("audience")
    waiting = Run.objects.filter(audiences__audience__in=mine, status=RunStatus.QUEUED, stage=RunStage.WAITING)
    following = waiting.exclude(pk=run.pk).order_by("pk").first()
    if following is not None:
        Run.objects.filter(pk=following.pk, lease_token="").update(lease_until=None)
        ring(following)
