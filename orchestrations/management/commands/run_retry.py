"""`manage.py run_retry RUN`: go on with a run that ended early."""

from contextlib import nullcontext
from typing import Any

from django.core.management.base import CommandParser

from orchestrations.management.running import EXIT_HELP, RunCommand, interruptible, positive_int
from orchestrations.services import run_retry
from tiktok_hub.hub.services import services_running
from tiktok_hub.tenancy.scope import tenant_scope


class Command(RunCommand):
    """Retry a run."""

    help = (
        "Go on with a run that ended early, from the same inputs: what was not sent or is unknown is sent (again) with "
        f"the same event ids, so that TikTok counts it once. {EXIT_HELP}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("run", type=positive_int, metavar="RUN", help="the run's number")
        self.wait_arguments(parser)
        self.result_arguments(parser)

    def work(self, **options: Any) -> int:
        """Queue the run again; wait for it if asked to."""
        run = self.run_found(options["run"])
        with tenant_scope(run.tenant), interruptible(self) as state:
            membership = self.membership(run.tenant, options["user"])
            with services_running() if options["wait"] else nullcontext() as started:
                run = run_retry(run=run, membership=membership)
                state.update(run=run, started=started)
                if not options["wait"]:
                    return self.tell_queued(run)
                self.wait(run, timeout=options["timeout"], started=started)
                return self.tell(run, rejects=options["rejects"])
