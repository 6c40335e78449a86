"""Compare the ids of the query's rows with what each audience's state holds, in one pass over both.

Ids are taken type by type and partition by partition, the same of both sides, so that only a small part of either is in
memory. What is found goes to a byte per row, and to partitions of what only the state has.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from destinations.preparation.contract import ID_TYPES, PLACED_IDS_SCHEMA, RELINK, Placed, Target
from destinations.preparation.counting import Distinct
from destinations.preparation.digests import WORDS, Flags, Index, digest_column, find, firsts, grouped, heads
from destinations.preparation.people import OWNED, Bits, People, first_bit
from destinations.preparation.spills import Scratch, Words
from destinations.preparation.told import StateReader, Told

WANTED = 16
"""Bit of a target's byte per row: it has an id that the target needs and no row before it has. The low four bits say
which of its ids bring nobody new: the state holds them, or they are to be removed."""

MIRROR, ADD_ONLY, REMOVE, REPLACE = "mirror", "add", "remove", "replace"
MODES = (MIRROR, ADD_ONLY, REMOVE, REPLACE)
CHANGES = "changes"
"""The mode of changes that were posted one by one: each row says whether its person is added or removed."""


@dataclass(frozen=True)
class Owners:
    """Distinct ids of one type and partition, in the order of their digests: first row (from 0) and its person.

    `chunks` has the records that they were found in and for each record which id it is, where one id occurs twice;
    None stands for records that are too many to be held.
    """

    digests: Words
    rows: Index
    persons: Words
    chunks: list[tuple[Words, Index]] | None


@dataclass(frozen=True)
class Compared:
    """What a state holds of one type and partition, and of distinct ids: where each would be, whether it stays there.

    `met` are ids that bring nobody new: those the state holds, and those that are to be removed.
    """

    told: Told
    at: Index
    stays: Flags
    met: Flags


class Side:
    """One target: its state, and what comes out of the comparison with it.

    `removing` says of each row (from 0) whether it removes; where it is not given, the mode says it of all.
    """

    def __init__(
        self, target: Target, mode: str, reader: StateReader, rows: int, scratch: Scratch, removing: Flags | None = None
    ) -> None:
        self.target, self.mode, self.reader = target, mode, reader
        self.bits: Bits = np.zeros(rows, np.uint8)
        self.removing = np.full(rows, mode == REMOVE) if removing is None else removing
        split = reader.split
        # Person, type, digest of what only the state has.
        self.left = scratch.partitions(WORDS + 2, split.parts)
        self.left_kinds: set[int] = set()
        self.state_kinds: set[int] = set()
        self.ids_added = self.ids_removed = 0
        self._split = split
        self._kept, self._seen = Distinct(scratch, split), Distinct(scratch, split)
        self._before = Distinct(scratch, split) if reader.people is None else None

    def compare(self, kind: int, part: int, owners: Owners) -> Compared:
        """Compare distinct ids with those that the state holds."""
        told = self.reader.take(kind, part)
        at, known = find(told.digests, owners.digests)
        removed = self.removing[owners.rows]
        needed = ~known if not self.target.anew else np.ones(len(known), np.bool_)
        if told.count:
            needed |= ~told.sure[np.minimum(at, told.count - 1)]
            self._state_only(kind, part, told, at[known], at[known & removed])
        self.bits[owners.rows[needed]] |= WANTED
        first = owners.persons == heads(owners.digests)
        met = known | removed
        self._seen.add_near(part, heads(owners.digests)[met & first], owners.persons[met & first])
        self.ids_added += int(np.count_nonzero(~met))
        return Compared(told, at, known & ~removed, met)

    def _state_only(self, kind: int, part: int, told: Told, matched: Index, removed: Index) -> None:
        """Part the state's ids from those that rows have too, and count whose stay."""
        self.state_kinds.add(kind)
        alone = np.ones(told.count, np.bool_)
        alone[matched] = False
        stays = np.ones(told.count, np.bool_)
        stays[removed] = False
        if self.mode in (MIRROR, REPLACE):
            stays = ~alone
        own = heads(told.digests)
        self._kept.add_near(part, own[stays], told.persons[stays])
        if self._before is not None:
            self._before.add_near(part, own, told.persons)
        self.ids_removed += int(np.count_nonzero(~stays))
        if alone.any() and self._uses_left:
            self.left_kinds.add(kind)
            persons = told.persons[alone]
            kinds = np.full(len(persons), kind, np.uint64)
            records = np.concatenate([persons[:, None], kinds[:, None], told.digests[alone]], axis=1)
            self.left.add(self._split.of(persons), records)

    @property
    def wanted(self) -> Flags:
        """Which rows have an id that the target needs."""
        flags: Flags = self.bits & np.uint8(WANTED) != 0
        return flags

    @property
    def _uses_left(self) -> bool:
        """Whether what only the state has is sent: to be removed, or to an audience that is filled anew."""
        return self.mode == MIRROR if not self.target.anew else self.mode in (ADD_ONLY, REMOVE, CHANGES)

    def counts(self, people: People, total: int) -> dict[str, int]:
        """Count people before, added, removed, unchanged and after, and ids."""
        for persons in persons_of(people, self._seen_late(people)):
            self._seen.add(persons)
        before = self.reader.people if self._before is None else self._before.count()
        before = before or 0
        removed = before - self._kept.count()
        added = total - self._seen.count()
        changed = self.mode in (ADD_ONLY, REMOVE, CHANGES)
        return {
            "before": before,
            "added": added,
            "removed": removed,
            "unchanged": before - removed if self.mode in (REMOVE, CHANGES) else total - added,
            "after": before + added - removed if changed else total,
            "ids_added": self.ids_added,
            "ids_removed": self.ids_removed,
        }

    def _seen_late(self, people: People) -> Flags:
        """Find owner rows that were met by another id than an own first one: those were counted already."""
        bits = people.bits
        known = self.bits & np.uint8(15)
        at_once = first_bit(bits) & (bits >> np.uint8(OWNED)) & known
        flags: Flags = (bits >> np.uint8(OWNED) != 0) & (known != 0) & (at_once == 0)
        return flags

    def close(self) -> None:
        """Give disk space back."""
        for part in (self.left, self._kept, self._seen, self._before):
            if part is not None:
                part.close()


