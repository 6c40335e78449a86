"""Read YAML nodes into documents: every value typed by the schema, every value with its place.

`${NAME}` in a value is taken from the environment, `$${` stands for `${`. Sentences quote what the file says and never
what the environment holds: that may be a secret.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from tiktok_hub.configuration.loading import TAG, documents_load
from tiktok_hub.configuration.problems import Place, Problem, did_you_mean, place_of
from tiktok_hub.configuration.schema import BY_NAME, SECTIONS, TENANT, UNSET, Key, Kind, Section
from tiktok_hub.crypto import Secret

VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")
BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
QUOTES = "Put it in quotes if it is meant as text."


@dataclass
class Item:
    """One thing described in a file.

    `values` holds what the file says and the defaults; a value that could not be read is not in it, and `is_whole`
    is False. `places` maps a key, or `settings.<name>`, to where it stands.
    """

    section: Section
    place: Place
    path: str
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    is_whole: bool = True

    @property
    def name(self) -> str:
        """Return what the item is called; empty where that could not be read."""
        return str(self.values.get(self.section.identity, ""))

    def problem(self, key: str, sentence: str) -> Problem:
        """Return a problem with one of the item's values, at the nearest place that is known."""
        place = self.places.get(key) or self.places.get(key.partition(".")[0]) or self.place
        return Problem(place, f"{self.path}.{key}" if key else self.path, sentence)


@dataclass
class Document:
    """What a file says about one tenant: the tenant itself, and the items of each section that is there."""

    folder: Path
    tenant: Item
    sections: dict[str, dict[str, Item]] = field(default_factory=dict)


def documents_read(path: Path, environ: Mapping[str, str], problems: list[Problem]) -> list[Document]:
    """Read all documents of a file; what is wrong goes to `problems`, and what could be read is returned."""
    nodes = documents_load(path, problems)
    return [DocumentReader(path, environ, problems).document(node) for node in nodes]


