"""Run the TikTok emulator in the foreground until Ctrl-C or SIGTERM."""

import errno
import json
import os
import signal
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from destinations.emulator.errors import SeedError
from destinations.emulator.seed import seed_read
from destinations.emulator.server import EmulatorServer

USAGE_ERROR = 2


class Command(BaseCommand):
    """A TikTok Business API v1.3 on this machine, to try, test and show the hub without a TikTok account."""

    help = """Run a TikTok Business API v1.3 emulator. It holds, unless the seed says otherwise:

  app      7000000000000000001, secret emulator-secret
  Acme     ad account 7654321098765432109, offline event set 7654321098765432100, pixel C3QEXAMPLEPIXELCODE0
  Globex   ad account 7654321098765432209, offline event set 7654321098765432200, pixel C4QEXAMPLEPIXELCODE0
  disabled ad account 7654321098765432309
  tokens   emulator-token-acme, -globex, -analyst (may only read Acme), -revoked, -events-only (only /event/track/)

See destinations/emulator/control.py for what /_emulator/… can do (state, faults, limits, reset …)."""
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the line breaks of the help text."""
        kwargs["formatter_class"] = RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--port", type=int, default=0, help="Port to listen on; 0 (default) = any free one.")
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument("--seed", type=Path, help="JSON file with more accounts, options, limits, faults.")
        parser.add_argument("--json", action="store_true", help="Print the addresses as one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen, print one line, serve."""
        server = _listen(options["host"], options["port"], options["seed"])
        for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background job inherits an ignored SIGINT
            signal.signal(number, _interrupt)
        try:
            self.stdout.write(_announcement(server, as_json=options["json"]))
            self.stdout.flush()
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)  # an impatient second one must not cut the tidying up
            server.stop()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _announcement(server: EmulatorServer, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(
            {"url": server.url, "api_url": server.api_url, "auth_url": server.auth_url, "pid": os.getpid()}
        )
    return f"TikTok emulator: page {server.url} · API {server.api_url} · consent {server.auth_url}"


def _listen(host: str, port: int, seed: Path | None) -> EmulatorServer:
    try:
        return EmulatorServer(host, port, seed_read(seed) if seed else None)
    except SeedError as error:
        raise CommandError(str(error), returncode=USAGE_ERROR) from error
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            reason = f"Port {port} on {host} is in use by another program; choose another one with --port."
        else:
            reason = f"The emulator cannot listen on {host}:{port}: {str(error).rstrip('.')}."
        raise CommandError(reason, returncode=USAGE_ERROR) from error
