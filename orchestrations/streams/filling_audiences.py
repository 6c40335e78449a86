"""Prepare a stream's run for an audience: requests of the changes that its chunks hold, against what was told."""

from collections.abc import Iterator

import orjson
import pyarrow as pa

from destinations.preparation.changes import changes_batch, prepare_changes
from destinations.preparation.contract import Piece
from destinations.preparation.door_audiences import PEOPLE
from orchestrations.audiences.states import engine
from orchestrations.streams.contents import contents_unpack
from orchestrations.streams.filling import StreamFilling, chunk_issues, chunks_of


class AudienceFilling(StreamFilling):
    """One run's way from chunks of changes to pieces that fill a spool. A row is a posted item."""

    def pieces(self) -> Iterator[Piece]:
        """Yield requests, and what was said of items."""
        if self.context.work is None:
            raise TypeError("Changes of audiences are compared in a folder.")
        with engine(self.context.work) as connection:
            settings = self.run.inputs["settings"]
            yield from prepare_changes(
                connection, self._changes(), spec=self.spec, settings=settings, context=self.context
            )
        yield from self._said()

    def _changes(self) -> Iterator[pa.RecordBatch]:
        """Yield the changes of each chunk, noting on the way what was said of its items."""
        for chunk in chunks_of(self.run):
            contents, first = contents_unpack(bytes(chunk.content)), chunk.first_row or 0
            if contents.issues:
                self.issues.append(chunk_issues(contents, first))
            if contents.numbers:
                people = orjson.loads(contents.body)[PEOPLE]
                yield changes_batch(people, [first + number for number in contents.numbers])
