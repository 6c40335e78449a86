"""State files: what TikTok was told about an audience, one id per row, read and written in the order of the digests.

Columns: `kind` (uint8, index into `ID_TYPES`), `digest` (32 bytes), `person` (uint64), `sure` (false where TikTok may
or may not hold the id). Readers may meet any order; files written here are sorted and say so, which saves sorting them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from destinations.preparation.digests import WORDS, Flags, digest_column, digests_of, heads
from destinations.preparation.errors import PreparationError
from destinations.preparation.spills import Split, Words
from destinations.preparation.sql import literal

STATE_SCHEMA = pa.schema(
    [
        pa.field("kind", pa.uint8(), nullable=False),
        pa.field("digest", pa.binary(32), nullable=False),
        pa.field("person", pa.uint64(), nullable=False),
        pa.field("sure", pa.bool_(), nullable=False),
    ]
)
ORDER, PEOPLE = b"hub_order", b"hub_people"
SORTED = b"kind, digest"
READ_ROWS = 65_536
GROUP_ROWS = 262_144


@dataclass(frozen=True)
class Told:
    """Ids of one type that TikTok was told, in the order of their digests."""

    digests: Words
    persons: Words
    sure: Flags

    @classmethod
    def none(cls) -> "Told":
        """No ids."""
        return cls(np.empty((0, WORDS), np.uint64), np.empty(0, np.uint64), np.empty(0, np.bool_))

    @property
    def count(self) -> int:
        """How many ids."""
        return len(self.persons)


class StateReader:
    """Read a state type by type and partition by partition, each asked for once and in ascending order."""

    def __init__(self, con: duckdb.DuckDBPyConnection, state: Path | None, split: Split, work: Path) -> None:
        self.split = split
        self._parts: Iterator[tuple[int, Told]] = iter(())
        self.people: int | None = 0
        if state is not None:
            notes = _notes(state)
            self.people = int(notes[PEOPLE]) if notes.get(ORDER) == SORTED and PEOPLE in notes else None
            path = state if notes.get(ORDER) == SORTED else _sorted_copy(con, state, work)
            self._parts = self._read(path)
        self._next = next(self._parts, None)

    def take(self, kind: int, part: int) -> Told:
        """Give the ids of a type and partition."""
        key, found = kind * self.split.parts + part, []
        while self._next is not None and self._next[0] <= key:
            if self._next[0] < key:
                raise PreparationError("The audience's state is not in order. Forget it and send everybody again.")
            found.append(self._next[1])
            self._next = next(self._parts, None)
        return _joined(found)

    def _read(self, path: Path) -> Iterator[tuple[int, Told]]:
        for batch in table_batches(path):
            if batch.num_rows:
                told = Told(
                    digests_of(batch.column("digest")),
                    batch.column("person").to_numpy(),
                    batch.column("sure").to_numpy(zero_copy_only=False),
                )
                kinds = batch.column("kind").to_numpy().astype(np.int64)
                keys = kinds * self.split.parts + self.split.of(heads(told.digests))
                edges = np.flatnonzero(np.diff(keys, prepend=-1, append=-1))
                for start, end in zip(edges[:-1], edges[1:], strict=True):
                    yield (
                        int(keys[start]),
                        Told(told.digests[start:end], told.persons[start:end], told.sure[start:end]),
                    )


class StateWriter:
    """Write a state; ids must come in the order of type and digest."""

    def __init__(self, path: Path) -> None:
        # Digests and persons do not repeat and do not compress.
        self._writer = pq.ParquetWriter(path, STATE_SCHEMA, compression="none", use_dictionary=["kind"])
        self._held: list[pa.Table] = []
        self._rows = 0
        self.ids: dict[int, int] = {}
        self.unsure = 0

    def write(self, kind: int, told: Told) -> None:
        """Add ids of a type."""
        if not told.count:
            return
        self.ids[kind] = self.ids.get(kind, 0) + told.count
        self.unsure += int(np.count_nonzero(~told.sure))
        kinds = pa.array(np.full(told.count, kind, np.uint8))
        columns = [kinds, digest_column(told.digests), pa.array(told.persons), pa.array(told.sure)]
        self._held.append(pa.Table.from_arrays(columns, schema=STATE_SCHEMA))
        self._rows += told.count
        if self._rows >= GROUP_ROWS:
            self._flush()

    def close(self, people: int) -> None:
        """Finish the file, with the number of people in it."""
        self._flush()
        self._writer.add_key_value_metadata({ORDER: SORTED, PEOPLE: str(people).encode()})
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.concat_tables(self._held), row_group_size=GROUP_ROWS)
        self._held, self._rows = [], 0


def table_batches(path: Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Read a Parquet file piece by piece. Without being told not to, Arrow would fetch all of it beforehand."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        yield from file.iter_batches(READ_ROWS, columns=columns)


def state_rows(state: Path | None) -> int:
    """Count the ids of a state."""
    return int(pq.read_metadata(state).num_rows) if state else 0


def _notes(state: Path) -> Mapping[bytes, bytes]:
    notes: Mapping[bytes, bytes] = pq.read_metadata(state).metadata or {}
    return notes


def _sorted_copy(con: duckdb.DuckDBPyConnection, state: Path, work: Path) -> Path:
    path = Path(mkdtemp(dir=work)) / state.name
    con.execute(
        f"""COPY (SELECT kind, digest, person, sure FROM read_parquet({literal(str(state))}) ORDER BY kind, digest)
            TO {literal(str(path))} (FORMAT parquet, COMPRESSION uncompressed)"""  # noqa: S608 - both are quoted
    )
    return path


def _joined(found: list[Told]) -> Told:
    if len(found) == 1:
        return found[0]
    if not found:
        return Told.none()
    return Told(
        np.concatenate([told.digests for told in found]),
        np.concatenate([told.persons for told in found]),
        np.concatenate([told.sure for told in found]),
    )
