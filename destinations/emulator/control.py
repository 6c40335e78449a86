"""Steer and inspect the emulator under /_emulator/: what it holds, what came, what shall go wrong.

| call | does |
|---|---|
| `GET state[?tokens=1]` | accounts, event counts, faults, limits; tokens in clear only when asked for |
| `GET events?event_source_id=[&event_id=][&limit=][&test=1]` | whole held events, oldest first |
| `GET event_ids?event_source_id=[&summary=1]` | every id with the number of times received and held |
| `GET audiences[?advertiser_id=]`, `GET members?audience_id=[&id_type=][&summary=1][&fingerprint=1]` | see `holdings` |
| `POST audiences/forget {audience_id}` | delete an audience as if somebody did it in TikTok's pages |
| `GET requests[?path=&limit=&summary=1]` | request log, newest first, or sums per path |
| `GET, POST, DELETE faults[?number=]` | fault rules, see `faults` |
| `GET, POST, DELETE limits` | rate limit rules, see `limits`; `{"level": …}` sets the level |
| `POST reset {"events_only": true}?` | start again, or forget only events and requests |
| `POST seed`, `POST revoke {token}` | add accounts; make a token answer 40105 |
| `POST latency {seconds}`, `POST mode {null}`, `POST clock {advance}` | slow down; accept unchecked; let time pass |
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import orjson

from destinations.emulator import holdings
from destinations.emulator.errors import ApiError, SeedError
from destinations.emulator.state import State
from destinations.emulator.wire import JSON, Answer, Call, json_answer

PREFIX = "/_emulator/"
Action = Callable[[State, Call], object]


def answer(state: State, call: Call) -> Answer:
    """Carry out a control call; mistakes are HTTP 400 with a sentence, so that a test cannot overlook them."""
    actions = ACTIONS.get(call.path.removeprefix(PREFIX).rstrip("/"))
    if actions is None:
        return json_answer(
            {"error": f"Unknown: {call.path}. Known: {', '.join(PREFIX + name for name in ACTIONS)}."}, 404
        )
    action = actions.get(call.method)
    if action is None:
        return json_answer({"error": f"{call.path} takes {', '.join(actions)}, not {call.method}."}, 405)
    try:
        result = action(state, call)
    except SeedError as error:
        return json_answer({"error": str(error)}, 400)
    except ApiError as error:
        return json_answer({"error": error.message}, 400)
    return result if isinstance(result, Answer) else json_answer(result)


def state_show(state: State, call: Call) -> dict[str, Any]:
    """Show accounts, counts, rules; tokens only with `?tokens=1`."""
    with state.lock:
        registry = state.registry
        sums = state.log.sums.values()
        shown: dict[str, Any] = {
            "options": asdict(state.options),
            "null": state.null,
            "latency_seconds": state.latency_seconds,
            "apps": [{"app_id": app.app_id, "name": app.name} for app in registry.apps.values()],
            **{
                name: [asdict(row) for row in getattr(registry, name).values()]
                for name in (
                    "users",
                    "business_centers",
                    "advertisers",
                    "pixels",
                    "offline_event_sets",
                    "crm_event_sets",
                )
            },
            "events": {source_id: source.counts() for source_id, source in state.events.sources.items()},
            "audiences": holdings.audiences(state),
            "requests": sum(entry.requests for entry in sums),
            "faults": [asdict(rule) for rule in state.faults.rules],
            "level": state.limits.level,
            "limits": state.limits.rules,
        }
        if call.flag("tokens"):
            shown["tokens"] = [asdict(token) for token in registry.tokens.values()]
        return shown


def events_show(state: State, call: Call) -> dict[str, Any]:
    """Show whole events of one source: each item as sent, with the request that brought it."""
    source_id, event_id = _source_id(call), call.query.get("event_id")
    limit, test = call.number("limit", 1_000), call.flag("test")
    with state.lock:
        source = state.events.sources.get(source_id)
        records = list(source.test if test else source.full) if source else []
        counts = source.counts() if source else {}
    events: list[dict[str, Any]] = []
    for record in records:
        if len(events) >= limit:
            break
        item = orjson.loads(record.raw)
        if event_id is None or item.get("event_id") == event_id:
            events.append({"received_at": record.received_at, "request_id": record.request_id, "item": item})
    return {"event_source_id": source_id, "counts": counts, "events": events}


def event_ids_show(state: State, call: Call) -> object:
    """Show every id of one source with the number of times it was received and held."""
    source_id = _source_id(call)
    with state.lock:
        if call.flag("summary"):
            return _ids_summary(state, source_id)
        body = b"".join(_ids_json(state, source_id))
    return Answer(200, body, JSON)


def _ids_summary(state: State, source_id: str) -> dict[str, Any]:
    total = received = held = received_again = held_again = 0
    for row in state.events.ids(source_id):
        total += 1
        received += row.received
        held += row.held
        received_again += row.received > 1
        held_again += row.held > 1
    return {
        "event_source_id": source_id,
        "ids": total,
        "received": received,
        "held": held,
        "received_more_than_once": received_again,
        "held_more_than_once": held_again,
    }


def _ids_json(state: State, source_id: str) -> Iterator[bytes]:
    """Write the list piece by piece: with millions of ids, objects for all of them would not fit."""
    yield orjson.dumps({"event_source_id": source_id})[:-1] + b',"event_ids":['
    separator = b""
    for row in state.events.ids(source_id):
        yield separator + orjson.dumps(row._asdict())
        separator = b","
    yield b"]}"


def _source_id(call: Call) -> str:
    source_id = call.query.get("event_source_id")
    if not source_id:
        raise SeedError("event_source_id is missing in the query.")
    return source_id


def requests_show(state: State, call: Call) -> dict[str, Any]:
    """Show the latest requests, newest first, or the sums per path."""
    with state.lock:
        if call.flag("summary"):
            return state.log.summary()
        entries = state.log.latest(call.query.get("path", ""), call.number("limit", 1_000))
    return {"requests": [entry._asdict() for entry in entries]}


def faults_show(state: State, _: Call) -> dict[str, Any]:
    """Show the rules with how often they matched and fired."""
    with state.lock:
        return {"faults": [asdict(rule) for rule in state.faults.rules]}


def faults_add(state: State, call: Call) -> dict[str, Any]:
    """Add a rule or a list of rules."""
    posted = _json(call)
    with state.lock:
        rules = [state.faults.add(raw) for raw in (posted if isinstance(posted, list) else [posted])]
    return {"faults": [asdict(rule) for rule in rules]}


def faults_clear(state: State, call: Call) -> dict[str, Any]:
    """Remove the rule `?number=`, or all."""
    with state.lock:
        state.faults.clear(call.number("number", 0) or None)
    return faults_show(state, call)


def limits_show(state: State, _: Call) -> dict[str, Any]:
    """Show the level and the rules."""
    with state.lock:
        return {"level": state.limits.level, "limits": state.limits.rules}


def limits_add(state: State, call: Call) -> dict[str, Any]:
    """Add a rule or a list of rules, or set the level."""
    posted = _json(call)
    with state.lock:
        for rule in posted if isinstance(posted, list) else [posted]:
            if not isinstance(rule, dict):
                raise SeedError("A limit must be an object.")
            if rule.keys() == {"level"}:
                state.limits.set_level(rule["level"])
            else:
                state.limits.add(rule)
    return limits_show(state, call)


def limits_clear(state: State, call: Call) -> dict[str, Any]:
    """Remove all rules; the level stays."""
    with state.lock:
        state.limits.rules.clear()
    return limits_show(state, call)


def reset(state: State, call: Call) -> dict[str, Any]:
    """Start again from the seeds, or with `events_only` forget only events and requests."""
    if call.body and _object(call).get("events_only"):
        state.clear_events()
    else:
        state.reset()
    return {"reset": True}


def seed_add(state: State, call: Call) -> dict[str, Any]:
    """Add accounts, options, limits and faults."""
    state.add_seed(_object(call))
    return {"seeded": True}


def token_revoke(state: State, call: Call) -> dict[str, Any]:
    """Make a token answer 40105."""
    with state.lock:
        token = state.registry.tokens.get(str(_object(call).get("token")))
        if token is None:
            raise SeedError("There is no such token.")
        token.revoked = True
    return {"revoked": True}


def latency_set(state: State, call: Call) -> dict[str, Any]:
    """Delay every API answer by some seconds."""
    state.latency_seconds = _number(call, "seconds")
    return {"seconds": state.latency_seconds}


def mode_set(state: State, call: Call) -> dict[str, Any]:
    """Accept events without looking at them (`null`), to measure a sender."""
    null = _object(call).get("null")
    if type(null) is not bool:
        raise SeedError('mode needs {"null": true} or {"null": false}.')
    state.null = null
    return {"null": null}


def clock_advance(state: State, call: Call) -> dict[str, Any]:
    """Let time pass at once."""
    state.advance(_number(call, "advance"))
    return {"now": state.now()}


def _json(call: Call) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise SeedError(f"The body is not valid JSON: {error}.") from error


def _object(call: Call) -> dict[str, Any]:
    value = _json(call)
    if not isinstance(value, dict):
        raise SeedError("The body must be one JSON object.")
    return value


def _number(call: Call, name: str) -> float:
    value = _object(call).get(name)
    if type(value) not in (int, float) or value < 0:  # type: ignore[operator]
        raise SeedError(f"{name} must be a number ≥ 0.")
    return float(value)  # type: ignore[arg-type]


ACTIONS: dict[str, dict[str, Action]] = {
    "state": {"GET": state_show},
    "events": {"GET": events_show},
    "event_ids": {"GET": event_ids_show},
    "audiences": {"GET": holdings.audiences_show},
    "audiences/forget": {"POST": lambda state, call: holdings.audience_forget(state, _object(call))},
    "members": {"GET": holdings.members_show},
    "requests": {"GET": requests_show},
    "faults": {"GET": faults_show, "POST": faults_add, "DELETE": faults_clear},
    "limits": {"GET": limits_show, "POST": limits_add, "DELETE": limits_clear},
    "reset": {"POST": reset},
    "seed": {"POST": seed_add},
    "revoke": {"POST": token_revoke},
    "latency": {"POST": latency_set},
    "mode": {"POST": mode_set},
    "clock": {"POST": clock_advance},
}
