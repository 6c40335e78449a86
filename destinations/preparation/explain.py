"""The hash explainer: what preparation makes of one value, step by step, by the very SQL that it runs over millions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from destinations.preparation import careful
from destinations.preparation.audience_sql import EMAIL, KERNEL, PHONE
from destinations.preparation.contract import ID_TYPES
from destinations.preparation.fields import Field
from destinations.preparation.kernels import KERNELS, Column, Setup
from destinations.preparation.reasons import REASONS
from destinations.preparation.sql import literal, trimmed
from destinations.preparation.stages import chained

RULES = ("audience", "events")
HASHED = {
    "audience": "Lower case, before the @ without dots and without +tag (audience rule)",
    "events": "Lower case (events rule)",
}


@dataclass(frozen=True)
class Explanation:
    """What becomes of a value.

    `steps` are (label, text) in their order; `digests` by e-mail rule (`audience`, `events`; the same for other types),
    empty where the value is bad, and then `problem` is a sentence. It holds personal data: show it, keep it nowhere.
    """

    steps: tuple[tuple[str, str], ...] = field(repr=False)
    digests: Mapping[str, bytes] = field(repr=False)
    problem: str | None = None


def explain(kind: str, text: str, country: str | None = None) -> Explanation:
    """Show how a value of an id type (`ID_TYPES`) is normalised and hashed; `country` is for phones without `+`."""
    number = ID_TYPES.index(kind)
    rules = RULES if number == EMAIL else RULES[:1]
    readings = {rule: _run(number, text, country, rule) for rule in rules}
    steps, problem = [("As given", text)], None
    digests: dict[str, bytes] = {}
    _note(steps, "Without spaces around it", readings[rules[0]]["trimmed"])
    for rule, found in readings.items():
        if number == PHONE:
            _note(steps, "Without blanks, brackets, dots and dashes", found["dial"])
        if found["bad"] is not None or found["value"] is None:
            problem = REASONS[found["bad"] or "missing_identity"]
            continue
        _note(steps, _label(number, rule), found["hashed"])
        note = f"SHA-256 ({rule} rule)" if number == EMAIL else "SHA-256"
        steps.append((note if found["hashed"] is not None else "Already a hash: taken as it is", found["value"]))
        digests |= dict.fromkeys([rule] if number == EMAIL else RULES, bytes.fromhex(found["value"]))
    if problem is not None and digests:
        problem = problem.removesuffix(".") + " (by the audience rule)."
    return Explanation(tuple(dict.fromkeys(steps)), digests, problem)


def _label(kind: int, rule: str) -> str:
    if kind == EMAIL:
        return HASHED[rule]
    return "With country code (E.164)" if kind == PHONE else "Lower case"


def _note(steps: list[tuple[str, str]], label: str, text: str | None) -> None:
    """Add a step where it changes something, or says under which rule nothing changes."""
    if text is not None and (text != steps[-1][1] or label in HASHED.values()):
        steps.append((label, text))


def _run(kind: int, text: str, country: str | None, rule: str) -> dict[str, Any]:
    """Read one value as preparation reads a column."""
    column = Column(Field("x", None, KERNEL[kind], "x"), "x_raw", "x")
    place = literal(country.upper()) if country else "NULL"
    kernel = KERNELS[KERNEL[kind]](column, Setup("", 0, 0, {"email_rule": rule}, place, lambda local: "0"))
    chain = chained({"x_raw": "x"}, [kernel], "(SELECT 1 AS _row, $text::VARCHAR AS x)")
    dial = "x_dial" if kind == PHONE else "NULL"
    query = f"""{chain} SELECT {trimmed("x_raw")} AS trimmed, {dial} AS dial, {kernel.hashed} AS hashed,
        {kernel.value} AS value, {kernel.bad} AS bad FROM ready"""  # noqa: S608 - made of constants
    try:
        with duckdb.connect() as con, careful.registered(con):
            values = con.execute(query, {"text": text}).fetchall()[0]
    finally:
        careful.email.cache_clear()
        careful.phone.cache_clear()
    return dict(zip(("trimmed", "dial", "hashed", "value", "bad"), values, strict=True))
