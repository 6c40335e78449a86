"""Many digests at once: arrays of four 64-bit words, sorted and looked up by their first word.

SHA-256 makes first words as good as unique; where two digests share one all the same (people may give hashes of their
own), the whole digests decide.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from destinations.preparation.errors import PreparationError
from destinations.preparation.spills import Words

Index = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SIZE = 32
WORDS = 4


def digests_of(column: pa.Array) -> Words:
    """Read the digests of a binary column that are not NULL, without copying them."""
    if pa.types.is_fixed_size_binary(column.type):
        column = column.drop_null()
        data = column.buffers()[1]
        start = column.offset * SIZE
    else:
        offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
        data, start = column.buffers()[2], int(offsets[0]) if len(offsets) else 0
        if len(offsets) and int(offsets[-1]) - start != SIZE * (len(column) - column.null_count):
            raise PreparationError("A digest is not of 32 bytes.")
    count = len(column) - column.null_count
    if not count:
        return np.empty((0, WORDS), np.uint64)
    return np.frombuffer(data, np.uint8, count * SIZE, start).view(np.uint64).reshape(count, WORDS)


def digest_column(digests: Words, there: Flags | None = None) -> pa.Array:
    """Make a column of digests, NULL where `there` is false."""
    validity = None
    if there is not None and not there.all():
        validity = pa.py_buffer(np.packbits(there, bitorder="little"))
    data = pa.py_buffer(np.ascontiguousarray(digests))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(SIZE), len(digests), [validity, data])


def heads(digests: Words) -> Words:
    """Give the first eight bytes of each digest, as a number that sorts like the digest."""
    return np.ascontiguousarray(digests[:, 0]).view(">u8").astype(np.uint64)


def firsts(digests: Words) -> Index:
    """Give where each distinct digest stands first, in the order of the digests."""
    return grouped(digests)[0]


def grouped(digests: Words) -> tuple[Index, Index | None]:
    """Give where each distinct digest stands first, in their order, and for every digest which of them it is.

    The latter is None where all are distinct.
    """
    found = heads(digests)
    order = np.argsort(found)
    found = found[order]
    again = np.flatnonzero(found[1:] == found[:-1])
    if not len(again):
        return order, None
    if (digests[order[again]] != digests[order[again + 1]]).any():
        _, first, group = np.unique(_texts(digests), return_index=True, return_inverse=True)
        return first, group
    new = np.ones(len(found), np.bool_)
    new[again + 1] = False
    first = np.minimum.reduceat(order, np.flatnonzero(new))
    group = np.empty(len(found), np.int64)
    group[order] = np.cumsum(new) - 1
    return first, group


def find(sorted_digests: Words, wanted: Words) -> tuple[Index, Flags]:
    """Look digests up among sorted, distinct ones: where each is, and whether it is there at all."""
    if not len(sorted_digests):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    most = len(sorted_digests) - 1
    known, asked = heads(sorted_digests), heads(wanted)
    at = np.minimum(np.searchsorted(known, asked), most)
    same = (sorted_digests[at] == wanted).all(axis=1)
    if ((known[at] == asked) & ~same).any():
        at = np.minimum(np.searchsorted(_texts(sorted_digests), _texts(wanted)), most)
        same = (sorted_digests[at] == wanted).all(axis=1)
    return at, same


def _texts(digests: Words) -> npt.NDArray[np.bytes_]:
    return np.ascontiguousarray(digests).view(f"S{SIZE}").ravel()
