"""Turn bytes into YAML nodes that know their place, with the bounds that hostile or broken files need.

Only nodes are composed, never objects, so no tag can run anything. Scalars are resolved as YAML 1.2 does (`NO` is a
word, `1e3` a number, a date a text): a country called NO must not become false.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from yaml import MappingNode, Node, ScalarNode, SequenceNode
from yaml.composer import Composer
from yaml.error import MarkedYAMLError
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from tiktok_hub.configuration.problems import Place, Problem, place_of

MAX_BYTES = 1_000_000
MAX_NODES = 50_000  # visits, so that an alias counts each time it is used
MAX_DEPTH = 16
MAX_DOCUMENTS = 200

TAG = "tag:yaml.org,2002:"
PLAIN = {f"{TAG}{kind}" for kind in ("str", "null", "bool", "int", "float", "seq", "map")}
FLOW_HINT = ' Inside { } or [ ], write "${NAME}" with quotes.'


class TooDeepError(MarkedYAMLError):
    """A document that is nested deeper than any configuration is."""


class Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """Compose nodes, with a limit on depth."""

    def __init__(self, stream: bytes) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self.depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """Compose one node; raise TooDeepError before the interpreter's stack is at its end."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise TooDeepError(problem="this is nested too deeply", problem_mark=event.start_mark)
        node: Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _kind, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("float", r"^[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)$", list("-+.")),
):
    Loader.add_implicit_resolver(f"{TAG}{_kind}", re.compile(_pattern), _first)


def documents_load(path: Path, problems: list[Problem]) -> list[MappingNode]:
    """Return the documents of a file; what is wrong with its YAML goes to `problems`."""
    file = str(path)
    try:
        nodes = _compose(path)
    except OSError as error:
        problems.append(Problem(Place(file), "", _unreadable(error)))
    except ReaderError as error:
        problems.append(Problem(Place(file), "", f"This is not UTF-8 text that YAML allows ({error.reason})."))
    except MarkedYAMLError as error:
        problems.append(_syntax_problem(path, error))
    except ValueError as error:
        problems.append(Problem(Place(file), "", str(error)))
    else:
        return [node for node in nodes if _document_check(file, node, problems) and isinstance(node, MappingNode)]
    return []


def _compose(path: Path) -> list[Node]:
    """Read and compose all documents; empty ones are left out."""
    with path.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"The file is larger than {MAX_BYTES:,} bytes. Data belongs into datasets, not in here.")
    nodes: list[Node] = []
    loader = Loader(content)
    while loader.check_node():
        node = loader.get_node()
        if node is not None and not (isinstance(node, ScalarNode) and node.tag == f"{TAG}null"):
            nodes.append(node)
    if not nodes:
        raise ValueError("The file holds no document. Begin with “tenant: {slug: …, name: …}”.")
    if len(nodes) > MAX_DOCUMENTS:
        raise ValueError(f"The file holds more than {MAX_DOCUMENTS} documents.")
    return nodes


def _document_check(file: str, root: Node, problems: list[Problem]) -> bool:
    """Say whether a document can be read: a mapping of bounded size, plain tags, and no key twice."""
    before = len(problems)
    if not isinstance(root, MappingNode):
        sentence = "A document is a mapping that begins with “tenant: {slug: …, name: …}”."
        problems.append(Problem(place_of(file, root), "", sentence))
        return False
    seen: set[int] = set()
    for visits, (node, depth) in enumerate(_walk(root), 1):
        if visits > MAX_NODES or depth > MAX_DEPTH:
            problems.append(Problem(place_of(file, node), "", "The document becomes too large; use fewer aliases (*)."))
            return False
        if id(node) not in seen:
            seen.add(id(node))
            problems += _node_problems(file, node)
    return len(problems) == before


def _walk(root: Node) -> Iterator[tuple[Node, int]]:
    """Yield every node with its depth, an alias each time it is used; without recursion."""
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        if isinstance(node, MappingNode):
            waiting += [(part, depth + 1) for pair in reversed(node.value) for part in reversed(pair)]
        elif isinstance(node, SequenceNode):
            waiting += [(part, depth + 1) for part in reversed(node.value)]


def _node_problems(file: str, node: Node) -> Iterator[Problem]:
    """Refuse tags that are not plain data, keys that are not words, and keys that come twice."""
    if node.tag not in PLAIN:
        yield Problem(place_of(file, node), "", f"The tag {node.tag} is not allowed: configuration is plain data.")
    if not isinstance(node, MappingNode):
        return
    first: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, ScalarNode):
            yield Problem(place_of(file, key), "", "A key must be a word.")
        elif key.value in first:
            sentence = f"The key “{key.value}” stands here already, on line {first[key.value]}."
            yield Problem(place_of(file, key), "", sentence)
        else:
            first[key.value] = key.start_mark.line + 1


def _syntax_problem(path: Path, error: MarkedYAMLError) -> Problem:
    """Say in one sentence what the YAML parser did not like."""
    mark = error.problem_mark or error.context_mark
    said = " ".join(str(part) for part in (error.context and f"{error.context},", error.problem) if part)
    sentence = f"This is not valid YAML: {said}."
    if mark is None:
        return Problem(Place(str(path)), "", sentence)
    lines = path.read_text(errors="replace").splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    return Problem(place_of(str(path), mark), "", sentence + (FLOW_HINT if "${" in line else ""))


def _unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no such file."
    if isinstance(error, IsADirectoryError):
        return "This is a folder. Name the YAML files in it."
    return f"The file cannot be read: {error.strerror}."
