"""`manage.py hub`: run web, worker, beat and broker as one supervised command."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tiktok_hub.hub.broker import BrokerError
from tiktok_hub.hub.ports import PortError
from tiktok_hub.hub.runner import HubOptions, HubRunningError, hub_run


class Command(BaseCommand):
    """Run a whole hub until Ctrl-C; whatever ends is started again."""

    help = "Run web, worker, beat and (when REDIS_URL is not set) the broker as one command, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--port", type=int, default=8000, help="port of the web pages (0: any free one)")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (0.0.0.0: all)")
        parser.add_argument("--workers", type=int, default=2, help="processes that do background work")
        parser.add_argument("--no-web", action="store_true", help="without web pages")
        parser.add_argument("--no-worker", action="store_true", help="without background work")
        parser.add_argument("--no-beat", action="store_true", help="without the scheduler")
        parser.add_argument("--temporary", action="store_true", help="say that another command started this one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, and turn what prevents it into one sentence and exit status 2."""
        try:
            status = hub_run(
                HubOptions(
                    host=options["host"],
                    port=options["port"],
                    workers=options["workers"],
                    web=not options["no_web"],
                    worker=not options["no_worker"],
                    beat=not options["no_beat"],
                    temporary=options["temporary"],
                )
            )
        except (PortError, HubRunningError, BrokerError, ImproperlyConfigured) as error:
            raise CommandError(str(error), returncode=2) from None
        if status:
            raise SystemExit(status)
