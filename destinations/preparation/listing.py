"""Requests of file audiences: CSV parts to upload, and what is to be done with them (TikTok doc 1747012327159809)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import duckdb
import numpy as np
import orjson
import pyarrow as pa

from destinations.preparation.audience_sql import AAID, file_header, file_lines
from destinations.preparation.contract import ADD, APPLY, DELETE, ID_TYPES, REPLACE, UPLOAD, Piece, Prepared
from destinations.preparation.errors import PreparationError
from destinations.preparation.mapping import NO_ROWS
from destinations.preparation.people import Positions
from destinations.preparation.placing import placed, texts

PART_BYTES = 40_000_000  # TikTok takes 50 MB, less what nobody wrote down
VERBS = {ADD: "APPEND", DELETE: "REMOVE", REPLACE: "REPLACE"}


def calculate_type(kinds: Sequence[int]) -> str:
    """Say what files of these id types are called at TikTok."""
    if len(kinds) > 1:
        return "MULTIPLE_TYPES"
    return "GAID_SHA256" if kinds[0] == AAID else f"{ID_TYPES[kinds[0]]}_SHA256"


class FileRequests:
    """Make uploads of positions, and the request that applies them.

    Positions are read twice: what is where names the applying request, whose number comes after those of its parts.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, part_bytes: int, number: int) -> None:
        self._con, self._most, self.number = con, part_bytes, number

    def make(self, positions: Callable[[], Iterable[Positions]], kinds: Sequence[int], of: Prepared) -> Iterator[Piece]:
        """Make the uploads (in the phase of `of`) and the applying request (in the next one)."""
        first = self.number + 1
        for body in self._parts(positions(), kinds):
            self.number += 1
            yield replace(of, number=self.number, body=body, events=0, kind=UPLOAD, action="")
        if self.number < first:
            return
        uploads = list(range(first, self.number + 1))
        self.number += 1
        done = 0
        for some in positions():
            ordinals = np.arange(done, done + some.count)
            yield placed(some, np.full(some.count, self.number), ordinals)
            done += some.count
        wanted = {"action": VERBS[of.action], "calculate_type": calculate_type(kinds), "uploads": uploads}
        yield replace(
            of, number=self.number, body=orjson.dumps(wanted), events=done, rows=NO_ROWS, kind=APPLY, phase=of.phase + 1
        )

    def _parts(self, positions: Iterable[Positions], kinds: Sequence[int]) -> Iterator[bytes]:
        """Cut the lines of all positions into files; each begins with the header, where there is one."""
        header, sql = file_header(kinds).encode(), file_lines(kinds)
        held: list[memoryview] = []
        size = len(header)
        for some in positions:
            for piece in self._pieces(texts(self._con, some, kinds, sql), len(header)):
                if size + len(piece) > self._most and held:
                    yield b"".join([header, *held])
                    held, size = [], len(header)
                held.append(piece)
                size += len(piece)
        if held:
            yield b"".join([header, *held])

    def _pieces(self, column: pa.StringArray, header: int) -> Iterator[memoryview]:
        """Cut a column of texts into pieces of whole lines that fit into a part several times."""
        offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
        data, start, room = memoryview(column.buffers()[2] or b""), 0, self._most - header
        step = max(1, room // 16)
        while start < len(column):
            end = max(start + 1, int(np.searchsorted(offsets, offsets[start] + step, side="right")) - 1)
            if offsets[end] - offsets[start] > room:
                raise PreparationError("The ids of one person do not fit into a file.")
            yield data[offsets[start] : offsets[end]]
            start = end
