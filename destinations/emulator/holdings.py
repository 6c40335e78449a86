"""Show what the emulator holds of custom audiences, for tests and people: `audiences`, `members`, `audiences/forget`.

`GET audiences` gives every audience that was not deleted, newest first: ids, names, type, state, people, ids per type
and the size TikTok shows. `GET members` gives the exact sets, `{"ids": {"EMAIL_SHA256": [digest, …]}}`, each sorted,
written piece by piece; with `summary=1` only counts; with `fingerprint=1` besides, per type, the SHA-256 of the sorted
digests (as bytes) joined, to compare millions at once.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from destinations.emulator.audiences import Audience, delete, stamp
from destinations.emulator.errors import SeedError
from destinations.emulator.members import IdSet, member_text
from destinations.emulator.state import State
from destinations.emulator.wire import JSON, Answer, Call


def audiences(state: State, advertiser_id: str | None = None) -> list[dict[str, Any]]:
    """Describe the living audiences of one ad account, or of all, newest first."""
    with state.lock:
        return [
            _described(state, row)
            for row in state.audiences.every(state.now(), state.audience_rules)
            if not row.deleted and advertiser_id in (None, row.advertiser_id)
        ]


def _described(state: State, row: Audience) -> dict[str, Any]:
    return {
        "audience_id": row.audience_id,
        "name": row.name,
        "advertiser_id": row.advertiser_id,
        "audience_type": row.audience_type,
        "calculate_type": row.calculate_type,
        "state": row.state(state.now(), state.options.audience_floor),
        "people": row.members.people,
        "ids": row.members.counts(),
        "cover_num": row.cover_num,
        "error_msg": row.error_msg,
        "create_time": stamp(row.created_at),
        "expired_time": stamp(row.expires_at),
        "shared_with": sorted(row.shares),
        "deleted": row.deleted,
    }


def audiences_show(state: State, call: Call) -> dict[str, Any]:
    """Show the audiences of `?advertiser_id=`, or all."""
    return {"audiences": audiences(state, call.query.get("advertiser_id"))}


def members_show(state: State, call: Call) -> object:
    """Show who is in an audience: the exact sets per id type, or counts; a deleted audience is empty."""
    with state.lock:
        row = _known(state, call.query.get("audience_id"))
        shown = _described(state, row)
        kinds = [kind for kind in shown["ids"] if call.query.get("id_type", kind) == kind]
        sets = {kind: row.members.ids[kind] for kind in kinds}
        if call.flag("fingerprint"):
            shown["fingerprints"] = {kind: ids.fingerprint() for kind, ids in sets.items()}
    if call.flag("summary"):
        return shown
    counts = shown.pop("ids")
    head = {**shown, "counts": counts}
    return Answer(200, content_type=JSON, pieces=_members_json(state, sets, head))


def _members_json(state: State, sets: dict[str, IdSet], head: dict[str, Any]) -> Iterator[bytes]:
    """Write the sets some ids at a time, each lot as it is at its moment: senders should rest meanwhile."""
    yield orjson.dumps(head)[:-1] + b',"ids":{'
    for position, (kind, ids) in enumerate(sets.items()):
        yield (b"," if position else b"") + orjson.dumps(kind) + b":["
        separator = b""
        for prefix in ids.prefixes():
            with state.lock:
                piece = ids.piece(prefix)
            if piece:
                yield separator + b",".join(b'"%s"' % member_text(kind, digest).encode() for digest in piece)
                separator = b","
        yield b"]"
    yield b"}}"


def audience_forget(state: State, posted: dict[str, Any]) -> dict[str, Any]:
    """Delete an audience as if a user did it in TikTok's pages."""
    with state.lock:
        row = _known(state, posted.get("audience_id"))
        delete(row)
    return {"forgotten": row.audience_id}


def _known(state: State, audience_id: object) -> Audience:
    if type(audience_id) is not str or not audience_id:
        raise SeedError("audience_id is missing.")
    row = state.audiences.find(audience_id, state.now(), state.audience_rules)
    if row is None:
        raise SeedError(f"There is no audience {audience_id}.")
    return row
