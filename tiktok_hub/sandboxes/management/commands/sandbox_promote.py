"""`manage.py sandbox_promote SLUG --message TEXT`: write a sandbox's changes to production."""

from typing import Any

from django.core.management.base import CommandParser

from tiktok_hub.sandboxes.management.running import EXIT_HELP, SandboxCommand, change_lines, change_record
from tiktok_hub.sandboxes.promoting import PromotionBlockedError, promotion_make, sandbox_promote


class Command(SandboxCommand):
    """Check and promote; what blocks is told, and then nothing is written."""

    help = (
        "Write to production what was changed in its sandbox, in one transaction, and note it in the audit log of "
        "both. Everything is checked first; what only production has changed is left as it is; people, tokens and "
        f"rows are never promoted. {EXIT_HELP}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("sandbox", metavar="SLUG", help="the sandbox's short name")
        parser.add_argument("--message", required=True, metavar="TEXT", help="what changes and why, for the audit log")
        parser.add_argument("--remove", action="store_true", help="also remove what was removed in the sandbox")
        parser.add_argument("--dry-run", action="store_true", help="check and show, and change nothing")
        self.acting_arguments(parser)

    def work(self, **options: Any) -> int:
        """Promote, or say what blocks it."""
        sandbox, dry = self.sandbox(options["sandbox"]), bool(options["dry_run"])
        wish = {
            "sandbox": sandbox, "membership": self.membership(sandbox.production, options["user"]),
            "remove": options["remove"],
        }  # fmt: skip
        try:
            promotion = promotion_make(**wish) if dry else sandbox_promote(**wish, message=options["message"])
        except PromotionBlockedError as error:
            return self.blocked(error.problems)
        if promotion.problems:
            return self.blocked(promotion.problems)
        changes = promotion.changes
        count = f"{len(changes)} {'change' if len(changes) == 1 else 'changes'}"
        outcome = "nothing to promote" if not changes else f"{count} {'to promote' if dry else 'promoted'}"
        head = f"{sandbox.twin.slug} → {sandbox.production.slug}: {outcome}"
        lines = [line for change in changes for line in change_lines(change)]
        left = [{"section": section, "name": name} for section, name in (each.key for each in promotion.left)]
        slugs = {"sandbox": sandbox.twin.slug, "production": sandbox.production.slug}
        record = {**slugs, "dry_run": dry, "changes": [change_record(change) for change in changes], "left": left}
        self.report(record, [head, *lines, *(["Dry run: nothing was changed."] if dry else [])])
        return 0
