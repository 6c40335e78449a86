"""`manage.py run_cancel RUN`: end a run."""

from typing import Any

from django.core.management.base import CommandParser

from orchestrations.management.running import RunCommand, positive_int
from orchestrations.runs.services import run_cancel
from tiktok_hub.tenancy.scope import tenant_scope


class Command(RunCommand):
    """Cancel a run."""

    help = (
        "End a run: at once when no worker holds it, else within seconds. What was sent stays sent. "
        "Exit status: 0, or 2 when there is no such run or it has ended already."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("run", type=positive_int, metavar="RUN", help="the run's number")

    def work(self, **options: Any) -> int:
        """Cancel the run and say whether it has ended."""
        run = self.run_found(options["run"])
        with tenant_scope(run.tenant):
            run = run_cancel(run=run)
        ended = "is cancelled" if run.is_finished else "will end within seconds"
        self.stdout.write(f"Run {run.pk} {ended}. See it: manage.py run_show {run.pk}")
        return 0
