"""What every kernel takes and gives."""

from collections.abc import Callable
from dataclasses import dataclass

from destinations.preparation.contract import Settings
from destinations.preparation.fields import Field

LAYERS = 5
"""Projections that kernels run through; an expression sees the columns of the layers before its own."""


@dataclass(frozen=True)
class Column:
    """A column of the query, or one element of a list column.

    `raw` names it in SQL (as text, or in its own type where `native` says which), `prefix` begins the names of what the
    kernel adds.
    """

    field: Field
    raw: str
    prefix: str
    native: str = "VARCHAR"

    def named(self, suffix: str) -> str:
        """Name something the kernel adds."""
        return f"{self.prefix}_{suffix}"


@dataclass(frozen=True)
class Setup:
    """What kernels know of the run.

    `source` is the event source, `country` a SQL expression of the country that holds for a row, `offset` turns the SQL
    of a local time (epoch seconds as if it were UTC) into the SQL of its zone's offset in seconds.
    """

    source: str
    now: int
    max_age: int
    settings: Settings
    country: str
    offset: Callable[[str], str]


@dataclass(frozen=True)
class Kernel:
    """SQL of one column: projections layer by layer, then the normalised value and the reason it is bad.

    `value` and `bad` are names of columns or constants; both are NULL where nothing was given, and never both filled.
    `hashed` is the text that a hashed value is made of, NULL where the value came as a hash.
    """

    layers: tuple[dict[str, str], ...]
    value: str
    bad: str = "NULL"
    hashed: str = "NULL"
