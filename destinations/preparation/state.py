"""The state of an audience: what TikTok was told, and how the verdicts of a run become part of it.

One Parquet file per audience (see `told`). A new state is made of the old one and the ids of a run's requests, and
written beside it: whoever is interrupted begins again and gets the same.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from destinations.preparation.contract import ADD, DELETE, ID_TYPES, RELINK, REPLACE, TOLD, UNCERTAIN
from destinations.preparation.counting import Distinct
from destinations.preparation.digests import WORDS, digests_of, find, firsts, heads
from destinations.preparation.spills import Partitions, Scratch, Split, Words
from destinations.preparation.sql import literal
from destinations.preparation.told import StateReader, StateWriter, Told, state_rows, table_batches

Effects = npt.NDArray[np.uint64]

NOTHING, RELINKED, DELETE_DOUBTED, ADD_DOUBTED, ABSENT, PRESENT = range(6)
"""What requests did to an id; of several requests with the same id, the greatest counts."""

EFFECTS = {
    (ADD, TOLD): PRESENT,
    (ADD, UNCERTAIN): ADD_DOUBTED,
    (REPLACE, TOLD): PRESENT,
    (REPLACE, UNCERTAIN): ADD_DOUBTED,
    (DELETE, TOLD): ABSENT,
    (DELETE, UNCERTAIN): DELETE_DOUBTED,
}


@dataclass(frozen=True)
class StateCounts:
    """How many people a state holds, how many ids of each type, and how many of them TikTok may not have."""

    people: int
    ids: dict[str, int]
    unsure: int


def fold(
    con: duckdb.DuckDBPyConnection,
    state: Path | None,
    ids: Path,
    *,
    outcomes: pa.Table,
    exceptions: pa.Table,
    result: Path,
) -> StateCounts:
    """Write the state after a run: the old one and what became of the run's requests.

    `ids` is a Parquet file with the ids of `Placed`; batches that `outcomes` does not name are another target's and
    are left out, except ids of batch 0. `outcomes` (batch, action, outcome) says what became of a batch, `exceptions`
    (batch, position, outcome) of single positions in it. Told ids are present and sure, or absent; where the answer was
    lost they are present and unsure; untold ones are as before. A replacement that was told leaves nothing else.
    Folding the same into the result changes nothing. Memory does not grow with the number of ids.
    """
    replaced = {row["outcome"] for row in outcomes.to_pylist() if row["action"] == REPLACE}
    with Scratch(result.parent) as scratch:
        split = Split.for_entries(max(state_rows(state), state_rows(ids)))
        reader = StateReader(con, None if TOLD in replaced else state, split, scratch.path)
        changes = _changes(ids, Verdicts(outcomes, exceptions), split, scratch)
        writer, people = StateWriter(result), Distinct(scratch, split)
        for kind in range(len(ID_TYPES)):
            for part in range(split.parts):
                told = reader.take(kind, part)
                if UNCERTAIN in replaced:
                    told = Told(told.digests, told.persons, np.zeros(told.count, np.bool_))
                told = _changed(told, _reduced(changes, kind * split.parts + part))
                writer.write(kind, told)
                people.add_near(part, heads(told.digests), told.persons)
        counts = StateCounts(people.count(), _named(writer.ids), writer.unsure)
        writer.close(counts.people)
        return counts


class Verdicts:
    """What became of each position of each batch, as effects."""

    def __init__(self, outcomes: pa.Table, exceptions: pa.Table) -> None:
        numbers = outcomes["batch"].to_numpy().astype(np.int64)
        actions = outcomes["action"].to_pylist()
        found = [EFFECTS.get(pair, NOTHING) for pair in zip(actions, outcomes["outcome"].to_pylist(), strict=True)]
        self._effects = np.zeros(int(max(numbers, default=0)) + 2, np.uint64)
        self._effects[numbers] = found
        self._effects[RELINK] = RELINKED
        action_of = dict(zip(numbers.tolist(), actions, strict=True))
        keys = _keys(exceptions["batch"].to_numpy(), exceptions["position"].to_numpy())
        others = [
            EFFECTS.get((action_of.get(batch, ""), outcome), NOTHING)
            for batch, outcome in zip(exceptions["batch"].to_pylist(), exceptions["outcome"].to_pylist(), strict=True)
        ]
        order = np.argsort(keys)
        self._keys, self._others = keys[order], np.array(others, np.uint64)[order]

    def of(self, batches: npt.NDArray[np.int32], positions: npt.NDArray[np.int32]) -> Effects:
        """Give the effects on ids at these places."""
        effects = self._effects[np.minimum(batches, len(self._effects) - 1)]
        if len(self._keys):
            keys = _keys(batches, positions)
            at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            effects = np.where(self._keys[at] == keys, self._others[at], effects)
        return effects


def _keys(batches: npt.NDArray[np.int32], positions: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    return batches.astype(np.int64) << 32 | positions.astype(np.int64)


def _changes(ids: Path, verdicts: Verdicts, split: Split, scratch: Scratch) -> Partitions:
    """Part the ids that requests did something to by type and digest: digest, person, effect."""
    changes = scratch.partitions(WORDS + 2, len(ID_TYPES) * split.parts)
    for batch in table_batches(ids):
        effects = verdicts.of(batch.column("batch").to_numpy(), batch.column("position").to_numpy())
        there = effects != NOTHING
        if there.any():
            digests = digests_of(batch.column("digest"))[there]
            persons = batch.column("person").to_numpy()[there]
            kinds = batch.column("kind").to_numpy()[there].astype(np.uint16)
            records = np.concatenate([digests, persons[:, None], effects[there][:, None]], axis=1)
            changes.add(kinds * np.uint16(split.parts) + split.of(heads(digests)), records)
    return changes


def _reduced(changes: Partitions, part: int) -> Words:
    """Give the changes of one type and partition, each id once, in the order of the digests."""
    found = np.empty((0, WORDS + 2), np.uint64)
    for chunk in changes.chunks(part):
        every = np.concatenate([found, chunk])
        found = every[firsts(every[:, :WORDS])]
        if len(found) < len(every):
            group, _ = find(found[:, :WORDS], every[:, :WORDS])
            np.maximum.at(found[:, WORDS + 1], group, every[:, WORDS + 1])
    return found


def _changed(told: Told, changes: Words) -> Told:
    """Apply changes to ids of one type and partition."""
    if not len(changes):
        return told
    digests, persons, effects = changes[:, :WORDS], changes[:, WORDS], changes[:, WORDS + 1]
    at, known = find(told.digests, digests)
    at, effect = at[known], effects[known]
    new_persons, sure, stays = told.persons.copy(), told.sure.copy(), np.ones(told.count, np.bool_)
    moved = np.isin(effect, (RELINKED, ADD_DOUBTED, PRESENT))
    new_persons[at[moved]] = persons[known][moved]
    sure[at[effect == PRESENT]] = True
    sure[at[np.isin(effect, (DELETE_DOUBTED, ADD_DOUBTED))]] = False
    stays[at[effect == ABSENT]] = False
    new = ~known & np.isin(effects, (DELETE_DOUBTED, ADD_DOUBTED, PRESENT))
    all_digests = np.concatenate([told.digests[stays], digests[new]])
    order = firsts(all_digests)
    return Told(
        all_digests[order],
        np.concatenate([new_persons[stays], persons[new]])[order],
        np.concatenate([sure[stays], effects[new] == PRESENT])[order],
    )


def state_counts(con: duckdb.DuckDBPyConnection, state: Path) -> StateCounts:
    """Count a state's people and ids, by reading it."""
    ids, unsure = dict.fromkeys(range(len(ID_TYPES)), 0), 0
    split = Split.for_entries(state_rows(state))
    with Scratch(state.parent) as scratch:
        people = Distinct(scratch, split)
        for batch in table_batches(state, ["kind", "person", "sure"]):
            people.add(batch.column("person").to_numpy())
            unsure += batch.column("sure").false_count
            for kind, count in enumerate(np.bincount(batch.column("kind").to_numpy(), minlength=len(ID_TYPES))):
                ids[kind] += int(count)
        return StateCounts(people.count(), _named({kind: count for kind, count in ids.items() if count}), unsure)


def state_holds(con: duckdb.DuckDBPyConnection, state: Path, kind: str, digest: bytes) -> bool:
    """Say whether TikTok was told an id; `kind` is one of `ID_TYPES`."""
    found = con.execute(
        "SELECT count(*) FROM read_parquet(?) WHERE kind = ? AND digest = ?::BLOB",
        [str(state), ID_TYPES.index(kind), digest],
    ).fetchall()
    return bool(found[0][0])


def state_export(con: duckdb.DuckDBPyConnection, state: Path, path_csv: Path) -> None:
    """Write a state as CSV: type, digest (hex), sure."""
    con.execute(
        f"""COPY (SELECT {list(ID_TYPES)}[kind + 1] AS type, lower(hex(digest)) AS digest, sure
            FROM read_parquet({literal(str(state))})) TO {literal(str(path_csv))} (FORMAT csv, HEADER)"""  # noqa: S608 - both are quoted
    )


def _named(ids: dict[int, int]) -> dict[str, int]:
    return {ID_TYPES[kind]: ids[kind] for kind in sorted(ids)}
