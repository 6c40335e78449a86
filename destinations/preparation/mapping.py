"""Requests of streaming audiences (`/segment/mapping/`, TikTok doc 1739940583739393): templates until they are sent.

An audience may not exist yet when a run is prepared, so bodies are made with placeholders of the usual length of ids.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import duckdb
import numpy as np

from destinations.preparation.audience_sql import person_json
from destinations.preparation.bodies import Cutter, list_slice
from destinations.preparation.contract import (
    ID_TYPES,
    ROWS_SCHEMA,
    Limits,
    Piece,
    Prepared,
)
from destinations.preparation.errors import PreparationError
from destinations.preparation.people import Positions
from destinations.preparation.placing import placed, texts

ADVERTISER, AUDIENCE = "{{ advertiser id }}", "{{  audience id  }}"
"""Placeholders of 19 characters, as long as the ids that replace them."""
NO_ROWS = ROWS_SCHEMA.empty_table()


def opening(action: str, kinds: Sequence[int]) -> bytes:
    """Write the beginning of a body, up to its first position."""
    schema = ",".join(f'"{ID_TYPES[kind]}_SHA256"' for kind in kinds)
    return f'{{"advertiser_ids":["{ADVERTISER}"],"action":"{action}","id_schema":[{schema}],"batch_data":['.encode()


def body_addressed(body: bytes, *, advertiser_id: str, audience_id: str) -> bytes:
    """Put the ids of the ad account and of the audience into a body."""
    return body.replace(ADVERTISER.encode(), advertiser_id.encode()).replace(AUDIENCE.encode(), audience_id.encode())


def body_slice(body: bytes, positions: Sequence[int]) -> bytes:
    """Make a body of some of a body's positions, byte for byte as they were, for bisection."""
    return list_slice(body, "batch_data", positions)


class MappingRequests:
    """Cut positions into bodies of `/segment/mapping/`, of at most so many people and bytes."""

    def __init__(self, con: duckdb.DuckDBPyConnection, limits: Limits, number: int) -> None:
        self._con, self._limits, self.number = con, limits, number

    def make(self, positions: Iterable[Positions], kinds: Sequence[int], of: Prepared) -> Iterator[Piece]:
        """Make the requests of a phase; `of` is what they have in common."""
        cutter = Cutter(opening(of.action, kinds), self._limits, self.number)
        sql, done, opened = person_json(kinds, AUDIENCE), 0, 0
        for some in positions:
            starts = [opened]
            number = cutter.number + 1
            ordinals = np.arange(done, done + some.count)
            for piece in cutter.add(texts(self._con, some, kinds, sql), np.arange(some.count), ordinals):
                starts.append(starts[-1] + _events(piece))
                yield self._finished(piece, of)
            at = np.searchsorted(starts, ordinals, side="right") - 1
            yield placed(some, at + number, ordinals - np.array(starts)[at])
            done, opened = done + some.count, starts[-1]
        for piece in cutter.flush():
            yield self._finished(piece, of)
        self.number = cutter.number

    def _finished(self, piece: Piece, of: Prepared) -> Prepared:
        if not isinstance(piece, Prepared):
            raise PreparationError("The ids of one person do not fit into a request.")
        return replace(of, number=piece.number, body=piece.body, events=piece.events, rows=NO_ROWS)


def _events(piece: Piece) -> int:
    return piece.events if isinstance(piece, Prepared) else 0
