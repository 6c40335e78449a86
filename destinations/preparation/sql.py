"""Small pieces of SQL text: quoting, trimming, and the marks that the careful path puts before its answers.

Casts are always `try_cast`, also behind a CASE that lets only good values through: the engine may run an expression on
more values than the CASE selects, and one bad value would fail the query.

Whatever comes from people (column names, settings) enters SQL through `name` and `literal` only.
"""

import re

SPACES = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""Every Unicode space, as Python's `str.strip` knows them: engines' own `trim` differ from each other."""

HEX64 = "[0-9a-fA-F]{64}"


def name(identifier: str) -> str:
    """Quote an identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text."""
    return "'" + text.replace("'", "''") + "'"


def trimmed(x: str) -> str:
    """Trim Unicode spaces; blank becomes NULL."""
    return f"nullif(trim({x}, {literal(SPACES)}), '')"


def clean(x: str) -> str:
    """Test that a text needs no trimming: it begins and ends with a visible ASCII character. Very cheap."""
    return f"({x} BETWEEN '!' AND '~' AND {x}[-1] BETWEEN '!' AND '~')"


def full(x: str, pattern: str) -> str:
    """Match the whole text, never a part and never up to a newline."""
    return f"regexp_full_match({x}, {literal(pattern)})"


def among(x: str, values: tuple[str, ...] | frozenset[str]) -> str:
    """Test for one of some words. Not IN: the engine makes a join of it, and a join loses the order of rows."""
    return full(x, "|".join(re.escape(value) for value in sorted(values)))


def payload(x: str) -> str:
    """Cut the mark off a careful answer."""
    return f"substr({x}, 2)"


def marked(x: str, mark: str) -> str:
    """Test the mark of a careful answer: `=` good, `#` already hashed, `~` local time, `!` followed by a reason."""
    return f"starts_with({x}, {literal(mark)})"


def reason(x: str) -> str:
    """Read the reason out of a careful answer, NULL where it is good."""
    return f"CASE WHEN {marked(x, '!')} THEN {payload(x)} END"
