"""Prepare a stream's run: request bodies of the events that its chunks hold, each byte for byte as it was accepted."""

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from destinations.preparation.contract import DUPLICATE, ISSUES_SCHEMA, REJECT, WARNING, Context, Issues, Piece
from destinations.preparation.issues import issues_table
from destinations.preparation.repacking import Kept
from destinations.specs import get as spec_get
from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.models import Chunk, Run
from orchestrations.runs.failures import FailureError
from orchestrations.streams.contents import Contents, contents_unpack

PIECE = 50
GONE = "What this run of a stream was to send is gone: its events waited for longer than they are kept."

Ints = npt.NDArray[np.int64]


class StreamFilling:
    """One run's way from chunks to pieces that fill a spool. A row is a posted item."""

    def __init__(self, run: Run, context: Context) -> None:
        self.run = run
        self.context = context
        self.spec = spec_get(run.inputs["plugin"])
        self.issues: list[pa.Table] = []
        self.seen: set[bytes] = set()

    def rows(self) -> int:
        """Return how many items are meant; raise FailureError where they are gone."""
        rows = sum(Chunk.objects.filter(run=self.run).values_list("rows", flat=True))
        if not rows:
            raise FailureError(ResolutionKey.PREPARED_DATA_LOST, GONE)
        return rows

    def pieces(self) -> Iterator[Piece]:
        """Yield requests, and what was said of items."""
        if self.spec.resending is None:
            raise TypeError(f"{self.spec.key} has no streams.")
        settings = self.run.inputs["settings"]
        for piece in self.spec.resending.repack(self._kept(), settings=settings, context=self.context):
            yield piece
            yield from self._said()
        yield from self._said()

    def _said(self) -> Iterator[Issues]:
        tables, self.issues = self.issues, []
        yield from map(Issues, tables)

    def _kept(self) -> Iterator[Kept]:
        """Yield the events of each chunk, noting on the way what was said of its items."""
        for chunk in chunks_of(self.run):
            contents = contents_unpack(bytes(chunk.content))
            first = chunk.first_row or 0
            if contents.issues:
                self.issues.append(chunk_issues(contents, first))
            if not contents.numbers:
                continue
            rows = np.array(contents.numbers, np.int64) + first
            new = self._new(contents.body)
            if not new.all():
                self.issues.append(issues_table(rows[~new], "event_id", "duplicate_event", None, DUPLICATE))
            if new.any():
                yield Kept(contents.body, np.flatnonzero(new), np.flatnonzero(new), rows[new])

    def _new(self, body: bytes) -> npt.NDArray[np.bool_]:
        """Say of each event of a body whether it is the first of its name and id; each is remembered as 16 bytes."""
        new = []
        for event in orjson.loads(body)["data"]:
            key = blake2b(f"{event['event']}\n{event['event_id']}".encode(), digest_size=16).digest()
            new.append(key not in self.seen)
            self.seen.add(key)
        return np.array(new, np.bool_)


def chunks_of(run: Run) -> Iterator[Chunk]:
    """Yield a run's chunks in the order in which they came, a few at a time."""
    numbers = list(Chunk.objects.filter(run=run).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(numbers), PIECE):
        yield from Chunk.objects.filter(pk__in=numbers[start : start + PIECE]).order_by("pk")


def chunk_issues(contents: Contents, first: int) -> pa.Table:
    """Return what was said of a chunk's items, by the rows that they are in the run.

    An item may have been rejected for several reasons: the first one counts, and the others are told beside it.
    """
    found: list[list[object]] = []
    rejected: set[object] = set()
    for number, name, reason, value, level in contents.issues:
        again = level == REJECT and number in rejected
        rejected.update({number} if level == REJECT else ())
        found.append([int(str(number)) + first, name or "", reason, value, WARNING if again else level])
    columns = zip(*found, strict=True)
    return pa.Table.from_arrays(
        [pa.array(list(column), field.type) for field, column in zip(ISSUES_SCHEMA, columns, strict=True)],
        schema=ISSUES_SCHEMA,
    )
