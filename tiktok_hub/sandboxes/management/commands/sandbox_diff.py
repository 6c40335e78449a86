"""`manage.py sandbox_diff SLUG`: show how a sandbox differs from production."""

from typing import Any

from django.core.management.base import CommandParser

from tiktok_hub.sandboxes.comparing import Standing, sandbox_compare
from tiktok_hub.sandboxes.management.running import SandboxCommand, change_lines

EXIT_HELP = "Exit status: 0 compared, 1 they differ and --exit-code was given, 2 wrong use."


class Command(SandboxCommand):
    """Show the differences, and on which side each arose."""

    help = (
        "Show how a sandbox differs from production: added (+), changed (~) and removed (-), field by field, and on "
        f"which side each difference arose. Secrets are dots; people, tokens and rows are not compared. {EXIT_HELP}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("sandbox", metavar="SLUG", help="the sandbox's short name")
        parser.add_argument("--exit-code", action="store_true", help="end with status 1 where they differ")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object instead of text")

    def work(self, **options: Any) -> int:
        """Compare and show."""
        sandbox = self.sandbox(options["sandbox"])
        found = sandbox_compare(sandbox).deviations
        slugs = {"sandbox": sandbox.twin.slug, "production": sandbox.production.slug}
        kinds = {kind: [each for each in found if each.change.kind == kind] for kind in ("added", "changed", "removed")}
        counts = ", ".join(f"{len(items)} {kind}" for kind, items in kinds.items())
        head = f"{slugs['sandbox']} against {slugs['production']}: {counts if found else 'no difference'}"
        lines = [line for each in found for line in change_lines(each.change, str(Standing(each.standing).label))]
        records = {kind: [each.as_record() for each in items] for kind, items in kinds.items()}
        self.report({**slugs, **records}, [head, *lines])
        return 1 if found and options["exit_code"] else 0
