"""The parameters of posted items, told from the declaration: for pages and for the documentation."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from destinations import specs
from destinations.preparation.fields import Required
from destinations.specs.base import Spec
from orchestrations.streams.examples import EXAMPLES, example_item
from orchestrations.streams.parameters import Parameter, parameters

REQUIRED = {Required.ALWAYS: "yes", Required.ONE_OF: "one of these", Required.NEVER: ""}
TAKES = {
    "email": "text",
    "phone": "text",
    "external_id": "text or number",
    "device_id": "UUID",
    "sha256": "64 hex digits",
    "text": "text or number",
    "event_name": "text",
    "number": "number",
    "quantity": "whole number from 1",
    "timestamp": "ISO 8601, or Unix seconds or ms",
    "currency": "ISO 4217 code",
    "choice": "one of the words",
    "boolean": "true or false",
    "ip": "IPv4 or IPv6 address",
    "url": "http or https address",
    "locale": "BCP 47 tag",
    "country": "two letters",
    "same": "text",
    "list": "list of objects",
}
HEAD = """# Parameters of streams

What an item that is posted to a [stream](streams.md) may carry, by destination; the page *Parameters* of each stream
shows those that its own settings give a meaning. Made by `manage.py stream_reference` from the declaration of the
plugins: the columns of queries have the same names.

A name may also be written in TikTok's own way, inside of `user`, `properties` or `page`. Values are texts or numbers;
unknown names are ignored. *hashed* identifiers are SHA-256 in hex of the normalised value.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A parameter as a line of a table: its names, whether it must be there, what it is, takes, and an example."""

    name: str
    aliases: tuple[str, ...]
    required: str
    label: str
    help: str
    takes: str
    choices: tuple[str, ...]
    example: str


def lines(spec: Spec, settings: Mapping[str, Any]) -> list[Line]:
    """Return the parameters that items for a destination with these settings may have."""
    return [_line(each) for each in parameters(spec, settings)]


def _line(each: Parameter) -> Line:
    takes = TAKES[each.kind]
    if each.several:
        takes += ", or a list"
    elif each.many:
        takes += "; a list has one for each content"
    example = json.dumps(EXAMPLES[each.name]) if each.name in EXAMPLES else ""
    return Line(each.name, each.aliases, REQUIRED[each.required], each.label, each.help, takes, each.choices, example)


def reference_markdown() -> str:
    """Return the parameters of every kind of stream as a page of the documentation."""
    return "\n".join([HEAD, *(part for kind in kinds() for part in _markdown(*kind))])


def kinds() -> Iterator[tuple[str, Spec, dict[str, Any]]]:
    """Yield what streams there are: a title, the plugin, and the settings that make the difference."""
    for spec in specs.all():
        if spec.source_setting:
            for value, label in spec.setting(spec.source_setting).choices:
                yield f"{spec.label}: {label}", spec, {spec.source_setting: value}
        elif spec.kinds_setting:
            everything = [value for value, _ in spec.setting(spec.kinds_setting).choices]
            yield spec.label, spec, {spec.kinds_setting: everything}
        else:
            yield spec.label, spec, {}


def _markdown(title: str, spec: Spec, settings: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {title}\n\n```json\n{json.dumps(example_item(spec, settings), indent=2)}\n```\n"
    yield "| parameter | needed | takes | what it is | example |\n|---|---|---|---|---|"
    for line in lines(spec, settings):
        names = ", ".join(f"`{name}`" for name in (line.name, *line.aliases))
        words = f" One of: {', '.join(line.choices)}." if line.choices else ""
        example = f"`{line.example}`" if line.example else ""
        yield f"| {names} | {line.required} | {line.takes} | {line.label}. {line.help}{words} | {example} |"
    yield ""
