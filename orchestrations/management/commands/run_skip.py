"""`manage.py run_skip RUN`: leave a run as it is."""

from typing import Any

from django.core.management.base import CommandParser

from orchestrations.management.running import RunCommand, positive_int
from orchestrations.runs.skipping import run_skip
from tiktok_hub.tenancy.scope import tenant_scope


class Command(RunCommand):
    """Skip a run."""

    help = (
        "Leave a run that failed, was held or cancelled, or ended with errors, as it is: nobody needs to look at it "
        "any more, and its group goes on. A held run ends as cancelled. Exit status: 0, or 2 when there is nothing to "
        "skip."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("run", type=positive_int, metavar="RUN", help="the run's number")
        parser.add_argument(
            "--user", metavar="EMAIL", help="whose name it is done in; else an administrator of the tenant"
        )

    def work(self, **options: Any) -> int:
        """Skip the run."""
        run = self.run_found(options["run"])
        with tenant_scope(run.tenant):
            run = run_skip(run=run, membership=self.membership(run.tenant, options["user"]))
        self.stdout.write(f"Run {run.pk} is left as it is. See it: manage.py run_show {run.pk}")
        return 0
