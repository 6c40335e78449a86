"""`manage.py run_retry RUN`: go on with a run that ended early."""

from orchestrations.management.running import EXIT_HELP, RunOnCommand
from orchestrations.models import Run
from orchestrations.runs.retrying import run_retry
from tiktok_hub.tenancy.models import Membership


class Command(RunOnCommand):
    """Retry a run."""

    help = (
        "Go on with a run that ended early, from the same inputs: what was not sent or is unknown is sent (again) with "
        f"the same event ids, so that TikTok counts it once. {EXIT_HELP}"
    )

    def go_on(self, run: Run, membership: Membership) -> Run:
        """Retry a run."""
        return run_retry(run=run, membership=membership)
