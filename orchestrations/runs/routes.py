"""Which of a run's requests may leave, in which order, and what goes with them."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from destinations.specs.base import Parcel
from destinations.tiktok.client import TikTokClient
from orchestrations.models import Batch, Run
from orchestrations.runs.verdicts import Outcome


class Route:
    """The route of events: all requests are alike, and leave side by side in any order."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @property
    def connections(self) -> int:
        """Return how many requests may be in the air."""
        return max(1, int(settings.HUB_DELIVERY_CONNECTIONS))

    def ready(self, client: TikTokClient) -> None:
        """Do what has to be done at TikTok before the first request leaves."""

    def open(self) -> "QuerySet[Batch]":
        """Return the batches that need not wait for others."""
        return Batch.objects.filter(run=self.run)

    def choose(self, due: "QuerySet[Batch]", count: int, busy: list[Batch]) -> list[Batch]:
        """Return the batches to send next, of those that are due; `busy` are in the air."""
        return list(due.order_by("number")[:count])

    def parcel(self, client: TikTokClient, batch: Batch) -> Parcel:
        """Return what has to be known to send a batch; its body is put in later."""
        return Parcel(batch.kind, b"", self.run.inputs["settings"])

    def landed(self, batch: Batch, outcome: Outcome) -> None:
        """Keep what later requests need of an outcome; part of the transaction that records it."""

    def part_stopped(self, target_id: int | None, error: dict[str, Any]) -> bool:
        """Stop a part of the run and go on with the others; return False where there are no parts."""
        return False
