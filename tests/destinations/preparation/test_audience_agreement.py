"""Over random rows, states, modes and verdicts, columns and plain sets come to the same."""

import tempfile
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.preparation.contract import Prepared, Target
from tests.benchmark.audience_reference import TYPES, AudienceRules, Id, Wanted, bodies, identify, read
from tests.destinations.preparation.audience_helpers import (
    Made,
    State,
    fold_made,
    positions_of,
    prepare_audience,
    read_state,
    write_state,
)
from tests.destinations.preparation.audience_model import Expected, expected, folded

TWIN_A, TWIN_B = "ab" * 8 + "00" * 24, "AB" * 8 + "11" * 24
"""Digests, as people may give them, that begin with the same eight bytes."""
EMAILS = [f"{name}@example.com" for name in "abcdefgh"]
PHONES = [f"+1213373425{digit}" for digit in range(6)]
DEVICES = [f"7a3cbea0-bdf5-11e4-8dfc-aa07a5b093d{digit}" for digit in "0123"]

emails = st.sampled_from([*EMAILS, *EMAILS, "A.@example.com", "a+x@example.com", "B+@example.com", TWIN_A, TWIN_B])
phones = st.sampled_from([*PHONES, "(213) 373-4251", "213373425", TWIN_A])
devices = st.sampled_from([*DEVICES, DEVICES[1].upper(), "00000000-0000-0000-0000-000000000000", TWIN_B])
people = st.fixed_dictionaries(
    {
        "email": st.one_of(st.none(), emails),
        "phone": st.one_of(st.none(), phones),
        "idfa": st.one_of(st.none(), devices),
        "aaid": st.one_of(st.none(), devices),
        "country": st.sampled_from([None, None, "US", "XX"]),
    }
)
TYPED = {"email": "", "phone": "", "idfa": "", "aaid": "", "country": ""}
known_ids = st.one_of(
    *[
        pool.map(lambda value, kind=kind: identify(1, {TYPES[kind].lower(): value}, AudienceRules([TYPES[kind]]))[0])
        for kind, pool in enumerate([emails, phones, devices, devices])
    ]
).filter(bool).map(lambda ids: ids[0])  # fmt: skip
persons = st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1))
states = st.dictionaries(known_ids, st.tuples(persons, st.booleans()), max_size=14).flatmap(
    # Most persons are made of an id of theirs.
    lambda state: (
        st.sets(st.sampled_from(sorted(state)), max_size=len(state)).map(
            lambda own: {
                one: (int.from_bytes(one[1][:8], "big") if one in own else value[0], value[1])
                for one, value in state.items()
            }
        )
        if state
        else st.just({})
    )
)


def ids_of(request: Prepared, kinds: list[int]) -> list[dict[int, bytes]]:
    """The ids of each position of a body, by type."""
    return [
        {kind: bytes.fromhex(digest) for kind, digest in zip(kinds, position, strict=True) if digest}
        for position in positions_of(request)
    ]


def placed_ids(made: Made) -> dict[tuple[int, int], set[tuple[int, bytes]]]:
    """The ids of each position, as the table of ids has them."""
    found: dict[tuple[int, int], set[tuple[int, bytes]]] = {}
    for row in made.ids.to_pylist():
        if row["batch"]:
            found.setdefault((row["batch"], row["position"]), set()).add((row["kind"], row["digest"]))
    return found


def assert_requests(made: Made, wanted: Wanted, state: State, want: Expected, rules: AudienceRules, mode: str) -> None:
    """The requests hold what they must, in order, and the tables say so."""
    others = {kind for kind, _ in want.deleted | want.revived}
    kinds = sorted({*rules.kinds, *others})
    adds, deletes = made.of("add"), made.of("delete")
    positions = [ids for request in adds for ids in ids_of(request, kinds)]
    sent = [wanted.rows[row] for row in want.rows] if mode != "remove" else []
    assert positions[: len(sent)] == [dict(ids) for ids in sent]
    revived = [one for ids in positions[len(sent) :] for one in ids.items()]
    assert sorted(revived) == sorted(want.revived)
    deleted = [one for request in deletes for ids in ids_of(request, kinds) for one in ids.items()]
    assert set(deleted) == want.deleted
    where = placed_ids(made)
    for request in made.requests:
        for at, ids in enumerate(ids_of(request, kinds)):
            assert where.pop((request.number, at)) == set(ids.items())
    assert not where
    assert_persons(made, wanted, state, relinks=mode != "remove" and want.revived == set())
    assert made.rows["row"].to_pylist() == (want.rows if mode != "remove" else [])
    assert [request.number for request in made.requests] == list(range(1, len(made.requests) + 1))
    assert [request.phase for request in made.requests] == [1] * len(deletes) + [2] * len(adds)


