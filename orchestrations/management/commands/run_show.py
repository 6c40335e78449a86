"""`manage.py run_show RUN`: print what became of a run."""

from typing import Any

from django.core.management.base import CommandParser

from orchestrations.management.running import RunCommand, positive_int
from tiktok_hub.tenancy.scope import tenant_scope


class Command(RunCommand):
    """Show a run."""

    help = "Print what a run is doing or what became of it. Exit status: 0, or 2 when there is no such run."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("run", type=positive_int, metavar="RUN", help="the run's number")
        self.result_arguments(parser)

    def work(self, **options: Any) -> int:
        """Print the run; how it went does not change the exit status."""
        run = self.run_found(options["run"])
        with tenant_scope(run.tenant):
            self.tell(run, rejects=options["rejects"])
        return 0
