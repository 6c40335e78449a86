"""`manage.py group_run TENANT NAME`: start a group, and with `--wait` see it through."""

import json
import time
from contextlib import nullcontext
from typing import Any

from django.core.management.base import CommandParser

from orchestrations.choices import RunStatus, RunTrigger
from orchestrations.groups.results import group_run_result, group_run_text
from orchestrations.groups.services import group_run_start
from orchestrations.management.running import (
    EXIT,
    EXIT_HELP,
    HUBLESS_SECONDS,
    POLL_SECONDS,
    RunCommand,
    background_alive,
)
from orchestrations.models import GroupRun, OrchestrationGroup
from tiktok_hub.hub.process import Child
from tiktok_hub.hub.services import services_running
from tiktok_hub.tenancy.scope import tenant_scope


class Command(RunCommand):
    """Start a group."""

    help = (
        "Start a group of orchestrations. With --wait, stay until it has ended or a member is held, and print how each "
        f"member fared; works beside a running hub, and without one by starting what it needs. {EXIT_HELP}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("tenant", metavar="TENANT", help="the tenant's short name, as in its addresses")
        parser.add_argument("name", metavar="NAME", help="the group's name")
        self.wait_arguments(parser)
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object instead of text")

    def work(self, **options: Any) -> int:
        """Start the group; wait for it if asked to."""
        tenant = self.tenant(options["tenant"])
        with tenant_scope(tenant):
            group = self.group(options["name"])
            membership = self.membership(tenant, options["user"])
            with services_running() if options["wait"] else nullcontext() as started:
                group_run = group_run_start(group=group, membership=membership, trigger=RunTrigger.COMMAND)
                if options["wait"]:
                    self.stay(group_run, timeout=options["timeout"], started=started)
                result = group_run_result(group_run)
                self.stdout.write(json.dumps(result) if self.as_json else group_run_text(result))
                return EXIT.get(group_run.status, 0)

    def group(self, name: str) -> OrchestrationGroup:
        """Return a group of the opened tenant by its name."""
        rows = OrchestrationGroup.objects.select_related("tenant")
        return rows.filter(name=name).first() or self.unknown("group", name, rows.values_list("name", flat=True))

    def stay(self, group_run: GroupRun, *, timeout: float | None, started: Child | None) -> None:
        """Wait until a group run has ended or is held; `started` are services that end with this command."""
        began = seen = time.monotonic()
        while not group_run.is_finished and group_run.status != RunStatus.HELD:
            now = time.monotonic()
            if timeout is not None and now - began > timeout:
                self.refuse(f"Run {group_run.pk} of the group has not ended after {timeout:g} s. It goes on.", status=1)
            if background_alive(started):
                seen = now
            elif started is not None or now - seen > HUBLESS_SECONDS:
                self.refuse("Background work has ended unexpectedly. Start it: manage.py hub", status=1)
            time.sleep(POLL_SECONDS)
            group_run.refresh_from_db()
