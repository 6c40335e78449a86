"""Records that wait in a temporary file until their partition's turn comes, so that memory does not grow with rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]

ENTRIES = 200_000
"""Ids per partition that are aimed at: some ten megabytes while they are sorted."""
MOST_BITS = 8
CHUNK = 1_000_000
"""Records that are held at once, also where one partition got most of them: many rows with the same e-mail, say."""


@dataclass(frozen=True)
class Split:
    """How digests are parted: by their first bits, which are as good as random."""

    bits: int

    @classmethod
    def for_entries(cls, entries: int) -> "Split":
        """Choose as many partitions as so many ids of one type need."""
        return cls(min(MOST_BITS, max(0, (entries // ENTRIES).bit_length())))

    @property
    def parts(self) -> int:
        """How many partitions there are."""
        return 1 << self.bits

    def of(self, heads: Words) -> npt.NDArray[np.uint8]:
        """Give the partitions of first words (digests' or persons', which are made of them)."""
        return (heads >> np.uint64(56)).astype(np.uint8) >> np.uint8(8 - self.bits) if self.bits else _none(heads)


def _none(heads: Words) -> npt.NDArray[np.uint8]:
    return np.zeros(len(heads), np.uint8)


class Scratch:
    """A folder for temporary files; whoever leaves it gives back all their space."""

    def __init__(self, parent: Path | None = None) -> None:
        self._folder = TemporaryDirectory(dir=parent)
        self._open: list[Partitions] = []
        self.path = Path(self._folder.name)

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *error: object) -> None:
        for partitions in self._open:
            partitions.close()
        self._folder.cleanup()

    def partitions(self, words: int, parts: int) -> "Partitions":
        """Open a new file of records."""
        self._open.append(Partitions(self.path / str(len(self._open)), words, parts))
        return self._open[-1]


class Partitions:
    """Records of some 64-bit words in one file, given back partition by partition, each in the order it came."""

    def __init__(self, path: Path, words: int, parts: int) -> None:
        self._file = path.open("w+b", buffering=0)
        path.unlink()
        self._words, self._parts, self._end = words, parts, 0
        self._edges: list[Numbers] = []
        self._whole: dict[int, list[tuple[int, int]]] = {}

    def add(self, parts: npt.NDArray[np.integer], records: Words) -> None:
        """Keep records, each for its partition."""
        if not len(records):
            return
        order = np.argsort(parts, kind="stable")
        edges = np.zeros(self._parts + 1, np.int64)
        np.cumsum(np.bincount(parts, minlength=self._parts), out=edges[1:])
        self._edges.append(edges + self._end)
        self._write(records[order])

    def add_to(self, part: int, records: Words) -> None:
        """Keep records that are all of one partition."""
        if len(records):
            self._whole.setdefault(part, []).append((self._end, self._end + len(records)))
            self._write(np.ascontiguousarray(records))

    def chunks(self, part: int, most: int = CHUNK) -> Iterator[Words]:
        """Give a partition's records, in pieces of at most about `most`; nothing where it has none."""
        runs = [(int(edges[part]), int(edges[part + 1])) for edges in self._edges]
        waiting: list[tuple[int, int]] = []
        size = 0
        for start, end in [*runs, *self._whole.get(part, [])]:
            for first in range(start, end, most):
                last = min(first + most, end)
                if size and size + last - first > most:
                    yield self._read(waiting, size)
                    waiting, size = [], 0
                waiting.append((first, last))
                size += last - first
        if size:
            yield self._read(waiting, size)

    def slice(self, start: int, end: int) -> Words:
        """Give records by the order in which they came."""
        return self._read([(start, end)], end - start)

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    def _write(self, records: Words) -> None:
        view = records.data.cast("B")
        self._file.seek(self._end * self._words * 8)
        while view:
            view = view[self._file.write(view) :]
        self._end += len(records)

    def _read(self, runs: list[tuple[int, int]], size: int) -> Words:
        records = np.empty((size, self._words), np.uint64)
        if not size:
            return records
        view, at = records.data.cast("B"), 0
        for start, end in runs:
            self._file.seek(start * self._words * 8)
            stop = at + (end - start) * self._words * 8
            while at < stop:
                at += self._file.readinto(view[at:stop])
        return records
