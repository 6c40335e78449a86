"""Find runs that have something to do and that no living worker holds.

This is what makes the database the truth: a task that was lost, a worker that was killed, a retry that has become
due all end here, within `HUB_SWEEP_SECONDS` and the lease.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from orchestrations.doorbell import ring
from orchestrations.models import Run
from orchestrations.runs.leases import ACTIVE
from tiktok_hub.tenancy.scope import hub_scope

GRACE = timedelta(seconds=2)  # a run that was queued just now has a task on its way
QUIET_SWEEPS = 6  # sweeps for which a run that was rung for is not rung for again


def runs_sweep() -> int:
    """Ring for every active run of any tenant that nobody holds; return how many there were."""
    now = timezone.now()
    free = Q(lease_until__lte=now) | Q(lease_until__isnull=True, created_at__lte=now - GRACE)
    with hub_scope():
        runs = list(Run.objects.filter(free, status__in=ACTIVE).order_by("lease_until", "pk")[:1000])
        return sum(_hand_on(run, now) for run in runs)


def _hand_on(run: Run, now: datetime) -> bool:
    """Take a run from whoever held it, ring for it, and leave it alone for a while: the task waits for its turn."""
    seen = Run.objects.filter(pk=run.pk, lease_token=run.lease_token, lease_until=run.lease_until)
    quiet = timedelta(seconds=QUIET_SWEEPS * settings.HUB_SWEEP_SECONDS)
    if not seen.update(lease_token="", lease_until=now + quiet):
        return False
    ring(run)
    return True
