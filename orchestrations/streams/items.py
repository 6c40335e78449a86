"""Items as they were posted → rows of texts under the names of the declaration, and what is wrong with their shape.

Values are judged where all rows are prepared. Here it is only seen that each is a text, a number or a truth value under
a name that is known.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from destinations.preparation.contract import REJECT, WARNING
from orchestrations.streams.parameters import ACTION, CONTENTS, GROUPS, TEST_EVENT_CODE, Parameter

MOST_CONTENTS = 200
"""Contents of one event."""
MOST_VALUES = 10
"""E-mails, phones or external ids of one person: as many as preparation reads."""
MOST_WARNINGS = 10
SHOWN = 100
DIGEST = re.compile("[0-9a-fA-F]{64}")

SENTENCES = {
    "not_an_object": "An event must be a JSON object.",
    "unknown_parameter": "There is no parameter of this name; it was ignored.",
    "not_a_value": "The value must be a text, a number, true or false.",
    "not_a_list_of_objects": "Contents must be a list of JSON objects.",
    "too_many_contents": f"An event may have at most {MOST_CONTENTS} contents.",
    "too_many_values": f"A person may have at most {MOST_VALUES} values of a kind; the others were ignored.",
    "given_twice": "Another name for the same parameter was given too; this one was ignored.",
    "not_a_digest": "The value must be a SHA-256 digest: 64 hexadecimal digits.",
    "bad_action": "The action must be add or remove.",
    "bad_test_event_code": "A test event code has at most 64 characters.",
}
"""What is said of an item's shape; the reasons of preparation have their sentences there."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who posted: address and browser, as far as they are known."""

    ip: str | None = None
    agent: str | None = None


@dataclass(slots=True)
class Item:
    """One posted item: its `rows`, and `issues` as `[field, reason, value, level]`.

    An item with a reject among them has no rows. `address` are the settings that it names instead of the stream's.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    issues: list[list[str | None]] = field(default_factory=list)
    address: dict[str, str] = field(default_factory=dict)
    event: str = ""
    event_id: str = ""
    action: str = ""

    @property
    def rejected(self) -> bool:
        """Say whether it is refused already."""
        return any(issue[3] == REJECT for issue in self.issues)


def item_read(
    posted: object, known: Mapping[str, Parameter], *, client: Client, now: float, other_sources: Iterable[str] = ()
) -> Item:
    """Return the rows of one posted item; `known` are the stream's parameters by name (see `parameters.lookup`)."""
    item = Item()
    if not isinstance(posted, dict):
        item.issues.append([None, "not_an_object", None, REJECT])
        return item
    values = _named(posted, known, item)
    if ACTION in known:
        _audience_item(values, item)
    else:
        _event_item(values, known, item, client=client, now=now, other_sources=other_sources)
    if item.rejected:
        item.rows = []
    return item


def _named(posted: dict[Any, Any], known: Mapping[str, Parameter], item: Item) -> dict[str, Any]:
    """Return the values by column; the first of a parameter's names wins, and nothing is dropped silently."""
    flat: dict[str, Any] = {}
    for name, value in posted.items():
        if name in GROUPS and isinstance(value, dict) and name not in known:
            flat |= {inner: each for inner, each in value.items() if inner not in posted}
        else:
            flat[name] = value
    given: dict[str, list[str]] = {}
    for name in flat:
        parameter = known.get(name)
        if parameter is None:
            _warn(item, name, "unknown_parameter")
        else:
            given.setdefault(parameter.column, []).append(name)
    values: dict[str, Any] = {}
    for column, names in given.items():
        first = min(names, key=lambda name: _rank(known[name], name)) if len(names) > 1 else names[0]
        for name in names:
            if name != first:
                _warn(item, name, "given_twice")
        values[column] = _digest(flat[first], first, item) if known[first].hashed else flat[first]
    return values


def _rank(parameter: Parameter, name: str) -> int:
    return parameter.names.index(name) + (100 if parameter.hashed else 0)


def _digest(value: Any, name: str, item: Item) -> Any:
    """Return what is a digest of a value; what is none cannot be sent as one."""
    listed = value if isinstance(value, list) else [value]
    good = [each for each in listed if isinstance(each, str) and DIGEST.fullmatch(each.strip())]
    if len(good) < len([each for each in listed if each not in (None, "")]):
        _warn(item, name, "not_a_digest")
    return good


