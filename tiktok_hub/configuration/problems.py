"""Where something stands in a configuration file, and what is wrong with it there."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from yaml import Node
from yaml.error import Mark


@dataclass(frozen=True, order=True)
class Place:
    """A place in a file; line and column count from 1, and 0 stands for the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where, at which path of the document (`queries[purchases].sql`), and a sentence."""

    place: Place
    path: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}: {self.path}: {self.sentence}" if self.path else f"{self.place}: {self.sentence}"

    def as_record(self) -> dict[str, object]:
        """Return the problem for `--json`."""
        place = self.place
        return {
            "file": place.file, "line": place.line, "column": place.column, "path": self.path, "message": self.sentence,
        }  # fmt: skip


class ConfigurationInvalidError(Exception):
    """Files that cannot be applied; `problems` are all that were found, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))


def place_of(file: str, at: Node | Mark) -> Place:
    """Return the place of a YAML node or mark."""
    mark = at.start_mark if isinstance(at, Node) else at
    return Place(file, mark.line + 1, mark.column + 1)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the known word nearest to `word` as a sentence with a leading blank, or list what is known, if little."""
    folded = {each.lower(): each for each in known}
    near = get_close_matches(word.lower(), list(folded), n=1, cutoff=0.6)
    if near:
        return f" Did you mean “{folded[near[0]]}”?"
    return f" Known: {', '.join(sorted(folded.values()))}." if 0 < len(folded) <= MOST_LISTED else ""


MOST_LISTED = 12
