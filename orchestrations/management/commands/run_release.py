"""`manage.py run_release RUN`: let a held run do what it has planned."""

from orchestrations.management.running import EXIT_HELP, RunOnCommand
from orchestrations.models import Run
from orchestrations.runs.services import run_release
from tiktok_hub.tenancy.models import Membership


class Command(RunOnCommand):
    """Release a run."""

    help = (
        "Let a held run go on: it does exactly what was planned when it was held. Only administrators and operators "
        f"may release runs. {EXIT_HELP}"
    )

    def go_on(self, run: Run, membership: Membership) -> Run:
        """Release a run."""
        return run_release(run=run, membership=membership)
