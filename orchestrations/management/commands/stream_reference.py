"""`manage.py stream_reference`: the parameters of streams as a page of the documentation."""

from typing import Any

from django.core.management.base import BaseCommand

from orchestrations.streams.reference import reference_markdown


class Command(BaseCommand):
    """Print docs/stream-parameters.md."""

    help = "Print the parameters that may be posted to streams, as Markdown (docs/stream-parameters.md)."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the page."""
        self.stdout.write(reference_markdown(), ending="")
