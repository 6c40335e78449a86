"""`manage.py policies`: print what each policy may do."""

from typing import Any

from django.core.management.base import BaseCommand

from tiktok_hub.tenancy.matrix import policies_markdown


class Command(BaseCommand):
    """Print the table of policies as Markdown, as it stands in docs/policies.md."""

    help = "Print what each policy and option allows, as Markdown."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(policies_markdown(), ending="")
