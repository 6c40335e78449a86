"""A stream and a query that share one audience, and TikTok, which holds it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from destinations.models import Destination
from destinations.preparation.contract import Context
from destinations.preparation.door_audiences import AudienceDoor
from orchestrations.models import Chunk, Orchestration, Run, Stream
from orchestrations.streams.contents import Contents, contents_pack
from orchestrations.streams.flushing import stream_flush
from tests.orchestrations.audiences.conftest import Keeper, Person

LATER = timedelta(hours=1)
"""After so long everything is due."""


def adds(people: Iterable[Person]) -> list[dict[str, str]]:
    """Make the items that add people."""
    return [{"action": "add", **person} for person in people]


def removes(people: Iterable[Person]) -> list[dict[str, str]]:
    """Make the items that remove people."""
    return [{"action": "remove", **person} for person in people]


class Sharer(Keeper):
    """A keeper whose audience a stream changes too."""

    stream: Stream
    door: AudienceDoor

    def stream_up(self, name: str = "sign-ups", **fields: Any) -> Stream:
        """Make a stream on the query's destination and audience."""
        with self.scope():
            own = self.orchestration
            orchestration = Orchestration.objects.create(
                tenant=self.tenant, name=name, destination=own.destination, settings=own.settings, sync_mode="add"
            )
            self.stream = Stream.objects.create(
                tenant=self.tenant, orchestration=orchestration, **{"max_events": 1_000, **fields}
            )
        return self.stream

    def post(self, items: list[dict[str, str]]) -> Chunk:
        """Let items wait in a chunk, prepared as the collector does."""
        with self.scope():
            destination = Destination.objects.get(pk=self.stream.orchestration.destination_id)
            settings = destination.spec.settings_clean(self.stream.orchestration.settings_merged, "orchestration")
            context = Context(int(datetime.now(tz=UTC).timestamp()), "UTC", None, destination.spec.limits)
            rows = [[item] for item in items]
            admitted = self.door.prepare(rows, spec=destination.spec, settings=settings, context=context)
            contents = Contents(admitted.body(settings), admitted.numbers, admitted.issues)
            return Chunk.objects.create(
                tenant=self.tenant, stream=self.stream, rows=len(items), events=len(admitted.texts),
                bytes=len(contents.body), content=contents_pack(contents),
            )  # fmt: skip

    def flush(self, after: timedelta = LATER) -> Run | None:
        """Look at the stream after some time; return the run that was made, if one was."""
        with self.scope():
            made = stream_flush(self.stream.pk, timezone.now() + after)
            return (
                Run.objects.filter(orchestration=self.stream.orchestration_id).order_by("pk").last() if made else None
            )

    def send(self, items: list[dict[str, str]]) -> Run:
        """Post items and let a run carry them."""
        self.post(items)
        run = self.flush()
        assert run is not None
        return self.carry(run)

    def waiting(self) -> int:
        """Return how many chunks wait."""
        with self.scope():
            return Chunk.objects.filter(stream=self.stream, run=None).count()
