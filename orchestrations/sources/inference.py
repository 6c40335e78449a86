"""Decide the type of a column that arrived as text, from all of its values and from its name.

The rule that matters: what identifies something stays text. A number type would eat leading zeros and pluses, and a
DOUBLE cannot hold a 19-digit id. So a column becomes a number only if each value is written as that number would print
itself, has at most 15 digits, and its name does not say that it is an identifier.
"""

import re
from collections.abc import Sequence

import duckdb

from orchestrations.sources.base import quoted

ID_LAST = {
    "id",
    "ids",
    "uuid",
    "guid",
    "sku",
    "code",
    "zip",
    "plz",
    "postal",
    "postcode",
    "zipcode",
    "number",
    "num",
    "no",
    "nr",
    "ean",
    "gtin",
    "upc",
    "isbn",
    "barcode",
    "hash",
    "token",
    "key",
    "ref",
    "reference",
    "account",
    "iban",
    "card",
    "order",
    "invoice",
    "transaction",
    "idfa",
    "idfv",
    "aaid",
    "gaid",
    "adid",
    "ttp",
    "ttclid",
    "md5",
    "sha1",
    "sha256",
}
ID_ANYWHERE = {"phone", "mobile", "msisdn", "tel", "telephone", "fax", "phonenumber"}

SAMPLE_ROWS = 10_000
DAY = "[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}"
CLOCK = DAY + "[T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.][0-9]{{1,6}})?)?"
ZONED = CLOCK + " ?(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)"
UNSIGNED_ZERO = "{cell} NOT IN ('-0', '-0.0', '-0.00')"

# Narrowest first. A DOUBLE is taken only for what a DOUBLE prints; an exponent needs its sign, or `12e4` (part of a
# hexadecimal id) would pass for a number.
KINDS = {
    "BIGINT": "regexp_full_match({cell}, '-?(0|[1-9][0-9]{{0,14}})') AND " + UNSIGNED_ZERO,
    "DECIMAL": "regexp_full_match({cell}, '-?(0|[1-9][0-9]{{0,11}})([.][0-9]{{1,6}})?') AND " + UNSIGNED_ZERO,
    "DOUBLE": "regexp_full_match({cell}, '-?(0|[1-9][0-9]{{0,14}})([.][0-9]{{1,20}})?([eE][-+][0-9]{{1,2}})?')",
    "BOOLEAN": "lower({cell}) IN ('true', 'false')",
    "DATE": f"regexp_full_match({{cell}}, '{DAY}') AND try_cast({{cell}} AS DATE) IS NOT NULL",
    "TIMESTAMP": f"regexp_full_match({{cell}}, '{CLOCK}') AND try_cast({{cell}} AS TIMESTAMP) IS NOT NULL",
    "TIMESTAMPTZ": f"regexp_full_match({{cell}}, '{ZONED}') AND try_cast({{cell}} AS TIMESTAMPTZ) IS NOT NULL",
}
PERSONAL = "(?s).*[^@ ]@[^@ ]+[.][^@ ].*|[+][0-9() .-]{7,24}|[{\\[].*[+][0-9]{7,15}[^0-9].*"


def is_identifier(name: str) -> bool:
    """Tell by its name whether a column identifies something: `order_id`, `orderNo`, `SKU`, `phone_2`."""
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    words = [word for word in re.split(r"[^a-z]+", snake.lower()) if word]
    return bool(words) and (words[-1] in ID_LAST or bool(ID_ANYWHERE.intersection(words)))


def types_infer(con: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]) -> dict[str, str]:
    """Give the DuckDB type of each text column of a FROM expression.

    The first rows rule most types out; only what they leave open is asked of all rows, in one pass.
    """
    types = dict.fromkeys(names, "VARCHAR")
    wanted = [name for name in names if not is_identifier(name)]
    first = f"(FROM {relation} LIMIT {SAMPLE_ROWS})"
    open_kinds = _fitting(con, first, {name: list(KINDS) for name in wanted})
    fitting = _fitting(con, relation, open_kinds)
    scales = _scales(con, relation, [name for name in wanted if fitting[name][:1] == ["DECIMAL"]])
    for name in wanted:
        kind = next(iter(fitting[name]), "VARCHAR")
        types[name] = f"DECIMAL(18,{scales[name]})" if kind == "DECIMAL" else kind
    return types


def personal_values(con: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]) -> set[str]:
    """Name the columns whose first values mostly hold e-mail addresses or are (or nest) international phone numbers."""
    if not names:
        return set()
    shares = ", ".join(
        f"avg(CASE WHEN regexp_full_match(CAST({quoted(name)} AS VARCHAR), '{PERSONAL}') THEN 1 ELSE 0 END) "
        f"FILTER ({quoted(name)} IS NOT NULL)"
        for name in names
    )
    answers = con.execute(f"SELECT {shares} FROM (FROM {relation} LIMIT {SAMPLE_ROWS})").fetchall()[0]  # noqa: S608 (quoted)
    return {name for name, share in zip(names, answers, strict=True) if share and share > 0.5}


def _fitting(con: duckdb.DuckDBPyConnection, relation: str, kinds: dict[str, list[str]]) -> dict[str, list[str]]:
    """Keep the types that every value of the relation fits; a column of NULLs alone fits all while it is sampled."""
    asked = [(name, kind) for name, each in kinds.items() for kind in each]
    if not asked:
        return {name: [] for name in kinds}
    checks = ", ".join(f"bool_and({KINDS[kind].format(cell=quoted(name))})" for name, kind in asked)
    answers = con.execute(f"SELECT {checks} FROM {relation}").fetchall()[0]  # noqa: S608 (quoted)
    sampled = " LIMIT " in relation
    fits = {pair for pair, answer in zip(asked, answers, strict=True) if answer or (answer is None and sampled)}
    return {name: [kind for kind in each if (name, kind) in fits] for name, each in kinds.items()}


def _scales(con: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]) -> dict[str, int]:
    """Count the most digits after the point in each column."""
    if not names:
        return {}
    scales = ", ".join(
        f"max(CASE WHEN contains({cell}, '.') THEN length({cell}) - instr({cell}, '.') ELSE 0 END)"
        for cell in map(quoted, names)
    )
    answers = con.execute(f"SELECT {scales} FROM {relation}").fetchall()[0]  # noqa: S608 (quoted)
    return dict(zip(names, answers, strict=True))