def assert_persons(made: Made, wanted: Wanted, state: State, *, relinks: bool) -> None:
    """Ids belong to the person of their first row, else to whom the state says; who changes is said in batch 0."""
    now = {one: wanted.person(row) for one, row in wanted.owner.items()}
    told = {one: person for one, (person, _) in state.items()}
    listed = [(row["batch"], (row["kind"], row["digest"]), row["person"]) for row in made.ids.to_pylist()]
    assert all(person == (told | now)[one] for _, one, person in listed)
    moved = {one for batch, one, _ in listed if batch == 0}
    assert moved <= {one for one, person in now.items() if told.get(one, person) != person}
    unsent = {one for one, person in now.items() if told.get(one, person) != person}
    assert not relinks or unsent <= {one for _, one, _ in listed}


def assert_tallies(made: Made, wanted: Wanted, want: Expected, rows: int) -> None:
    """Counts are those of the sets; every row is in one place."""
    assert made.tallies[1] == want.counts
    whole = made.tallies[None]
    assert whole["people"] == len({wanted.person(row) for row in wanted.rows})
    assert whole["rows_in_people"] == len(wanted.rows)
    assert [whole[f"valid_{name.lower()}"] for name in TYPES] == list(wanted.valid.values())
    out = sum(level in ("reject", "duplicate") for *_, level in made.issues)
    assert out + whole["rows_in_people"] == rows


types = st.sets(st.sampled_from(TYPES), min_size=1).map(sorted)
modes = st.sampled_from(["mirror", "mirror", "add", "remove"])


@settings(max_examples=100, deadline=None)
@given(data=st.data(), types=types, mode=modes, anew=st.booleans(), rule=st.sampled_from(["audience", "events"]))
def test_columns_and_sets_agree(data: st.DataObject, types: list[str], mode: str, anew: bool, rule: str) -> None:
    rows = data.draw(st.lists(people, max_size=14))
    state: State = data.draw(states)
    rules = AudienceRules(types, "US", rule, data.draw(st.integers(1, 4)))
    wanted = read(rows, rules)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        target = Target(1, write_state(work / "state.parquet", state) if state else None, anew=anew and bool(state))
        made = prepare_audience(
            [TYPED, *rows], work, types=types, targets=[target], mode=mode, country="US", email_rule=rule,
            people_per_request=rules.people_per_request,
        )  # fmt: skip
        made = without_first_row(made)
        want = expected(wanted, state, mode, anew=target.anew)
        assert sorted(made.issues, key=repr) == sorted(wanted.issues, key=repr)
        assert_requests(made, wanted, state, want, rules, mode)
        assert_tallies(made, wanted, want, len(rows))
        assert_folds(data, made, work, {} if target.anew else state)
        if not want.deleted and not want.revived and mode != "remove":
            sent = (wanted.rows[row] for row in want.rows)
            assert made.bodies == list(bodies("add", sent, rules))


def without_first_row(made: Made) -> Made:
    """Forget the row that gives the columns their types."""
    made.issues = [(row - 1, *others) for row, *others in made.issues if row > 1]  # type: ignore[misc]
    rows = [number - 1 for number in made.rows["row"].to_pylist()]
    made.rows = made.rows.set_column(2, "row", [rows])
    return made


def assert_folds(data: st.DataObject, made: Made, work: Path, state: State) -> None:
    """Whatever becomes of the requests, the state afterwards is what the sets say; once more changes nothing."""
    words = st.sampled_from(["told", "uncertain", "untold"])
    outcomes = {request.number: data.draw(words) for request in made.requests}
    places = sorted(placed_ids(made))
    exceptions = data.draw(st.dictionaries(st.sampled_from(places), words, max_size=3)) if places else {}
    before = write_state(work / "before.parquet", state) if state else None
    after, counts = fold_made(made, work, before, outcomes, exceptions)
    listed = [
        ((row["batch"], row["position"]), (row["kind"], row["digest"]), row["person"]) for row in made.ids.to_pylist()
    ]
    said = {request.number: (request.action, outcomes[request.number]) for request in made.requests}
    want = folded(state, listed, said, exceptions)
    assert read_state(after) == want
    assert counts.people == len({person for person, _ in want.values()})
    assert counts.unsure == sum(not sure for _, sure in want.values())
    assert counts.ids == {name: n for k, name in enumerate(TYPES) if (n := sum(kind == k for kind, _ in want))}
    again, _ = fold_made(made, work, after, outcomes, exceptions)
    assert read_state(again) == want


