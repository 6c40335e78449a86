"""What a preparation of audiences must come to, written with sets: counts, requests, and the state afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.benchmark.audience_reference import Id, Wanted
from tests.destinations.preparation.audience_helpers import State


@dataclass
class Expected:
    """The requests of one target: rows to send, and ids to delete or to add from the state by person."""

    rows: list[int]
    deleted: set[Id]
    revived: set[Id]
    counts: dict[str, int]


def expected(wanted: Wanted, state: State, mode: str, *, anew: bool = False) -> Expected:
    """Apply the definitions."""
    new, told = set(wanted.owner), set(state)
    sure = {one for one in told if state[one][1]} if not anew else set()
    final = {"mirror": new, "add": told | new, "remove": told - new, "replace": new}[mode]
    needed = {"mirror": new - sure, "add": new - sure, "remove": set() if anew else new, "replace": new}[mode]
    left = {"mirror": set() if anew else told - new}.get(mode, set())
    revived = told - new if anew and mode in ("add", "remove") else set()
    return Expected(
        sorted({wanted.owner[one] for one in needed}),
        new if mode == "remove" and not anew else left,
        revived,
        _counts(wanted, state, mode, final),
    )


def _counts(wanted: Wanted, state: State, mode: str, final: set[Id]) -> dict[str, int]:
    people = {wanted.person(row) for row in wanted.rows}
    known = {wanted.person(row) for row, ids in wanted.rows.items() if any(one in state for one in ids)}
    before = {person for person, _ in state.values()}
    kept = {state[one][0] for one in final if one in state}
    added = 0 if mode == "remove" else len(people - known)
    removed = len(before - kept)
    return {
        "before": len(before),
        "added": added,
        "removed": removed,
        "unchanged": len(before) - removed if mode == "remove" else len(people) - added,
        "after": {"add": len(before) + added, "remove": len(before) - removed}.get(mode, len(people)),
        "ids_added": len(final - set(state)),
        "ids_removed": len(set(state) - final),
    }


Where = tuple[int, int]


def folded(
    state: State,
    ids: list[tuple[Where, Id, int]],
    outcomes: Mapping[int, tuple[str, str]],
    exceptions: Mapping[Where, str],
) -> State:
    """Apply what became of requests, in any order: of several with one id, what is surest counts."""
    replaced = {outcome for action, outcome in outcomes.values() if action == "replace"}
    result = {} if "told" in replaced else dict(state)
    if "uncertain" in replaced:
        result = {one: (person, False) for one, (person, _) in result.items()}
    effects: dict[Id, list[tuple[str, str, int]]] = {}
    for where, one, person in ids:
        if where[0] == 0 and one in result:
            result[one] = (person, result[one][1])
        elif where[0] in outcomes:
            action, outcome = outcomes[where[0]]
            effects.setdefault(one, []).append((action, exceptions.get(where, outcome), person))
    for one, several in effects.items():
        outcome = min((outcome for _, outcome, _ in several), key=["told", "uncertain", "untold"].index)
        action, _, person = several[0]
        if outcome == "untold":
            continue
        if action == "delete" and outcome == "told":
            result.pop(one, None)
        elif action == "delete":
            result[one] = (result[one][0] if one in result else person, False)
        else:
            result[one] = (person, outcome == "told")
    return result
