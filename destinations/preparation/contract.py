"""The words between preparation and its callers: what goes in, and the three things that come out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from destinations.preparation.fields import Field

REJECT, WARNING, DUPLICATE = "reject", "warning", "duplicate"

ISSUES_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("field", pa.string()),
        ("reason", pa.string()),
        ("value", pa.string()),
        ("level", pa.string()),
    ]
)
ROWS_SCHEMA = pa.schema([("position", pa.int32()), ("row", pa.int64())])

Settings = Mapping[str, object]


@dataclass(frozen=True)
class Limits:
    """What one request to the receiver may hold."""

    rows_per_request: int
    bytes_per_request: int


@dataclass(frozen=True)
class Context:
    """What preparation must know besides rows and settings.

    `now` is the start of the run in epoch seconds: ages are measured from it, so that a repeated run gives the same
    bytes. `time_zone` (IANA) places naive timestamps, `default_country` (ISO 3166 alpha-2) phones without a `+`.
    """

    now: int
    time_zone: str
    default_country: str | None
    limits: Limits


class Declaration(Protocol):
    """The part of a destination's spec that preparation reads."""

    @property
    def fields(self) -> tuple[Field, ...]: ...


@dataclass(frozen=True)
class Prepared:
    """One complete request body.

    `rows` says which rows are in it: position (int32, index into `data`) and row (int64, 1-based in the query's
    result); several rows may share a position.
    """

    number: int
    body: bytes
    events: int
    rows: pa.Table


@dataclass(frozen=True)
class Issues:
    """Rows that are not sent as they were: row, field, reason, masked value, level (reject, warning, duplicate)."""

    table: pa.Table


@dataclass(frozen=True)
class Progress:
    """How many rows have been read so far."""

    rows: int


Piece = Prepared | Issues | Progress
