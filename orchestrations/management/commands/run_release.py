"""`manage.py run_release RUN`: let a held run do what it has planned."""

from contextlib import nullcontext
from typing import Any

from django.core.management.base import CommandParser

from orchestrations.management.running import EXIT_HELP, RunCommand, interruptible, positive_int
from orchestrations.services import run_release
from tiktok_hub.hub.services import services_running
from tiktok_hub.tenancy.scope import tenant_scope


class Command(RunCommand):
    """Release a run."""

    help = (
        "Let a held run go on: it does exactly what was planned when it was held. Only administrators and operators "
        f"may release runs. {EXIT_HELP}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("run", type=positive_int, metavar="RUN", help="the run's number")
        self.wait_arguments(parser)
        self.result_arguments(parser)

    def work(self, **options: Any) -> int:
        """Release the run; wait for it if asked to."""
        run = self.run_found(options["run"])
        with tenant_scope(run.tenant), interruptible(self) as state:
            membership = self.membership(run.tenant, options["user"])
            with services_running() if options["wait"] else nullcontext() as started:
                run = run_release(run=run, membership=membership)
                state.update(run=run, started=started)
                if not options["wait"]:
                    return self.tell_queued(run)
                self.wait(run, timeout=options["timeout"], started=started)
                return self.tell(run, rejects=options["rejects"])
