"""What the tests of audiences share: prepare rows for targets, and read states."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from destinations.preparation.audiences import prepare
from destinations.preparation.contract import (
    PLACED_IDS_SCHEMA,
    PLACED_ROWS_SCHEMA,
    Context,
    Issues,
    Limits,
    Piece,
    Placed,
    Prepared,
    Tally,
    Target,
)
from destinations.preparation.fields import Field, Kind, Required
from destinations.preparation.state import StateCounts, fold
from tests.destinations.preparation.helpers import NOW, Issue, described, table_of

Id = tuple[int, bytes]
State = dict[Id, tuple[int, bool]]
"""Ids (type, digest) to person and whether TikTok is sure to hold them."""

LIMITS = Limits(rows_per_request=10_000, bytes_per_request=1_000_000)
OUTCOMES = pa.schema([("batch", pa.int32()), ("action", pa.string()), ("outcome", pa.string())])
EXCEPTIONS = pa.schema([("batch", pa.int32()), ("position", pa.int32()), ("outcome", pa.string())])
STATE = pa.schema([("kind", pa.uint8()), ("digest", pa.binary()), ("person", pa.uint64()), ("sure", pa.bool_())])


@dataclass(frozen=True)
class Declared:
    """A declaration of an audience's columns."""

    fields: tuple[Field, ...] = (
        Field("email", None, Kind.EMAIL, "E-mail", sources=("EMAIL",), required=Required.ONE_OF, pii=True),
        Field("phone", None, Kind.PHONE, "Phone", sources=("PHONE",), required=Required.ONE_OF, pii=True),
        Field("idfa", None, Kind.DEVICE_ID, "IDFA", sources=("IDFA",), required=Required.ONE_OF, pii=True),
        Field("aaid", None, Kind.DEVICE_ID, "AAID", sources=("AAID",), required=Required.ONE_OF, pii=True),
        Field("country", None, Kind.COUNTRY, "Country", sources=("PHONE",)),
    )


@dataclass
class Made:
    """What came out of a preparation."""

    requests: list[Prepared] = field(default_factory=list)
    rows: pa.Table = field(default_factory=PLACED_ROWS_SCHEMA.empty_table)
    ids: pa.Table = field(default_factory=PLACED_IDS_SCHEMA.empty_table)
    issues: list[Issue] = field(default_factory=list)
    tallies: dict[int | None, Mapping[str, int]] = field(default_factory=dict)

    def of(self, action: str, target: int = 1) -> list[Prepared]:
        """The requests of a target that add, delete or replace."""
        return [request for request in self.requests if request.action == action and request.target == target]

    @property
    def bodies(self) -> list[bytes]:
        """Every body."""
        return [request.body for request in self.requests]

    @property
    def body(self) -> bytes:
        """The one body there must be."""
        (body,) = self.bodies
        return body

    @property
    def reasons(self) -> list[tuple[int, str, str]]:
        """Row, reason and level of every issue, in the order of rows."""
        return sorted((row, reason, level) for row, _, reason, _, level in self.issues)


def gathered(pieces: Iterable[Piece]) -> Made:
    """Collect the pieces of a preparation."""
    made = Made()
    for piece in pieces:
        if isinstance(piece, Prepared):
            made.requests.append(piece)
        elif isinstance(piece, Issues):
            made.issues += [tuple(issue.values()) for issue in piece.table.to_pylist()]
        elif isinstance(piece, Tally):
            made.tallies[piece.target] = piece.counts
        elif isinstance(piece, Placed):
            made.rows = pa.concat_tables([made.rows, *([piece.rows] if piece.rows else [])])
            made.ids = pa.concat_tables([made.ids, *([piece.ids] if piece.ids else [])])
    return made


def prepare_audience(
    rows: Sequence[Mapping[str, object]] | pa.Table,
    work: Path,
    *,
    types: Sequence[str] = ("EMAIL", "PHONE"),
    targets: Sequence[Target] = (Target(1, None),),
    mode: str = "mirror",
    country: str | None = None,
    limits: Limits = LIMITS,
    memory: str = "500MB",
    **settings: object,
) -> Made:
    """Prepare rows for some targets."""
    table = rows if isinstance(rows, pa.Table) else table_of(rows)
    con = duckdb.connect(config={"threads": 1, "memory_limit": memory, "temp_directory": str(work)})
    con.register("given", table)
    con.execute("CREATE TABLE rows AS SELECT row_number() OVER () AS _row, * FROM given")
    columns = {name: kind for name, kind in described(con, "rows").items() if name != "_row"}
    context = Context(NOW, "UTC", country, limits, tuple(targets), mode, work)
    merged = {"user_id_types": list(types), **settings}
    return gathered(prepare(con, "rows", columns, spec=Declared(), settings=merged, context=context))


def write_state(path: Path, state: State) -> Path:
    """Write a state as others may write it: in no order, without notes."""
    rows = [
        {"kind": kind, "digest": digest, "person": person, "sure": sure}
        for (kind, digest), (person, sure) in state.items()
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=STATE), path)
    return path


def read_state(path: Path) -> State:
    """Read a state."""
    rows = pq.read_table(path).to_pylist()
    found = {(row["kind"], bytes(row["digest"])): (row["person"], row["sure"]) for row in rows}
    assert len(found) == len(rows)
    return found


def fold_made(
    made: Made,
    work: Path,
    state: Path | None,
    outcomes: Mapping[int, str],
    exceptions: Mapping[tuple[int, int], str] | None = None,
    target: int = 1,
) -> tuple[Path, StateCounts]:
    """Fold a preparation's requests into a state; `outcomes` are by batch, told where it says nothing."""
    numbers = [request for request in made.requests if request.action and request.target == target]
    said = [
        {"batch": r.number, "action": r.action, "outcome": outcomes.get(r.number, "told")} for r in numbers
    ]  # fmt: skip
    others = [{"batch": batch, "position": at, "outcome": what} for (batch, at), what in (exceptions or {}).items()]
    ids = work / "ids.parquet"
    pq.write_table(made.ids, ids)
    result = work / f"state-{len(list(work.iterdir()))}.parquet"
    counts = fold(
        duckdb.connect(),
        state,
        ids,
        outcomes=pa.Table.from_pylist(said, OUTCOMES),
        exceptions=pa.Table.from_pylist(others, EXCEPTIONS),
        result=result,
    )
    return result, counts


def positions_of(request: Prepared) -> list[list[str | None]]:
    """The digests of each position of a mapping body, in the order of its schema."""
    data: list[list[dict[str, Any]]] = orjson.loads(request.body)["batch_data"]
    return [[item.get("id") for item in position] for position in data]
