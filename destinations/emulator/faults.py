"""Misbehave on request: rules that match calls and say what goes wrong with them.

A rule is `{"match": {…}, "action": {…}, "times": n, "after": k, "every": n}`. Match keys (all must hold): `path` (its
end, as `/event/track/`), `method`, `token`, `event_source_id`, `body_contains` (text or list of texts, any of them),
`item` (object: some item of `data`, or person of `batch_data`, has all these values, at any depth), `min_items`.
Actions:

- `{"code": N, "message": "…", "data": {…}}`: that return code, nothing is kept
- `{"http": 502}` with an nginx page, or with `body` and `content_type`; `{"http": 200, "body": ""}` an empty body
- `{"not_json": true}`: HTTP 200 with text that is not JSON
- `{"reset": true}`: TCP reset before anything is kept; `{"hang": seconds}`: silence, then the connection closes
- `{"commit_then_drop": true}`: the call is carried out, then the connection is reset
- `{"commit_then_hang": seconds}`: the call is carried out, then silence
- `{"partial": 20001}`: the call is carried out and answered with that code
- `{"delay": seconds}`: late but right; may stand beside any other action
- `{"poison": {"event_id": "x"}}`: 40002 for every batch with such an item, so that only bisection helps;
  `{"poison": {"id": "<digest>"}}` the same for people
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from destinations.emulator.errors import PARAMETER, SeedError
from destinations.emulator.wire import HTML, JSON, Answer, Call, envelope, text_answer

MATCHES = frozenset({"path", "method", "token", "event_source_id", "body_contains", "item", "min_items"})
ACTIONS = frozenset(
    {"code", "http", "not_json", "reset", "hang", "commit_then_drop", "commit_then_hang", "partial", "delay", "poison"}
)
DETAILS = frozenset({"message", "data", "body", "content_type", "delay"})
RULE_KEYS = frozenset({"match", "action", "times", "after", "every", "name"})
PAGE = (
    "<html>\r\n<head><title>{0} {1}</title></head>\r\n<body>\r\n<center><h1>{0} {1}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
REASONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}


@dataclass
class Rule:
    """One rule and how often it matched and fired."""

    number: int
    match: dict[str, Any]
    action: dict[str, Any]
    times: int | None
    after: int
    every: int
    name: str = ""
    matched: int = 0
    fired: int = 0

    def fires(self) -> bool:
        """Count a match; tell whether the rule acts on it."""
        self.matched += 1
        if self.times is not None and self.fired >= self.times:
            return False
        late = self.matched - self.after
        if late < 1 or (late - 1) % self.every:
            return False
        self.fired += 1
        return True

    @property
    def spent(self) -> bool:
        """Tell whether the rule has fired as often as it may."""
        return self.times is not None and self.fired >= self.times


class Faults:
    """The active rules, oldest first. Not thread-safe: the caller holds the state's lock."""

    def __init__(self) -> None:
        """Start without rules."""
        self.rules: list[Rule] = []
        self._number = 0

    def add(self, raw: object) -> Rule:
        """Check and add a rule; raise SeedError when it cannot be understood."""
        match, action = _parts(raw)
        self._number += 1
        counts = {key: _count(raw, key) for key in ("times", "after", "every")}
        rule = Rule(
            self._number,
            match,
            action,
            counts["times"],
            counts["after"] or 0,
            counts["every"] or 1,
            str(raw.get("name", "")) if isinstance(raw, dict) else "",
        )
        self.rules.append(rule)
        return rule

    def clear(self, number: int | None = None) -> None:
        """Remove one rule, or all."""
        self.rules = [] if number is None else [rule for rule in self.rules if rule.number != number]

    def pick(self, call: Call) -> Rule | None:
        """Find the first rule that acts on this call, counting the match in it."""
        if not self.rules:
            return None
        body = _Body(call)
        return next((rule for rule in self.rules if _matches(rule.match, call, body) and rule.fires()), None)


class _Body:
    """Parse a body once, and only when a rule asks for what is in it."""

    def __init__(self, call: Call) -> None:
        self.raw = call.body
        self._parsed: Any = None
        self._done = False

    @property
    def json(self) -> dict[str, Any]:
        if not self._done:
            self._done = True
            try:
                self._parsed = orjson.loads(self.raw)
            except orjson.JSONDecodeError:
                self._parsed = None
        return self._parsed if isinstance(self._parsed, dict) else {}

    @property
    def items(self) -> list[Any]:
        items = self.json.get("data", self.json.get("batch_data"))
        return items if isinstance(items, list) else []


