"""Prepare audiences: rows of a query and the states of audiences in, requests that make them equal out."""

from collections.abc import Callable, Generator, Iterator, Mapping

import duckdb
import numpy as np

from destinations.preparation import careful
from destinations.preparation.audience_sql import AudienceSql, digest_name, kinds_of
from destinations.preparation.contract import (
    ADD,
    DELETE,
    DUPLICATE,
    ID_TYPES,
    MAPPING,
    REPLACE,
    UPLOAD,
    Context,
    Declaration,
    Issues,
    Limits,
    Piece,
    Placed,
    Prepared,
    Progress,
    Settings,
    Tally,
    Target,
)
from destinations.preparation.errors import PreparationError, engine_errors
from destinations.preparation.issues import issues_table, listed_issues
from destinations.preparation.listing import PART_BYTES, FileRequests
from destinations.preparation.mapping import NO_ROWS, MappingRequests, body_addressed, body_slice
from destinations.preparation.matching import ADD_ONLY, CHANGES, MIRROR, MODES, REMOVE, Match, Side
from destinations.preparation.matching import REPLACE as REPLACE_ALL
from destinations.preparation.people import People, Positions
from destinations.preparation.placing import state_positions, without_rows
from destinations.preparation.spills import Scratch, Split
from destinations.preparation.streams import batches
from destinations.preparation.told import StateReader, state_rows

__all__ = ["Context", "Issues", "Placed", "Prepared", "Progress", "Tally", "body_addressed", "body_slice", "prepare"]

STREAMING, FILE = "streaming", "file"
PEOPLE_PER_REQUEST = 5_000
READ_ROWS = 131_072

Source = Callable[[], Iterator[Positions]]


def prepare(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Mapping[str, str],
    *,
    spec: Declaration,
    settings: Settings,
    context: Context,
) -> Generator[Piece, None, None]:
    """Turn the rows of a relation into the requests that bring each target to them, as the mode says.

    `relation` is a FROM expression with the query's columns and a BIGINT `_row` (1-based, ascending without large
    gaps); `columns` maps the columns' names to DuckDB types; `settings` are cleaned for an orchestration. Every row is
    in exactly one of: rows_in_people of the tally, rejects, duplicates. Equal inputs give equal bytes. Memory grows by
    a byte per row and per row and target; all else waits in `context.work`. The generator may be closed at any time.
    Raises PreparationError where the engine fails or settings do not go together; a bad row never does.
    """
    sql = AudienceSql(spec, settings, context, relation, columns)
    _check(settings, context)
    with engine_errors(), Scratch(context.work) as scratch, careful.registered(con):
        yield from Preparation(con, sql, scratch).run()


def _check(settings: Settings, context: Context) -> None:
    kinds_of(settings)
    if context.mode not in MODES:
        raise PreparationError(f"There is no sync mode {context.mode}.")
    if context.mode == REPLACE_ALL and _transport(settings) != FILE:
        raise PreparationError("Only file audiences can be replaced; a streaming audience is mirrored.")


def _transport(settings: Settings) -> str:
    return str(settings.get("transport") or STREAMING)


