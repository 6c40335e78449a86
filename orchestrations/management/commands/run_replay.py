"""`manage.py run_replay RUN`: send all, rejected or unknown rows of an earlier run once more."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser

from orchestrations.choices import ReplayRows, RunTrigger
from orchestrations.management.running import EXIT_HELP, RunOnCommand
from orchestrations.models import Run
from orchestrations.replays.services import forecast_lines, replay_forecasts, run_replay
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope


class Command(RunOnCommand):
    """Replay a run."""

    help = (
        "Send rows of a run that has ended once more, as a new run with the same event ids: TikTok drops what it has "
        "accepted within 48 hours. Rejected rows are prepared again with the present settings. With --dry-run, say "
        f"what would happen and send nothing. {EXIT_HELP}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--rejected", action="store_const", const=ReplayRows.REJECTED, dest="rows", default=ReplayRows.ALL,
            help="only rows that were rejected here or refused by TikTok",
        )  # fmt: skip
        which.add_argument(
            "--unknown", action="store_const", const=ReplayRows.UNKNOWN, dest="rows", default=ReplayRows.ALL,
            help="only rows of which nobody knows whether TikTok has them",
        )  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="say what a replay would do, and send nothing")
        parser.add_argument(
            "--count-twice", action="store_true", help="send also what TikTok has accepted and would count twice"
        )

    def work(self, **options: Any) -> int:
        """Start the replay, wait for it if asked to; or say what it would do."""
        self.rows, self.count_twice = options["rows"], options["count_twice"]
        return self.foretell(options["run"]) if options["dry_run"] else super().work(**options)

    def foretell(self, number: int) -> int:
        """Print what a replay would do."""
        run = self.run_found(number)
        with tenant_scope(run.tenant):
            forecast = replay_forecasts(run)[self.rows]
        if forecast.refusal:
            raise ValidationError(forecast.refusal)
        told = {"run": run.pk, "replay": self.rows, **forecast.told}
        self.stdout.write(json.dumps(told) if self.as_json else "\n".join(forecast_lines(run, self.rows, forecast)))
        return 0

    def go_on(self, run: Run, membership: Membership) -> Run:
        """Queue the replay."""
        return run_replay(
            run=run, rows=self.rows, membership=membership, trigger=RunTrigger.COMMAND, count_twice=self.count_twice
        )
