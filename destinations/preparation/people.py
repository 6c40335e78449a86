"""What was read of a query's rows: which ids each row has, by row and by digest, on disk but for a byte per row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from destinations.preparation.contract import ID_TYPES
from destinations.preparation.digests import WORDS, Flags, Index, digests_of, heads
from destinations.preparation.spills import Partitions, Scratch, Split, Words

Bits = npt.NDArray[np.uint8]

OWNED = 4
"""The low four bits of a row's byte say which ids it has, the high four which of them no row before it has."""
BLOCK = 65_536
"""Rows whose ids are held at once."""


@dataclass(frozen=True)
class Positions:
    """Some positions of a request, as columns: the digests of each id type, and whose each is.

    `digests`, `there` and `persons` have an entry per id type and in it one per position. `rows` are the rows that the
    positions stand for; None where they come from a state.
    """

    digests: dict[int, Words]
    there: dict[int, Flags]
    persons: dict[int, Words]
    rows: Index | None

    @property
    def count(self) -> int:
        """How many positions."""
        return len(next(iter(self.there.values())))


class People:
    """The valid rows' ids: digests in the order of rows, the same parted by digest, and what is known of each row."""

    def __init__(self, scratch: Scratch, kinds: Sequence[int], split: Split) -> None:
        self.kinds, self.split = tuple(kinds), split
        self.ids = {
            kind: scratch.partitions(WORDS + (1 if kind == self.kinds[0] else 2), split.parts) for kind in kinds
        }
        self.valid = dict.fromkeys(range(len(ID_TYPES)), 0)
        self._bytes = bytearray()
        self._rows = {kind: scratch.partitions(WORDS, 1) for kind in kinds}
        self._scratch = scratch
        self._strangers: Partitions | None = None

    @property
    def bits(self) -> Bits:
        """What is known of each row; writable. No rows may be added while it is in use."""
        return np.frombuffer(self._bytes, np.uint8)

    @property
    def owners(self) -> Flags:
        """Which rows have an id that no row before them has."""
        flags: Flags = self.bits >> OWNED != 0
        return flags

    def add(self, rows: Index, columns: Sequence[pa.Array]) -> None:
        """Take the digests of further rows, a column per id type."""
        present = np.zeros(len(rows), np.uint8)
        persons = np.zeros(len(rows), np.uint64)
        found: list[tuple[int, Flags, Words]] = []
        for kind, column in zip(self.kinds, columns, strict=True):
            there, digests = _there(column), digests_of(column)
            persons[there & (present == 0)] = heads(digests)[present[there] == 0]
            present |= there.astype(np.uint8) << np.uint8(kind)
            found.append((kind, there, digests))
        for kind, there, digests in found:
            records = [digests, (rows[there] - 1).astype(np.uint64)[:, None], persons[there][:, None]]
            parted = np.concatenate(records[: 2 if kind == self.kinds[0] else 3], axis=1)
            self.ids[kind].add(self.split.of(heads(digests)), parted)
            self._rows[kind].add_to(0, digests)
            self.valid[kind] += len(digests)
        if len(rows):
            new = np.zeros(int(rows[-1]) - len(self._bytes), np.uint8)
            new[rows - 1 - len(self._bytes)] = present
            self._bytes += new.data

    def stranger(self, rows: Index, kind: int, persons: Words) -> None:
        """Note ids of rows that belong to somebody else than the row: to the person of an earlier row."""
        if not len(rows):
            return
        if self._strangers is None:
            self._strangers = self._scratch.partitions(3, len(self._bytes) // BLOCK + 1)
        kinds = np.full(len(rows), kind, np.uint64)
        self._strangers.add(rows // BLOCK, np.stack([rows.astype(np.uint64), kinds, persons], axis=1))

    def duplicates(self) -> Iterator[tuple[Index, int]]:
        """Give the rows whose ids all belong to earlier rows, by the type of their first id."""
        bits = self.bits
        for start in range(0, len(bits), BLOCK * 16):
            block = bits[start : start + BLOCK * 16]
            rows = np.flatnonzero((block != 0) & (block >> OWNED == 0))
            for kind in self.kinds:
                chosen = rows[first_bit(block[rows]) == 1 << kind]
                if len(chosen):
                    yield chosen + start + 1, kind

    def positions(self, wanted: Flags) -> Iterator[Positions]:
        """Give rows with all their ids, in their order, some ten thousands at a time."""
        bits, done = self.bits, dict.fromkeys(self.kinds, 0)
        for start in range(0, len(bits), BLOCK):
            block, chosen = bits[start : start + BLOCK], wanted[start : start + BLOCK]
            any_chosen = chosen.any()
            digests, there = {}, {}
            for kind in self.kinds:
                has = (block >> np.uint8(kind)) & 1 != 0
                count = int(has.sum())
                if any_chosen:
                    dense = self._rows[kind].slice(done[kind], done[kind] + count)
                    digests[kind] = _spread(dense, has, chosen)
                    there[kind] = has[chosen]
                done[kind] += count
            if any_chosen:
                rows = np.flatnonzero(chosen) + start
                yield Positions(digests, there, self._persons(rows, digests, there), rows + 1)

    def _persons(self, rows: Index, digests: dict[int, Words], there: dict[int, Flags]) -> dict[int, Words]:
        own = np.zeros(len(rows), np.uint64)
        for kind in reversed(self.kinds):
            own = np.where(there[kind], heads(digests[kind]), own)
        persons = {kind: own.copy() for kind in self.kinds}
        if self._strangers is not None and len(rows):
            for records in self._strangers.chunks(int(rows[0]) // BLOCK):
                at = np.searchsorted(rows, records[:, 0].astype(np.int64))
                at = np.minimum(at, len(rows) - 1)
                asked = rows[at] == records[:, 0].astype(np.int64)
                for kind in self.kinds:
                    mine = asked & (records[:, 1] == kind)
                    persons[kind][at[mine]] = records[mine, 2]
        return persons


def first_bit(bits: Bits) -> Bits:
    """Give the bit of the first id type that a row has."""
    present = bits & np.uint8(15)
    return present & (~present + np.uint8(1))


def _there(column: pa.Array) -> Flags:
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _spread(dense: Words, there: Flags, chosen: Flags) -> Words:
    """Give the digests of the chosen rows, zeros where a row has none."""
    at = (np.cumsum(there) - 1)[chosen]
    has = there[chosen]
    spread = np.zeros((len(at), WORDS), np.uint64)
    spread[has] = dense[at[has]]
    return spread
