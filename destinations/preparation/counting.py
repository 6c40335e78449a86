"""People counted exactly: distinct persons, parted by their first bits so that memory does not grow with them."""

import numpy as np

from destinations.preparation.spills import Scratch, Split, Words


class Distinct:
    """Count distinct persons."""

    def __init__(self, scratch: Scratch, split: Split) -> None:
        self._split = split
        self._persons = scratch.partitions(1, split.parts)

    def add(self, persons: Words) -> None:
        """Take persons in any order."""
        self._persons.add(self._split.of(persons), persons[:, None])

    def add_near(self, part: int, own: Words, persons: Words) -> None:
        """Take the persons of ids of one partition, whose first words are `own`: most are in the same one."""
        near = own == persons
        if near.all():
            self._persons.add_to(part, persons[:, None])
            return
        self._persons.add_to(part, persons[near][:, None])
        self.add(persons[~near])

    def count(self) -> int:
        """Count them."""
        return sum(self._count(part) for part in range(self._split.parts))

    def close(self) -> None:
        """Give the disk space back."""
        self._persons.close()

    def _count(self, part: int) -> int:
        found = np.empty(0, np.uint64)
        for chunk in self._persons.chunks(part):
            persons = np.sort(np.concatenate([found, chunk[:, 0]]))
            found = persons[np.concatenate([[True], persons[1:] != persons[:-1]])]
        return len(found)
