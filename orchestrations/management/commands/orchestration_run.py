"""`manage.py orchestration_run TENANT NAME`: start a run, and with `--wait` see it through."""

from contextlib import nullcontext
from typing import Any

from django.core.management.base import CommandParser

from orchestrations.choices import RunPurpose, RunTrigger
from orchestrations.management.running import EXIT_HELP, RunCommand, interruptible, positive_int
from orchestrations.runs.services import run_start
from tiktok_hub.hub.services import services_running
from tiktok_hub.tenancy.scope import tenant_scope


class Command(RunCommand):
    """Start a run of an orchestration."""

    help = (
        "Start a run of an orchestration. With --wait, stay until it has ended and print what became of every row; "
        f"works beside a running hub, and without one by starting what it needs. {EXIT_HELP}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("tenant", metavar="TENANT", help="the tenant's short name, as in its addresses")
        parser.add_argument("name", metavar="NAME", help="the orchestration's name")
        parser.add_argument("--sample", type=positive_int, metavar="N", help="send the first N rows only")
        parser.add_argument(
            "--plan", action="store_true", help="say what a run would do, and send nothing; always waits"
        )
        self.wait_arguments(parser)
        self.result_arguments(parser)

    def work(self, **options: Any) -> int:
        """Start the run; wait for it if asked to."""
        tenant = self.tenant(options["tenant"])
        with tenant_scope(tenant), interruptible(self) as state:
            orchestration = self.orchestration(options["name"])
            membership = self.membership(tenant, options["user"])
            waits = options["wait"] or options["plan"]
            with services_running() if waits else nullcontext() as started:
                self.left_behind_finish(orchestration, timeout=options["timeout"], started=started)
                run = run_start(
                    orchestration=orchestration,
                    membership=membership,
                    trigger=RunTrigger.COMMAND,
                    sample=options["sample"],
                    purpose=RunPurpose.PLAN if options["plan"] else RunPurpose.DELIVER,
                )
                state.update(run=run, started=started)
                if not waits:
                    return self.tell_queued(run)
                self.wait(run, timeout=options["timeout"], started=started)
                return self.tell(run, rejects=options["rejects"])
