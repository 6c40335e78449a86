"""Find who answers a call, and let the fault rules have their say first. A new family of endpoints is one line here."""

import time

from destinations.emulator import (
    accounts,
    api,
    consent,
    control,
    dmp,
    events,
    faults,
    oauth,
    page,
    segment,
    sharing,
    sources,
)
from destinations.emulator.api import Endpoint
from destinations.emulator.log import Entry
from destinations.emulator.state import State
from destinations.emulator.wire import Answer, Call, text_answer

ENDPOINTS: dict[str, Endpoint] = {
    endpoint.path: endpoint
    for module in (oauth, accounts, sources, events, segment, dmp, sharing)
    for endpoint in module.ENDPOINTS
}


def answer(state: State, call: Call) -> Answer:
    """Answer any call; only those to TikTok's own API are logged and can go wrong on request."""
    if call.path.startswith(control.PREFIX):
        return control.answer(state, call)
    if call.path == "/":
        return page.answer(state, call)
    if call.path in {consent.PATH, consent.PATH + "/"}:
        return consent.answer(state, call)
    if call.path.startswith(api.PREFIX + "/"):
        return _logged(state, call)
    return text_answer(404, api.NOT_FOUND)


def _logged(state: State, call: Call) -> Answer:
    call.request_id = state.request_id()
    started = time.perf_counter()
    with state.lock:
        state.log.begin()
        log = state.log
    given = Answer(500)
    try:
        given = _with_faults(state, call)
    finally:
        entry = Entry(
            state.now(),
            call.method,
            call.path,
            given.status,
            given.code,
            call.request_id,
            time.perf_counter() - started,
            call.items,
            len(call.body),
            call.event_source_id,
            call.fault,
        )
        with state.lock:
            log.end(entry)
    return given


def _with_faults(state: State, call: Call) -> Answer:
    with state.lock:
        rule = state.faults.pick(call)
    state.wait(state.latency_seconds)
    if rule is None:
        return api.answer(state, ENDPOINTS, call)
    call.fault = rule.number
    state.wait(rule.action.get("delay", 0))
    state.wait(rule.action.get("hang", 0))
    replaced = faults.instead(rule.action, call.request_id)
    if replaced is not None:
        return replaced
    given = faults.afterwards(rule.action, api.answer(state, ENDPOINTS, call))
    state.wait(rule.action.get("commit_then_hang", 0))
    return given
