"""The words between preparation and its callers: what goes in, and the pieces that come out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
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
PLACED_ROWS_SCHEMA = pa.schema([("batch", pa.int32()), *ROWS_SCHEMA])
PLACED_IDS_SCHEMA = pa.schema(
    [
        ("batch", pa.int32()),
        ("position", pa.int32()),
        ("kind", pa.uint8()),
        ("digest", pa.binary(32)),
        ("person", pa.uint64()),
    ]
)

ID_TYPES = ("EMAIL", "PHONE", "IDFA", "AAID")
"""Types of ids in an audience; the index is the `kind` in tables of ids and in states."""

TRACK, MAPPING, UPLOAD, APPLY = "track", "mapping", "upload", "apply"
ADD, DELETE, REPLACE = "add", "delete", "replace"
TOLD, UNCERTAIN, UNTOLD = "told", "uncertain", "untold"
"""What became of a request, or of a position in it: TikTok took it, it may have, it did not."""

RELINK = 0
"""Batch number of ids that no request carries: an id that is present belongs to this person from now on."""

Settings = Mapping[str, object]


@dataclass(frozen=True)
class Limits:
    """What one request to the receiver may hold.

    An event that is larger goes by itself, as long as the request does not get larger than `bytes_per_event`.
    """

    rows_per_request: int
    bytes_per_request: int
    bytes_per_event: int = 0


@dataclass(frozen=True)
class Target:
    """One audience that a run keeps: its number within the run, and the local path of its state.

    `state` is a Parquet file of what TikTok was told (see `state`), None where it was told nothing yet. `anew` says
    that TikTok does not have the audience any more: the state tells who was in it, and all who stay are sent again.
    """

    number: int
    state: Path | None
    anew: bool = False


@dataclass(frozen=True)
class Context:
    """What preparation must know besides rows and settings.

    `now` is the start of the run in epoch seconds: ages are measured from it, so that a repeated run gives the same
    bytes. `time_zone` (IANA) places naive timestamps, `default_country` (ISO 3166 alpha-2) phones without a `+`.
    `among` is the relation of all rows of the query where only some of them are prepared: what tells equal rows without
    an id apart is counted there, so that a row gets the id that it has among the others.
    Audiences only: the `targets` to bring to the rows, by which sync `mode` (mirror, add, remove, replace), and `work`,
    a private folder for temporary files.
    """

    now: int
    time_zone: str
    default_country: str | None
    limits: Limits
    targets: tuple[Target, ...] = ()
    mode: str = "mirror"
    work: Path | None = None
    among: str = ""


class Declaration(Protocol):
    """The part of a destination's spec that preparation reads."""

    @property
    def fields(self) -> tuple[Field, ...]: ...


class Receiver(Protocol):
    """What takes finished events: a column of JSON texts that each end with a comma."""

    @property
    def limits(self) -> Limits: ...

    def add(
        self, texts: pa.StringArray, event_of_row: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], /
    ) -> "Iterator[Piece]":
        """Take events without NULLs; `event_of_row` (ascending) says for each row which text it is part of."""

    def flush(self) -> "Iterator[Piece]":
        """Give what is held back, if anything."""


@dataclass(frozen=True)
class Prepared:
    """One complete request body.

    `rows` says which rows are in it: position (int32, index into `data`) and row (int64, 1-based in the query's
    result); several rows may share a position. Audiences leave it empty and say it with `Placed`.

    `kind` is what the body is for: `track` (events), `mapping` (people of a streaming audience; a template, see
    `mapping.body_addressed`), `upload` (CSV part of a file audience, holds no events by itself) or `apply` (what to do
    with which uploads). The last two have an `action`: add, delete or replace. Requests of a `target` are sent phase by
    phase: none of phase n + 1 before all of phase n are finished.
    """

    number: int
    body: bytes
    events: int
    rows: pa.Table
    kind: str = TRACK
    phase: int = 0
    target: int = 0
    action: str = ""


@dataclass(frozen=True)
class Placed:
    """Which rows and which ids are in which batch; in any number of pieces, before or after the batch itself.

    `rows` are those that the batch brings to the audience: batch, position, row. `ids` are all that it adds or removes:
    batch, position, kind (index into `ID_TYPES`), digest (32 bytes) and person. Ids of batch `RELINK` are in no
    request.
    """

    rows: pa.Table | None
    ids: pa.Table | None


@dataclass(frozen=True)
class Tally:
    """Counts of a run.

    Of the rows (`target` None): rows_in_people (valid rows that own an id), people, valid_email, valid_phone,
    valid_idfa, valid_aaid (rows with a valid id of the type). Of a target: before, added, removed, unchanged, after (in
    people), ids_added, ids_removed.
    """

    counts: Mapping[str, int]
    target: int | None


@dataclass(frozen=True)
class Issues:
    """Rows that are not sent as they were: row, field, reason, masked value, level (reject, warning, duplicate)."""

    table: pa.Table


@dataclass(frozen=True)
class Progress:
    """How many rows have been read so far."""

    rows: int


Piece = Prepared | Placed | Tally | Issues | Progress
