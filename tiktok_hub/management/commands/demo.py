"""`manage.py demo`: everything, on this machine, with a TikTok of its own."""

import signal
import sys
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tiktok_hub.hub.demo.show import demo_play
from tiktok_hub.hub.demo.stage import DemoError
from tiktok_hub.hub.ports import PortError


class Command(BaseCommand):
    """Start everything with two demo tenants, deliver dirty orders to a TikTok emulator, and keep serving."""

    help = "Try everything: deliver demo orders to a TikTok emulator, print the outcome, serve until Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--port", type=int, default=8000, help="port of the web pages")
        parser.add_argument("--no-serve", action="store_true", help="end after the outcome")

    def handle(self, *args: Any, **options: Any) -> None:
        """Play it, and turn what prevents it into one sentence."""
        for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background job inherits an ignored SIGINT
            signal.signal(number, interrupt)
        try:
            status = demo_play(settings.HUB_DATA_DIR / "demo", options["port"], serve=not options["no_serve"])
        except PortError as error:
            raise CommandError(f"{error} As in: make demo PORT={options['port'] + 1}", returncode=2) from None
        except DemoError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            self.stderr.write("Interrupted; everything was stopped.")
            sys.exit(130)
        if status:
            sys.exit(status)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """End as on Ctrl-C."""
    raise KeyboardInterrupt
