"""See whether orchestrations and groups would start each other in a circle, which would never end.

Pure: nodes are names or rows, whatever the caller has; an arrow leads from what ends, or starts, to what it starts.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def circle_through(node: Node, starts: Mapping[Node, Iterable[Node]]) -> list[Node]:
    """Return a shortest way along the arrows from a node back to itself, with it at both ends; empty without one."""
    came_from: dict[Node, Node] = {}
    waiting = [node]
    for here in waiting:
        for other in starts.get(here, ()):
            if other == node:
                return [*_way(here, node, came_from), node]
            if other not in came_from:
                came_from[other] = here
                waiting.append(other)
    return []


def _way(end: Node, start: Node, came_from: Mapping[Node, Node]) -> list[Node]:
    way = [end]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def circle_sentence(names: Iterable[object]) -> str:
    """Say a circle in words."""
    way = " → ".join(f"“{name}”" for name in names)
    return f"This would be a circle that never ends: {way}. Let one of them start in another way."
