"""Request bodies: cut from columns of JSON texts by their offsets, and taken apart again for bisection."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from destinations.preparation.contract import REJECT, Issues, Limits, Prepared, Settings
from destinations.preparation.issues import issues_table

SUFFIX = b"]}"
TIME = re.compile(rb'"event_time":([0-9]+)')
Ints = npt.NDArray[np.int64]


def opening(settings: Settings) -> bytes:
    """Write the beginning of a body up to its first event. The test code stands at the top level only."""
    top = {"event_source": settings["event_source"], "event_source_id": settings["event_source_id"]}
    if settings.get("test_event_code"):
        top["test_event_code"] = settings["test_event_code"]
    return orjson.dumps(top)[:-1] + b',"data":['


@dataclass
class Cutter:
    """Collect events until a body is full, in the order they come.

    Events arrive as a column of JSON texts that each end with a comma; no Python object is made per event.
    """

    prefix: bytes
    limits: Limits
    number: int = 0
    _pieces: list[memoryview] = field(default_factory=list)
    _rows: list[tuple[Ints, Ints]] = field(default_factory=list)
    _events: int = 0
    _bytes: int = 0

    def add(self, texts: pa.StringArray, event_of_row: Ints, rows: Ints) -> Iterator[Prepared | Issues]:
        """Take a column without NULLs; `event_of_row` (ascending) says for each row which text it is part of."""
        offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(
            np.int64
        )
        data = memoryview(texts.buffers()[2] or b"")
        start = 0
        while start < len(texts):
            end = self._fitting(offsets, start)
            first, last = np.searchsorted(event_of_row, [start, max(end, start + 1)])
            if end > start:
                self._pieces.append(data[offsets[start] : offsets[end]])
                self._rows.append((event_of_row[first:last] - start + self._events, rows[first:last]))
                self._bytes += int(offsets[end] - offsets[start])
                self._events += end - start
                start = end
            elif self._events == 0:
                yield Issues(issues_table(rows[first:last], "event_id", "event_too_large", None, REJECT))
                start += 1
            if self._events == self.limits.rows_per_request or (end < len(texts) and self._events and end == start):
                yield from self.flush()

    def _fitting(self, offsets: Ints, start: int) -> int:
        """Give the end of the events from `start` that still fit into the open body."""
        # The last event's comma is not sent.
        others = len(self.prefix) + len(SUFFIX) + self._bytes - 1
        room = self.limits.bytes_per_request - others
        by_bytes = int(np.searchsorted(offsets, offsets[start] + room, side="right")) - 1
        if not self._events and offsets[start + 1] - offsets[start] + others <= self.limits.bytes_per_event:
            by_bytes = max(by_bytes, start + 1)
        by_rows = start + self.limits.rows_per_request - self._events
        return max(start, min(by_bytes, by_rows, len(offsets) - 1))

    def flush(self) -> Iterator[Prepared]:
        """Give what is collected, if anything."""
        if not self._events:
            return
        self._pieces[-1] = self._pieces[-1][:-1]
        body = b"".join([self.prefix, *self._pieces, SUFFIX])
        positions = np.concatenate([positions for positions, _ in self._rows]).astype(np.int32)
        rows = np.concatenate([rows for _, rows in self._rows])
        table = pa.table({"position": pa.array(positions), "row": pa.array(rows)})
        self.number += 1
        yield Prepared(self.number, body, self._events, table)
        self._pieces, self._rows, self._events, self._bytes = [], [], 0, 0


def body_events(body: bytes) -> int:
    """Count the events in a body."""
    return len(orjson.loads(body)["data"])


def body_times(body: bytes) -> Ints:
    """Return when each of a body's events happened, in epoch seconds.

    Found without reading the JSON: inside a text, the quotes around a key would have backslashes before them.
    """
    return np.array([int(text) for text in TIME.findall(body)], np.int64)


def body_slice(body: bytes, positions: Sequence[int]) -> bytes:
    """Make a body of some of a body's events, byte for byte as they were, for bisection."""
    return list_slice(body, "data", positions)


def list_slice(body: bytes, key: str, positions: Sequence[int]) -> bytes:
    """Make a body in which a list has only some of its items, byte for byte as they were."""
    before, items, after = list_parts(body, key)
    return (before + ",".join(items[chosen] for chosen in positions) + after).encode()


def list_parts(body: bytes, key: str) -> tuple[str, list[str], str]:
    """Cut a body into what stands before the items of a list, the items as they are written, and what follows."""
    text = body.decode()
    start = text.index(f'"{key}":[') + len(f'"{key}":[')
    items, position, scan = [], start, json.JSONDecoder(parse_float=str, parse_int=str).raw_decode
    while text[position] != "]":
        position += text[position] == ","
        _, end = scan(text, position)
        items.append(text[position:end])
        position = end
    return text[:start], items, text[position:]