def _audience_item(values: dict[str, Any], item: Item) -> None:
    action = values.pop(ACTION, None)
    if action not in ("add", "remove"):
        item.issues.append([ACTION, "bad_action", None, REJECT])
        return
    item.action = item.event = action
    row: dict[str, Any] = {ACTION: action}
    for column, value in values.items():
        single = value[0] if isinstance(value, list) and len(value) == 1 else None if value == [] else value
        row[column] = _text(single, column, item)
    item.rows = [row]


def _event_item(
    values: dict[str, Any],
    known: Mapping[str, Parameter],
    item: Item,
    *,
    client: Client,
    now: float,
    other_sources: Iterable[str],
) -> None:
    _address(values, item, other_sources)
    contents = _contents(values.pop(CONTENTS, None), known, item)
    row: dict[str, Any] = {}
    lists: dict[str, list[str | None]] = {}
    for column, value in values.items():
        if isinstance(value, list) and known[column].many:
            lists[column] = [_text(each, column, item) for each in value[: MOST_CONTENTS + 1]]
        elif isinstance(value, list) and known[column].several:
            row[column] = _several(value, column, item)
        else:
            row[column] = _text(value, column, item)
    _filled(row, values, known, client, now)
    item.event, item.event_id = _cut(row.get("event")) or "", row["event_id"]
    if contents and lists:
        for column in lists:
            _warn(item, column, "given_twice")
        lists = {}
    size = max([len(contents), 1, *map(len, lists.values())])
    if size > MOST_CONTENTS:
        item.issues.append([CONTENTS, "too_many_contents", None, REJECT])
        return
    for index in range(size):
        own = contents[index] if contents else {}
        listed = {column: each[index] if index < len(each) else None for column, each in lists.items()}
        item.rows.append(row | own | listed)


def _address(values: dict[str, Any], item: Item, other_sources: Iterable[str]) -> None:
    """Take out what an event is sent with rather than what it says."""
    source = values.get("event_set_id")
    if isinstance(source, str) and source.strip() in other_sources:
        item.address["event_source_id"] = source.strip()
    code = values.pop(TEST_EVENT_CODE, None)
    if code in (None, ""):
        return
    text = _text(code, TEST_EVENT_CODE, item)
    if text is None or len(text) > 64:  # noqa: PLR2004 - as the setting of the same name
        item.issues.append([TEST_EVENT_CODE, "bad_test_event_code", None, REJECT])
    else:
        item.address[TEST_EVENT_CODE] = text


def _contents(value: Any, known: Mapping[str, Parameter], item: Item) -> list[dict[str, str | None]]:
    if value in (None, []):
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        item.issues.append([CONTENTS, "not_a_list_of_objects", None, REJECT])
        return []
    made = []
    for each in value[: MOST_CONTENTS + 1]:
        row: dict[str, str | None] = {}
        for name, one in each.items():
            parameter = known.get(name)
            if parameter is None or not (parameter.many or parameter.column == "content_type"):
                _warn(item, f"{CONTENTS}.{name}", "unknown_parameter")
            else:
                row[parameter.column] = _text(one, f"{CONTENTS}.{name}", item)
        made.append(row)
    return made


def _filled(
    row: dict[str, Any], values: dict[str, Any], known: Mapping[str, Parameter], client: Client, now: float
) -> None:
    """Put in what is taken from the request where it is absent; an explicit null means that it is to stay absent."""
    row["event_id"] = (row.get("event_id") or "").strip() or uuid.uuid4().hex
    if not (row.get("timestamp") or "").strip():
        row["timestamp"] = str(int(now))
    for column, value in (("ip", client.ip), ("agent", client.agent)):
        if value and column in known and column not in values:
            row[column] = value


def _several(value: list[Any], column: str, item: Item) -> Any:
    """Return one text, or a list of several."""
    texts = [text for text in (_text(each, column, item) for each in value[: MOST_VALUES + 1]) if text is not None]
    if len(texts) > MOST_VALUES:
        _warn(item, column, "too_many_values")
        texts = texts[:MOST_VALUES]
    return texts if len(texts) > 1 else texts[0] if texts else None


def _text(value: Any, name: str, item: Item) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    item.issues.append([name, "not_a_value", None, REJECT])
    return None


def _warn(item: Item, name: object, reason: str) -> None:
    if len(item.issues) < MOST_WARNINGS:
        item.issues.append([_cut(name), reason, None, WARNING])


def _cut(value: object) -> str | None:
    return None if value is None else str(value)[:SHOWN]
