"""From a declaration and a query's columns to SQL whose rows carry every normalised value and every reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from destinations.preparation.columns import as_shown, raw_columns
from destinations.preparation.fields import Field, Kind
from destinations.preparation.kernels import KERNELS, LAYERS, Column, Kernel, Setup


@dataclass(frozen=True)
class Reading:
    """How one column (or list element) is read: its kernel, and how to show its raw text."""

    column: Column
    kernel: Kernel
    shown: str

    @property
    def field(self) -> Field:
        """The field it belongs to."""
        return self.column.field


@dataclass(frozen=True)
class Stages:
    """The readings of a query and the SQL text that produces them as relation `ready`."""

    readings: tuple[Reading, ...]
    sql: str

    def of(self, field: Field) -> list[Reading]:
        """Give the readings of a field; several for a list or where aliases are used side by side."""
        return [reading for reading in self.readings if reading.field == field]

    def values(self, field: Field) -> list[str]:
        """Give the names of a field's normalised values."""
        return [reading.kernel.value for reading in self.of(field)]

    def value(self, column: str) -> str:
        """Give the name of the normalised value of a column that is not a list, NULL where the query lacks it."""
        found = [reading.kernel.value for reading in self.readings if reading.field.column == column]
        return found[0] if found else "NULL"


def stages(fields: Iterable[Field], relation: str, columns: Mapping[str, str], setup: Setup, extra: str = "") -> Stages:
    """Chain the kernels of every field that the query has and the event source knows.

    `extra` is SQL of further columns taken from the relation as they are. A field that is absent but has a fallback is
    read from NULL.
    """
    raws: dict[str, str] = {}
    readings: list[Reading] = []
    for field in fields:
        if field.applies(setup.source):
            for index, (sql, native) in enumerate(_found(field, columns, setup)):
                prefix = f"f_{field.column}" + (f"_{index + 1}" if index else "")
                raw = f"{prefix}_raw"
                raws[raw] = sql
                column = Column(field, raw, prefix, native)
                shown = raw if native == "VARCHAR" else as_shown(raw, native)
                readings.append(Reading(column, KERNELS[field.kind](column, setup), shown))
    return Stages(tuple(readings), chained(raws, [reading.kernel for reading in readings], relation, extra))


def country_value(fields: Iterable[Field], columns: Mapping[str, str]) -> str | None:
    """Name the value that the country column will have, if the query has one."""
    lower = {column.lower() for column in columns}
    for field in fields:
        if field.kind is Kind.COUNTRY and lower.intersection(field.names):
            return f"f_{field.column}_value"
    return None


def _found(field: Field, columns: Mapping[str, str], setup: Setup) -> list[tuple[str, str]]:
    found = [
        raw
        for column, duckdb_type in columns.items()
        if column.lower() in field.names
        for raw in raw_columns(field, column, duckdb_type)
    ]
    if not found and field.fallback and field.kind is not Kind.SAME and setup.settings.get(field.fallback):
        return [("NULL::VARCHAR", "VARCHAR")]
    return found


def chained(raws: Mapping[str, str], kernels: Iterable[Kernel], relation: str, extra: str = "") -> str:
    """Chain kernels over what they read (`raws`: name → SQL over the relation), layer by layer, up to `ready`."""
    kernels = list(kernels)
    first = ", ".join(["_row", *([extra] if extra else []), *(f"{sql} AS {raw}" for raw, sql in raws.items())])
    parts = [f"layer_0 AS (SELECT {first} FROM {relation})"]  # noqa: S608 - all parts are quoted
    for layer in range(LAYERS):
        steps = {k: v for r in kernels if layer < len(r.layers) for k, v in r.layers[layer].items()}
        added = "".join(f", {sql} AS {alias}" for alias, sql in steps.items())
        parts.append(f"layer_{layer + 1} AS (SELECT *{added} FROM layer_{layer})")  # noqa: S608 - all parts are quoted
    return f"WITH {', '.join(parts)}, ready AS (SELECT * FROM layer_{LAYERS})"  # noqa: S608 - all parts are quoted
