"""What a rejected value may show: enough to find and mend it, never a person's data."""

from destinations.preparation.fields import Kind
from destinations.preparation.sql import literal, trimmed

DOTS = "•••"
SHOWN = 40
DATE_LIKE = r"^[0-9]{4}-[0-9]{2}|^[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}"
FEW_DIGITS = 6


def masked(kind: Kind, raw: str) -> str:
    """Give the SQL that masks a raw text: `j•••@g•••.com`, `•••21`, `C•••`; others where it looks personal."""
    text = f"({trimmed(raw)})"
    if kind is Kind.PHONE:
        return _tail(text)
    if kind is Kind.EMAIL:
        return f"CASE WHEN contains({text}, '@') THEN {_address(text)} ELSE {_head(text)} END"
    if kind in (Kind.EXTERNAL_ID, Kind.DEVICE_ID, Kind.IP, Kind.URL, Kind.TEXT):
        return _head(text)
    digits = f"length(regexp_replace({text}, '[^0-9]', '', 'g'))"
    return f"""CASE WHEN contains({text}, '@') THEN {_address(text)}
        WHEN {digits} > {FEW_DIGITS} AND NOT regexp_matches({text}, {literal(DATE_LIKE)}) THEN {_tail(text)}
        ELSE left({text}, {SHOWN}) END"""


def _head(text: str) -> str:
    return f"left({text}, 1) || '{DOTS}'"


def _tail(text: str) -> str:
    return f"left({text}, 0) || '{DOTS}' || CASE WHEN length({text}) > {FEW_DIGITS} THEN right({text}, 2) ELSE '' END"


def _address(text: str) -> str:
    domain = f"split_part({text}, '@', -1)"
    end = rf"regexp_extract({domain}, '\.[A-Za-z]{{2,10}}$')"
    return f"left({text}, 1) || '{DOTS}@' || left({domain}, 1) || '{DOTS}' || {end}"
