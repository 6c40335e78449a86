"""Hold who is in an audience: exact sets of ids per id type, and how many people they belong to.

Ids given for one person in one row are linked, so that people are counted and not ids; a link lasts as long as its ids
are held. Memory: an id takes its bytes (32 for SHA-256) plus 4 for the number of its person, in bytearrays by the first
two bytes of the id, a person takes 8. Ten million people with one SHA-256 each take some 0.55 GB, with two 1 GB; as
Python sets and dicts it would be four times as much.
"""

import hashlib
from array import array
from collections.abc import Iterable
from uuid import UUID

PERSON_BYTES = 4
RAW_MAID = "MAID"
"""The one id type that is not a digest but a device id as it is, held as the 16 bytes of its UUID."""

Row = list[tuple[str, bytes]]


class IdSet:
    """The ids of one type, all of the same width, each with the number of its person."""

    def __init__(self, width: int) -> None:
        """Start empty; `width` is the number of bytes of an id."""
        self.width = width
        self.count = 0
        self._stride = width + PERSON_BYTES
        self._buckets: dict[bytes, bytearray] = {}

    def person(self, digest: bytes) -> int | None:
        """Give the number of the person an id belongs to, or None when the id is not held."""
        bucket = self._buckets.get(digest[:2])
        place = -1 if bucket is None else self._place(bucket, digest)
        if bucket is None or place < 0:
            return None
        return int.from_bytes(bucket[place + self.width : place + self._stride], "little")

    def insert(self, digest: bytes, person: int) -> None:
        """Hold an id that is not held yet."""
        bucket = self._buckets.get(digest[:2])
        if bucket is None:
            bucket = self._buckets[digest[:2]] = bytearray()
        bucket += digest + person.to_bytes(PERSON_BYTES, "little")
        self.count += 1

    def remove(self, digest: bytes) -> int | None:
        """Let go of an id; give the number of its person, or None when the id was not held."""
        bucket = self._buckets.get(digest[:2])
        place = -1 if bucket is None else self._place(bucket, digest)
        if bucket is None or place < 0:
            return None
        person = int.from_bytes(bucket[place + self.width : place + self._stride], "little")
        bucket[place : place + self._stride] = bucket[-self._stride :]
        del bucket[-self._stride :]
        self.count -= 1
        return person

    def prefixes(self) -> list[bytes]:
        """List the beginnings by which the ids can be had, in ascending order."""
        return sorted(self._buckets)

    def piece(self, prefix: bytes) -> list[bytes]:
        """Give the ids with one beginning, in ascending order; of ten million some hundred and fifty."""
        bucket = bytes(self._buckets[prefix])
        return sorted(bucket[start : start + self.width] for start in range(0, len(bucket), self._stride))

    def fingerprint(self) -> str:
        """Give the SHA-256 of all ids, sorted and joined: the same for the same set."""
        total = hashlib.sha256()
        for prefix in self.prefixes():
            total.update(b"".join(self.piece(prefix)))
        return total.hexdigest()

    def copy(self) -> "IdSet":
        """Give an independent copy."""
        made = IdSet(self.width)
        made.count = self.count
        made._buckets = {prefix: bytearray(bucket) for prefix, bucket in self._buckets.items()}
        return made

    def _place(self, bucket: bytearray, digest: bytes) -> int:
        """Find where an id stands; bytes that match across two entries are no hit."""
        place = bucket.find(digest)
        while place >= 0 and place % self._stride:
            place = bucket.find(digest, place + 1)
        return place


class Members:
    """The members of one audience. Not thread-safe: the caller holds the state's lock."""

    def __init__(self) -> None:
        """Start empty."""
        self.ids: dict[str, IdSet] = {}
        self.people = 0
        self._held = array("I")  # per person number: how many of the ids are held
        self._parent = array("I")  # per person number: itself, or the one it turned out to be the same as

    def add(self, rows: Iterable[Row]) -> None:
        """Link and hold the ids of each row; those already held change nothing."""
        for row in rows:
            self._add_row(row)

    def remove(self, rows: Iterable[Row]) -> None:
        """Let go of each id; those not held change nothing."""
        for row in rows:
            for kind, digest in row:
                ids = self.ids.get(kind)
                person = None if ids is None else ids.remove(digest)
                if person is not None:
                    person = self._root(person)
                    self._held[person] -= 1
                    self.people -= not self._held[person]

    def copy(self) -> "Members":
        """Give an independent copy."""
        made = Members()
        made.ids = {kind: ids.copy() for kind, ids in self.ids.items()}
        made.people = self.people
        made._held, made._parent = self._held[:], self._parent[:]
        return made

    def counts(self) -> dict[str, int]:
        """Count the ids held, per id type."""
        return {kind: ids.count for kind, ids in sorted(self.ids.items()) if ids.count}

    def _add_row(self, row: Row) -> None:
        person = -1
        fresh = []
        for kind, digest in row:
            ids = self.ids.get(kind)
            if ids is None:
                ids = self.ids[kind] = IdSet(len(digest))
            found = ids.person(digest)
            if found is None:
                fresh.append((ids, digest))
            else:
                person = self._same(person, self._root(found))
        if not fresh:
            return
        if person < 0:
            person = self._new_person()
        for ids, digest in fresh:
            ids.insert(digest, person)
        self._held[person] += len(fresh)

    def _new_person(self) -> int:
        self._parent.append(len(self._parent))
        self._held.append(0)
        self.people += 1
        return len(self._parent) - 1

    def _same(self, person: int, other: int) -> int:
        """Learn that two numbers are one person; give the number that stays."""
        if person in (-1, other):
            return other
        self._parent[other] = person
        self._held[person] += self._held[other]
        self._held[other] = 0
        self.people -= 1
        return person

    def _root(self, person: int) -> int:
        parent = self._parent
        while parent[person] != person:
            parent[person] = parent[parent[person]]
            person = parent[person]
        return person


def member_text(kind: str, digest: bytes) -> str:
    """Write an id as it is sent: lower-case hex, or a device id with its dashes."""
    return str(UUID(bytes=digest)) if kind == RAW_MAID else digest.hex()