def lines_of(bodies: list[bytes], kinds: list[int]) -> list[list[Id]]:
    """The ids of each line of uploaded files; both kinds of device ids share a column."""
    columns = [[kind] for kind in kinds if kind < 2] + ([[k for k in kinds if k > 1]] if max(kinds) > 1 else [])
    header = {0: "email_SHA256", 1: "phone_SHA256"}
    found: list[list[Id]] = []
    for body in bodies:
        lines = body.decode().removesuffix("\n").split("\n")
        if len(kinds) > 1:
            assert lines.pop(0) == ",".join(header.get(kinds[0], "MAID_SHA256") for kinds in columns)
        for line in lines:
            cells = zip(columns, line.split(","), strict=True)
            found.append([(kinds[0], bytes.fromhex(cell)) for kinds, cell in cells if cell])
    return found


@settings(max_examples=60, deadline=None)
@given(data=st.data(), types=types, mode=st.sampled_from(["mirror", "add", "remove", "replace"]))
def test_files_and_sets_agree(data: st.DataObject, types: list[str], mode: str) -> None:
    rows = data.draw(st.lists(people, max_size=14))
    rules = AudienceRules(types, "US")
    state: State = {one: value for one, value in data.draw(states).items() if one[0] in rules.kinds}
    wanted = read(rows, rules)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        target = Target(1, write_state(work / "state.parquet", state) if state else None)
        made = prepare_audience(
            [TYPED, *rows], work, types=types, targets=[target], mode=mode, country="US", transport="file",
            file_part_bytes=data.draw(st.sampled_from([320, 700, 40_000_000])),
        )  # fmt: skip
        made = without_first_row(made)
        want = expected(wanted, state, mode)
        assert_tallies(made, wanted, want, len(rows))
        assert_files(made, wanted, want, rules, mode)
        assert_folds(data, made, work, state)


def assert_files(made: Made, wanted: Wanted, want: Expected, rules: AudienceRules, mode: str) -> None:
    """What is uploaded and applied is what must be added, and after that what must be removed."""
    adds = made.of("replace" if mode == "replace" else "add")
    rows = want.rows if mode != "remove" else []
    for applied, ids in ((adds, [wanted.rows[row] for row in rows]), (made.of("delete"), None)):
        assert len(applied) <= 1
        numbers = orjson.loads(applied[0].body)["uploads"] if applied else []
        uploads = [request for request in made.requests if request.number in numbers]
        assert all(len(request.body) <= 40_000_000 and request.kind == "upload" for request in uploads)
        assert {request.phase + 1 for request in uploads} <= {applied[0].phase if applied else 0}
        lines = [one for line in lines_of([upload.body for upload in uploads], rules.kinds) for one in line]
        sent = {one for some in ids for one in some} if ids is not None else want.deleted
        assert {digest for _, digest in lines} == {digest for _, digest in sent}
    where = placed_ids(made)
    assert len(where) == sum(request.events for request in made.requests)
    assert made.rows["row"].to_pylist() == rows
    assert [request.phase for request in made.requests] == sorted(request.phase for request in made.requests)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), types=types)
def test_mirror_told_everything_leaves_the_rows_and_nothing_to_do(data: st.DataObject, types: list[str]) -> None:
    rules = AudienceRules(types, "US")
    state: Path | None = None
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(3):
            rows = data.draw(st.lists(people, min_size=1, max_size=10))
            again: dict[str, Any] = {"types": types, "country": "US"}
            made = prepare_audience([TYPED, *rows], Path(folder), targets=[Target(1, state)], **again)
            state, _ = fold_made(made, Path(folder), state, {})
            wanted = read([TYPED, *rows], rules)
            want: dict[Id, tuple[int, bool]] = {one: (wanted.person(row), True) for one, row in wanted.owner.items()}
            assert read_state(state) == want
            made = prepare_audience([TYPED, *rows], Path(folder), targets=[Target(1, state)], **again)
            assert (made.requests, made.ids.num_rows) == ([], 0)
