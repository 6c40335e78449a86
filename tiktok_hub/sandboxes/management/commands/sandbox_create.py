"""`manage.py sandbox_create PRODUCTION NAME`: make a sandbox of a tenant."""

from typing import Any

from django.core.management.base import CommandParser

from tiktok_hub.sandboxes.management.running import EXIT_HELP, SandboxCommand
from tiktok_hub.sandboxes.services import sandbox_create
from tiktok_hub.sandboxes.tables import ROWS


class Command(SandboxCommand):
    """Make a sandbox and say what it is called."""

    help = (
        "Make a sandbox of a tenant: its configuration and people, tables without rows, credentials without tokens. "
        f"Nothing in a sandbox runs by itself. Its short name is PRODUCTION-NAME. {EXIT_HELP}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("production", metavar="PRODUCTION", help="the tenant's short name")
        parser.add_argument("name", metavar="NAME", help="lower-case letters, digits and dashes")
        parser.add_argument("--rows", type=int, choices=ROWS, default=0, help="copy the first rows of each dataset")
        parser.add_argument("--tokens", action="store_true", help="copy the credentials' tokens")
        self.acting_arguments(parser)

    def work(self, **options: Any) -> int:
        """Make it."""
        production = self.tenant(options["production"])
        sandbox = sandbox_create(
            production=production, name=options["name"], membership=self.membership(production, options["user"]),
            rows=options["rows"], tokens=options["tokens"],
        )  # fmt: skip
        twin = sandbox.twin
        record = {
            "sandbox": twin.slug,
            "production": production.slug,
            "rows": sandbox.rows,
            "tokens": options["tokens"],
        }
        self.report(record, [f"{twin.slug} is a sandbox of {production.slug}. Its pages are under /{twin.slug}/."])
        return 0
