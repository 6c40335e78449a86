"""What is wrong with a row, as SQL: the first reason to reject it, and the warnings about what was dropped.

A verdict is the text `prefix|reason`; masks are computed only for the rows that have one.
"""

from destinations.preparation.contract import REJECT, WARNING
from destinations.preparation.fields import Field, Required
from destinations.preparation.masks import masked
from destinations.preparation.sql import literal
from destinations.preparation.stages import Reading, Stages


def _verdict(prefix: str, reason: str) -> str:
    return f"{literal(prefix + '|')} || {reason}"


def row_reject(stages: Stages, always: list[Field], rules: list[tuple[str, str, str]]) -> str:
    """Give the verdict on the row alone: strict and required fields, then `rules` (condition, prefix, reason)."""
    whens = []
    for reading in stages.readings:
        if reading.field in always:
            missing = literal(f"missing_{reading.field.column}")
            value, bad = reading.kernel.value, reading.kernel.bad
            whens.append(f"WHEN {value} IS NULL THEN {_verdict(reading.column.prefix, f'coalesce({bad}, {missing})')}")
        elif reading.field.strict and reading.kernel.bad != "NULL":
            bad = reading.kernel.bad
            whens.append(f"WHEN {bad} IS NOT NULL THEN {_verdict(reading.column.prefix, bad)}")
    for field in always:
        if not stages.of(field):
            whens.append(f"WHEN true THEN {_verdict(f'f_{field.column}', literal(f'missing_{field.column}'))}")
    whens += [f"WHEN {test} THEN {_verdict(prefix, literal(reason))}" for test, prefix, reason in rules]
    return f"CASE {' '.join(whens)} END" if whens else "NULL::VARCHAR"


def missing_one_of(stages: Stages, group: list[Field], reason: str) -> str:
    """Give the verdict of a row in which none of a group of fields has a value: the first bad one, else `reason`."""
    readings = [reading for field in group for reading in stages.of(field)]
    none = " AND ".join(f"{reading.kernel.value} IS NULL" for reading in readings) or "true"
    bads = [_verdict(reading.column.prefix, reading.kernel.bad) for reading in readings if reading.kernel.bad != "NULL"]
    return (
        f"CASE WHEN {none} THEN coalesce({', '.join([*bads, _verdict(f'f_{group[0].column}', literal(reason))])}) END"
    )


def missing_value(stages: Stages, field: Field) -> str:
    """Give the verdict of a row that lacks a required field which another row of its event may bring."""
    reason = literal(f"missing_{field.column}")
    for reading in stages.of(field):
        value, bad = reading.kernel.value, reading.kernel.bad
        return f"CASE WHEN {value} IS NULL THEN {_verdict(reading.column.prefix, f'coalesce({bad}, {reason})')} END"
    return _verdict(f"f_{field.column}", reason)


def issue(stages: Stages, verdict: str) -> str:
    """Turn a verdict into an issue: STRUCT(field, reason, value, level)."""
    prefix = f"split_part({verdict}, '|', 1)"
    shown = " ".join(
        f"WHEN {literal(reading.column.prefix)} THEN {masked(reading.field.kind, reading.shown)}"
        for reading in stages.readings
    )
    fields = " ".join(
        f"WHEN {literal(reading.column.prefix)} THEN {literal(reading.field.column)}" for reading in stages.readings
    )
    value = f"CASE {prefix} {shown} END" if shown else "NULL"
    field = f"CASE {prefix} {fields} ELSE substr({prefix}, 3) END" if fields else f"substr({prefix}, 3)"
    return f"""struct_pack(field := {field}, reason := split_part({verdict}, '|', 2), "value" := {value},
        level := {literal(REJECT)})"""


def warnings(stages: Stages, always: list[Field]) -> str:
    """Give the list of warnings of a row, NULL where there are none."""
    readings = [reading for reading in stages.readings if _lenient(reading, always)]
    if not readings:
        return "NULL"
    bads = [reading.kernel.bad for reading in readings]
    items = [
        f"""CASE WHEN {reading.kernel.bad} IS NOT NULL THEN struct_pack(field := {literal(reading.field.column)},
            reason := {reading.kernel.bad}, "value" := {masked(reading.field.kind, reading.shown)},
            level := {literal(WARNING)}) END"""
        for reading in readings
    ]
    test = " OR ".join(f"{bad} IS NOT NULL" for bad in bads)
    return f"CASE WHEN {test} THEN list_filter([{', '.join(items)}], lambda item: item IS NOT NULL) END"


def _lenient(reading: Reading, always: list[Field]) -> bool:
    return reading.kernel.bad != "NULL" and not reading.field.strict and reading.field not in always


def required_fields(fields: tuple[Field, ...], source: str, required: Required) -> list[Field]:
    """Give the fields that an event source requires in this way."""
    return [field for field in fields if field.required_in(source) == required]