class Preparation:
    """One preparation: rows are read once, compared with every target's state, and then written target by target."""

    def __init__(self, con: duckdb.DuckDBPyConnection, sql: AudienceSql, scratch: Scratch) -> None:
        self.con, self.sql, self.scratch = con, sql, scratch
        self.settings, self.context = sql.settings, sql.context
        self.number = 0
        self.read = 0

    def run(self) -> Iterator[Piece]:
        """Give everything in the order: issues, relinked ids, tallies, and the requests of each target."""
        split = Split.for_entries(max([self._rows(), *(state_rows(t.state) for t in self.context.targets)]))
        people = People(self.scratch, self.sql.kinds, split)
        yield from self._reading(people)
        sides = [self._side(target, split, len(people.bits)) for target in self.context.targets]
        match = Match(people, sides, self.scratch)
        for piece in match.run():
            yield piece or Progress(self.read)
        yield from _duplicates(people)
        yield Tally(_tally(people, match.total), None)
        for side in sides:
            yield Tally(side.counts(people, match.total), side.target.number)
        for side in sides:
            yield from self._requests(people, side)
            side.close()

    def _rows(self) -> int:
        found = self.con.execute(f"SELECT count(*) FROM {self.sql.relation}").fetchall()  # noqa: S608 - the caller's
        return int(found[0][0])

    def _side(self, target: Target, split: Split, rows: int) -> Side:
        reader = StateReader(self.con, target.state, split, self.scratch.path)
        return Side(target, self.context.mode, reader, rows, self.scratch)

    def _reading(self, people: People) -> Iterator[Piece]:
        for batch in batches(self.con, self.sql.reading(), "_row", READ_ROWS):
            rows = batch.column("_row")
            yield from listed_issues(rows, batch.column("issues"))
            people.add(rows.to_numpy(), [batch.column(digest_name(kind)) for kind in people.kinds])
            self.read += batch.num_rows
            yield Progress(self.read)

    def _requests(self, people: People, side: Side) -> Iterator[Piece]:
        """Make the requests of a target, phase by phase."""
        phases = _phases(people, side)
        if _transport(self.settings) == FILE:
            if not side.left_kinds <= set(people.kinds):
                raise PreparationError(
                    "The audience holds ids of types that are not selected any more; TikTok takes only files of the "
                    "same types for one audience. Select the types again, or choose another audience name."
                )
            phases.sort(key=lambda phase: phase[0] == DELETE)
            yield from self._files(people, side, phases)
            return
        most = int(str(self.settings.get("people_per_request") or PEOPLE_PER_REQUEST))
        most = min(most, self.context.limits.rows_per_request)
        limits = Limits(most, self.context.limits.bytes_per_request)
        requests = MappingRequests(self.con, limits, self.number)
        for action, source in phases:
            kinds = sorted({*people.kinds, *side.left_kinds})
            phase = 1 if action == DELETE else 2
            yield from requests.make(source(), kinds, _request(side, MAPPING, phase, action))
            self.number = requests.number

    def _files(self, people: People, side: Side, phases: list[tuple[str, Source]]) -> Iterator[Piece]:
        part_bytes = int(str(self.settings.get("file_part_bytes") or PART_BYTES))
        requests = FileRequests(self.con, part_bytes, self.number)
        for action, source in phases:
            phase = 3 if action == DELETE else 1
            yield from requests.make(source, people.kinds, _request(side, UPLOAD, phase, action))
            self.number = requests.number


def _phases(people: People, side: Side) -> list[tuple[str, Source]]:
    """Say what is sent to a target, in the order of a streaming audience: what goes, then what comes."""
    mode, anew = side.mode, side.target.anew

    def rows() -> Iterator[Positions]:
        return people.positions(people.owners if mode in (REMOVE, REPLACE_ALL) else side.wanted)

    def state() -> Iterator[Positions]:
        return state_positions(side.left, people.split.parts)

    if mode == REPLACE_ALL:
        return [(REPLACE, rows)]
    if mode == REMOVE:
        return [(ADD, state)] if anew else [(DELETE, lambda: without_rows(rows()))]
    if mode == CHANGES:
        return _change_phases(people, side)
    if mode == ADD_ONLY and anew:
        return [(ADD, lambda: (some for source in (rows, state) for some in source()))]
    return [(ADD, rows)] if anew or mode != MIRROR else [(DELETE, state), (ADD, rows)]


def _change_phases(people: People, side: Side) -> list[tuple[str, Source]]:
    """Say what is sent where rows add and remove: what goes, also where TikTok is not known to have it, then the rest.

    No id is in both, see `changes`. In an audience that is filled anew nobody has to be removed.
    """

    def adds() -> Iterator[Positions]:
        yield from people.positions(side.wanted & ~side.removing)
        if side.target.anew:
            yield from state_positions(side.left, people.split.parts)

    if side.target.anew:
        return [(ADD, adds)]
    return [(DELETE, lambda: people.positions(people.owners & side.removing)), (ADD, adds)]


def _request(side: Side, kind: str, phase: int, action: str) -> Prepared:
    return Prepared(0, b"", 0, NO_ROWS, kind=kind, phase=phase, target=side.target.number, action=action)


def _duplicates(people: People) -> Iterator[Issues]:
    for rows, kind in people.duplicates():
        yield Issues(issues_table(rows, ID_TYPES[kind].lower(), "duplicate_person", None, DUPLICATE))


def _tally(people: People, total: int) -> dict[str, int]:
    valid = {f"valid_{name.lower()}": people.valid[kind] for kind, name in enumerate(ID_TYPES)}
    return {"rows_in_people": int(np.count_nonzero(people.owners)), "people": total, **valid}