class DocumentReader:
    """Read one document."""

    def __init__(self, path: Path, environ: Mapping[str, str], problems: list[Problem]) -> None:
        self.file = str(path)
        self.folder = path.resolve().parent
        self.environ = environ
        self.problems = problems

    def document(self, root: MappingNode) -> Document:
        """Read a whole document."""
        found = self._entries(root, "", list(BY_NAME))
        if TENANT.name in found:
            tenant = self._item(TENANT, found.pop(TENANT.name)[1], "tenant")
        else:
            self._say(root, "", "The document does not say whose it is. Begin with “tenant: {slug: …, name: …}”.")
            tenant = Item(TENANT, place_of(self.file, root), "tenant", is_whole=False)
        document = Document(self.folder, tenant)
        for section in SECTIONS:
            if section.name in found:
                document.sections[section.name] = self._section(section, found[section.name][1])
        return document

    def _section(self, section: Section, node: Node) -> dict[str, Item]:
        """Read the list of a section; a name that comes twice is a problem."""
        items: dict[str, Item] = {}
        for number, part in enumerate(self._list(node, section.name)):
            item = self._item(section, part, f"{section.name}[{number}]")
            name = item.name.lower() if section.name in {"users", "datasets"} else item.name
            if name in items:
                place = items[name].place
                self.problems.append(
                    item.problem(section.identity, f"“{item.name}” stands here already, on line {place.line}.")
                )
            elif name:
                items[name] = item
        return {item.name: item for item in items.values()}

    def _item(self, section: Section, node: Node, path: str) -> Item:
        """Read one item by its section's keys."""
        item = Item(section, place_of(self.file, node), path)
        known = {key.name: key for key in section.keys}
        before = len(self.problems)
        self._name(item, node)
        entries = self._entries(node, item.path, list(known))
        for name, (key_node, value) in entries.items():
            item.places[name] = place_of(self.file, value if isinstance(value, ScalarNode) else key_node)
            self._value(item, known[name], value)
        for key in section.keys:
            if key.name not in entries and key.required:
                self.problems.append(item.problem("", f"The key “{key.name}” is missing."))
            elif key.name not in item.values and key.default is not UNSET:
                item.values[key.name] = deepcopy(key.default)
        item.is_whole = len(self.problems) == before
        return item

    def _name(self, item: Item, node: Node) -> None:
        """Let problems of an item name it: `queries[purchases]` says more than `queries[3]`."""
        if item.section is TENANT or item.section.name not in BY_NAME or not isinstance(node, MappingNode):
            return
        for key, value in node.value:
            if key.value == item.section.identity and isinstance(value, ScalarNode) and value.value:
                item.path = f"{item.section.name}[{value.value[:60]}]"

    def _value(self, item: Item, key: Key, node: Node) -> None:
        """Read one value into the item, unless it is left empty."""
        path = f"{item.path}.{key.name}"
        if _is_null(node) and not key.required:
            return
        if key.kind == Kind.SETTINGS:
            item.values[key.name] = self._settings(item, node, path)
        elif key.kind == Kind.MAPPING:
            item.values[key.name] = self._mapping(item, key, node)
        elif key.kind == Kind.NAMES:
            names = [self._text(part, f"{path}[{number}]") for number, part in enumerate(self._list(node, path))]
            item.values[key.name] = [name for name in names if name is not None]
        elif key.kind == Kind.BOOLEAN:
            self._keep(item, key, self._boolean(node, path))
        elif (text := self._text(node, path, hidden=key.kind == Kind.SECRET)) is not None:
            if not text.strip() and (key.required or key.kind in {Kind.WORD, Kind.SECRET}):
                self._say(node, path, "This is empty.")
            elif key.kind == Kind.WORD and key.words and text not in key.words():
                self._say(node, path, f"“{_raw(node)}” is none of the words allowed.{did_you_mean(text, key.words())}")
            else:
                self._keep(item, key, Secret(text) if key.kind == Kind.SECRET else text)

    def _keep(self, item: Item, key: Key, value: Any) -> None:
        if value is not None:
            item.values[key.name] = value.lower() if key.name == "email" else value

    def _settings(self, item: Item, node: Node, path: str) -> dict[str, Any]:
        """Read a mapping of settings; whether they fit is for the plugin to say."""
        values: dict[str, Any] = {}
        for name, (key_node, value) in self._entries(node, path, None).items():
            item.places[f"settings.{name}"] = place_of(self.file, value if isinstance(value, ScalarNode) else key_node)
            values[name] = self._setting(value, f"{path}.{name}")
        return values

    def _mapping(self, item: Item, key: Key, node: Node) -> dict[str, Any]:
        """Read a mapping whose keys are known, as an item within the item; its places become the item's own."""
        inner = self._item(Section(key.name, key.name, key.keys), node, f"{item.path}.{key.name}")
        item.places |= {f"{key.name}.{name}": place for name, place in inner.places.items()}
        return inner.values

    def _setting(self, node: Node, path: str) -> Any:
        """Read a setting: whole numbers keep every digit as text, fractions are handed on for the plugin to refuse."""
        if isinstance(node, SequenceNode):
            return [self._setting(part, f"{path}[{number}]") for number, part in enumerate(node.value)]
        if not isinstance(node, ScalarNode):
            self._say(node, path, "This must be one value, or a list of values.")
            return None
        kind = node.tag.removeprefix(TAG)
        if kind == "float":
            self._say(node, path, f"{_raw(node)} is a number with a fraction or an exponent. {QUOTES}")
            return None
        if kind in {"null", "bool"}:
            return None if kind == "null" else BOOLEANS[node.value.lower()]
        return self._substitute(node, path)

    def _boolean(self, node: Node, path: str) -> bool | None:
        text = self._substitute(node, path) if isinstance(node, ScalarNode) else None
        if text is None or text.lower() in BOOLEANS:
            if text is None and not isinstance(node, ScalarNode):
                self._say(node, path, "This must be true or false.")
            return None if text is None else BOOLEANS[text.lower()]
        self._say(node, path, f"This must be true or false, and is “{_raw(node)}”.")
        return None

    def _text(self, node: Node, path: str, *, hidden: bool = False) -> str | None:
        """Read a text; a whole number counts as one, digit by digit. A hidden one is never quoted."""
        if not isinstance(node, ScalarNode):
            self._say(node, path, f"This must be a text, and is a {_shape(node)}.")
            return None
        kind = node.tag.removeprefix(TAG)
        if kind in {"bool", "float"}:
            self._say(node, path, f"This must be a text, and {'the value' if hidden else _raw(node)} is none. {QUOTES}")
            return None
        return "" if kind == "null" else self._substitute(node, path)

    def _substitute(self, node: ScalarNode, path: str) -> str | None:
        """Fill in `${NAME}` from the environment; None where a name is not there."""
        missing = False

        def fill(found: re.Match[str]) -> str:
            nonlocal missing
            name = found[1]
            if found[0] == "$${":
                return "${"
            if name is None:
                self._say(node, path, "“${” begins a variable, as in ${NAME}. Write “$${” for the two characters.")
            elif name not in self.environ:
                self._say(node, path, f"The environment variable {name} is not set.")
            else:
                return self.environ[name]
            missing = True
            return ""

        text = VARIABLE.sub(fill, node.value)
        if "\x00" in text:
            self._say(node, path, "This holds a NUL character.")
            return None
        return None if missing else text

    def _entries(self, node: Node, path: str, known: list[str] | None) -> dict[str, tuple[Node, Node]]:
        """Return the entries of a mapping whose keys are known; the others are problems."""
        if not isinstance(node, MappingNode):
            self._say(node, path, f"This must be a mapping (key: value), and is a {_shape(node)}.")
            return {}
        found: dict[str, tuple[Node, Node]] = {}
        for key, value in node.value:
            if known is not None and key.value not in known:
                self._say(key, path, f"There is no key “{key.value[:60]}” here.{did_you_mean(key.value, known)}")
            else:
                found[key.value] = (key, value)
        return found

    def _list(self, node: Node, path: str) -> list[Node]:
        if isinstance(node, SequenceNode):
            return list(node.value)
        if not _is_null(node):
            self._say(node, path, f"This must be a list (- …), and is a {_shape(node)}.")
        return []

    def _say(self, at: Node, path: str, sentence: str) -> None:
        self.problems.append(Problem(place_of(self.file, at), path, sentence))


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == f"{TAG}null"


def _raw(node: Node) -> str:
    """Return what the file says, before the environment was asked, cut to a readable length."""
    return str(node.value)[:60]


def _shape(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "mapping"
    return "list" if isinstance(node, SequenceNode) else "single value"