def _matches(match: dict[str, Any], call: Call, body: _Body) -> bool:
    if not call.path.endswith(match.get("path", "")) or match.get("method", call.method) != call.method:
        return False
    if match.get("token", call.token) != call.token:
        return False
    texts = match.get("body_contains")
    if texts is not None and not any(
        text.encode() in body.raw for text in ([texts] if isinstance(texts, str) else texts)
    ):
        return False
    if "event_source_id" in match and body.json.get("event_source_id") != match["event_source_id"]:
        return False
    if "min_items" in match and len(body.items) < match["min_items"]:
        return False
    wanted = match.get("item")
    return wanted is None or any(
        all(value in _values(item, key) for key, value in wanted.items()) for item in body.items
    )


def _values(value: object, key: str) -> Iterable[Any]:
    """Walk through a JSON value and yield what stands under a key, at any depth; list members one by one."""
    if isinstance(value, dict):
        for name, child in value.items():
            if name == key:
                yield from child if isinstance(child, list) else (child,)
            yield from _values(child, key)
    elif isinstance(value, list):
        for child in value:
            yield from _values(child, key)


def _parts(raw: object) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(raw, dict):
        raise SeedError("A fault must be an object with match and action.")
    match, action = raw.get("match", {}), raw.get("action")
    if not isinstance(match, dict) or not isinstance(action, dict):
        raise SeedError("A fault needs an action (an object); match, when given, is an object too.")
    for name, given, known in (
        ("fault", raw, RULE_KEYS),
        ("match", match, MATCHES),
        ("action", action, ACTIONS | DETAILS),
    ):
        unknown = sorted(given.keys() - known)
        if unknown:
            raise SeedError(f"A {name} has the unknown key {unknown[0]}; known are {', '.join(sorted(known))}.")
    if not action.keys() & ACTIONS:
        raise SeedError(f"An action needs one of {', '.join(sorted(ACTIONS))}.")
    for key, value in (("item", match.get("item", {})), ("poison", action.get("poison", {}))):
        if not isinstance(value, dict):
            raise SeedError(f"{key} must be an object of field and value.")
    if "poison" in action:
        match = {**match, "item": action["poison"]}
        field = next(iter(action["poison"]), "event_id")
        action = {"code": PARAMETER, "message": f"Invalid value for {field}: not a valid value.", **action}
        del action["poison"]
    return match, action


def _count(raw: object, key: str) -> int | None:
    value = raw.get(key) if isinstance(raw, dict) else None
    if value is not None and (type(value) is not int or value < 0):
        raise SeedError(f"{key} of a fault must be a whole number ≥ 0.")
    return value


def instead(action: dict[str, Any], request_id: str) -> Answer | None:
    """Give the answer that a rule puts in place of the work, or None when the call is carried out."""
    if "code" in action:
        message = action.get("message") or f"Emulated error {action['code']}."
        return envelope(action["code"], message, request_id, action.get("data", {}))
    if "http" in action:
        return _http(action)
    if action.get("not_json"):
        return text_answer(200, "upstream connect error or disconnect/reset before headers")
    if action.get("reset"):
        return Answer(0, fate="reset")
    return Answer(0, fate="close") if "hang" in action else None


def afterwards(action: dict[str, Any], answer: Answer) -> Answer:
    """Give what becomes of the right answer of a call that was carried out."""
    if action.get("commit_then_drop"):
        return Answer(0, fate="reset")
    if "commit_then_hang" in action:
        return Answer(0, fate="close")
    if "partial" in action and answer.code == 0:
        body = orjson.loads(answer.body)
        return envelope(action["partial"], action.get("message", "Partial success."), body["request_id"], body["data"])
    return answer


def _http(action: dict[str, Any]) -> Answer:
    status = action["http"]
    if "body" not in action:
        return Answer(status, PAGE.format(status, REASONS.get(status, "Error")).encode(), HTML)
    return Answer(status, str(action["body"]).encode(), action.get("content_type", JSON))