@dataclass
class Match:
    """The comparison of rows with all targets."""

    people: People
    sides: list[Side]
    scratch: Scratch
    total: int = 0
    _heads: Distinct = field(init=False)

    def __post_init__(self) -> None:
        self._heads = Distinct(self.scratch, self.people.split)

    def run(self) -> Iterator[Placed | None]:
        """Compare everything; yield ids that change their person, and None as a sign of life."""
        for kind in range(len(ID_TYPES)):
            for part in range(self.people.split.parts):
                yield from self._part(kind, part)
                if part % 16 == 0:
                    yield None
        for persons in persons_of(self.people, self._late()):
            self._heads.add(persons)
        self.total = self._heads.count()
        self._heads.close()

    def _part(self, kind: int, part: int) -> Iterator[Placed]:
        owners = self._owners(kind, part)
        found = [side.compare(kind, part, owners) for side in self.sides]
        first = owners.persons == heads(owners.digests)
        self._heads.add_near(part, owners.persons[first], owners.persons[first])
        self._mark(kind, part, owners, [compared.met for compared in found])
        for side, now in zip(self.sides, found, strict=True):
            if side.mode in (MIRROR, ADD_ONLY, CHANGES) and not side.target.anew and now.stays.any():
                moved = now.stays & (now.told.persons[np.minimum(now.at, now.told.count - 1)] != owners.persons)
                if moved.any():
                    yield relinked(kind, owners.digests[moved], owners.persons[moved])

    def _owners(self, kind: int, part: int) -> Owners:
        """Find the first row of each id."""
        owners = Owners(np.empty((0, WORDS), np.uint64), np.empty(0, np.int64), np.empty(0, np.uint64), [])
        chunks = self.people.ids[kind].chunks(part) if kind in self.people.kinds else iter(())
        for number, chunk in enumerate(chunks):
            if number == 0:
                first, group = grouped(chunk[:, :WORDS])
                held = [] if group is None else [(chunk, group)]
                owners = Owners(
                    chunk[first, :WORDS], chunk[first, WORDS].astype(np.int64), _persons(chunk)[first], held
                )
                continue
            digests = np.concatenate([owners.digests, chunk[:, :WORDS]])
            rows = np.concatenate([owners.rows, chunk[:, WORDS].astype(np.int64)])
            persons = np.concatenate([owners.persons, _persons(chunk)])
            first = firsts(digests)
            owners = Owners(digests[first], rows[first], persons[first], None)
        return owners

    def _mark(self, kind: int, part: int, owners: Owners, met: list[Flags]) -> None:
        """Note on each row which of its ids it owns and which bring each target nobody new."""
        bits = self.people.bits
        bit = np.uint8(1 << kind)
        bits[owners.rows] |= bit << np.uint8(OWNED)
        for side, flags in zip(self.sides, met, strict=True):
            side.bits[owners.rows[flags]] |= bit
        for chunk, at in self._again(kind, part, owners):
            rows = chunk[:, WORDS].astype(np.int64)
            others = np.flatnonzero(owners.rows[at] != rows)
            rows, at = rows[others], at[others]
            strange = owners.persons[at] != _persons(chunk)[others]
            self.people.stranger(rows[strange], kind, owners.persons[at][strange])
            for side, flags in zip(self.sides, met, strict=True):
                side.bits[rows[flags[at]]] |= bit

    def _again(self, kind: int, part: int, owners: Owners) -> Iterator[tuple[Words, Index]]:
        """Give the records of ids that occur more than once, among others, and for each which id it is."""
        if owners.chunks is not None:
            yield from owners.chunks
            return
        for chunk in self.people.ids[kind].chunks(part):
            yield chunk, find(owners.digests, chunk[:, :WORDS])[0]

    def _late(self) -> Flags:
        """Find owner rows whose first id is an earlier row's: their persons were not counted with the ids."""
        bits = self.people.bits
        owned = bits >> np.uint8(OWNED)
        flags: Flags = (owned != 0) & (first_bit(bits) & owned == 0)
        return flags


def persons_of(people: People, rows: Flags) -> Iterator[Words]:
    """Give the persons of rows: the first bytes of each row's first id."""
    if not rows.any():
        return
    for positions in people.positions(rows):
        own = np.zeros(positions.count, np.uint64)
        for kind in reversed(people.kinds):
            own = np.where(positions.there[kind], heads(positions.digests[kind]), own)
        yield own


def relinked(kind: int, digests: Words, persons: Words) -> Placed:
    """Say that ids which a state holds belong to other persons now."""
    size = len(persons)
    columns = [
        pa.array(np.full(size, RELINK, np.int32)),
        pa.array(np.zeros(size, np.int32)),
        pa.array(np.full(size, kind, np.uint8)),
        digest_column(digests),
        pa.array(persons),
    ]
    return Placed(None, pa.Table.from_arrays(columns, schema=PLACED_IDS_SCHEMA))


def _persons(records: Words) -> Words:
    """Read the persons of parted ids; those of the first type are made of the id itself."""
    return records[:, WORDS + 1] if records.shape[1] > WORDS + 1 else heads(records)
