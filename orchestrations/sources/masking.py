"""Hide personal data in previews for users who may send it but not see it.

Which columns hold personal data is told by their names: a preview is shown before anybody has declared anything.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from orchestrations.sources.base import quoted

DOTS = "•••"
EMAIL = r"^\s*(?P<first>[^@\s])[^@]*@(?P<host>[^@.\s])[^@]*\.(?P<top>[A-Za-z0-9-]+)\s*$"
PHONE = r"^\s*(?P<start>\+\d)?[\d().\s-]*(?P<end>\d\d)\s*$"

MANY_DIGITS = r"(\d[^\d]*){7}"

PII_NAME = re.compile(
    r"e_?mail|phone|mobile|msisdn|(^|_)(tel|fax|ip|idfa|idfv|aaid|gaid|adid|maid|dob|ssn|iban|ttp|ttclid)($|_)"
    r"|(first|last|sur|full|family|given|middle|user|maiden)_?name|^name$"
    r"|address|street|zip|postal|post_?code|birth|passport|latitude|longitude"
    r"|external_id|(customer|client|member|person|contact|subscriber|loyalty|user|device|cookie|visitor|click|gclid|fbclid)_?(id|no|nr|num|number)$"
    r"|(advertising|ip|device)_?id|user_?agent|^agent$|ip_?addr|gclid|fbclid|tiktok_click",
    re.IGNORECASE,
)


def pii_columns(columns: Iterable[str]) -> set[str]:
    """Name the columns that sound like personal data."""
    return {name for name in columns if PII_NAME.search(_snake(name))}


def shown_sql(hidden: Collection[str]) -> str:
    """Return the select list of a table whose `hidden` columns are masked: `j•••@•••`, `•••`; NULL stays NULL."""
    masked = (f"{_masked_sql(quoted(name))} AS {quoted(name)}" for name in sorted(hidden))
    return f"* REPLACE ({', '.join(masked)})" if hidden else "*"


def _masked_sql(column: str) -> str:
    text = f"CAST({column} AS VARCHAR)"
    return (
        f"CASE WHEN {column} IS NULL THEN NULL WHEN contains({text}, '@') "
        f"THEN left(trim({text}), 1) || '{DOTS}@{DOTS}' ELSE '{DOTS}' END"
    )


def mask_table(table: pa.Table, columns: Collection[str]) -> pa.Table:
    """Mask the named columns, all rows at once; NULL stays NULL, every other type becomes text.

    E-mail `j•••@g•••.com`, phone `+1•••••34`, anything else `•••`.
    """
    for index, name in enumerate(table.column_names):
        if name in columns:
            table = table.set_column(index, name, _masked(table.column(index)))
    return table


def value_mask(text: str) -> str:
    """Mask one value as a column of it would be."""
    return str(_masked(pa.chunked_array([pa.array([text], pa.string())]))[0])


def _masked(column: "pa.ChunkedArray[Any]") -> "pa.ChunkedArray[Any]":
    """Mask one column; the dots alone where the value is neither e-mail nor phone."""
    nothing = pa.scalar(None, pa.string())
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return _chunked(pc.if_else(pc.is_valid(column), pa.scalar(DOTS), nothing))
    text = column.cast(pa.string())
    email = pc.replace_substring_regex(text, EMAIL, rf"\1{DOTS}@\2{DOTS}.\3")
    phone = pc.replace_substring_regex(text, PHONE, rf"\1{DOTS}••\2")
    is_phone = pc.and_(pc.match_substring_regex(text, PHONE), pc.match_substring_regex(text, MANY_DIGITS))
    shown = pc.if_else(is_phone, phone, pc.if_else(pc.is_valid(text), pa.scalar(DOTS), nothing))
    return _chunked(pc.if_else(pc.match_substring_regex(text, EMAIL), email, shown))


def _chunked(array: Any) -> "pa.ChunkedArray[Any]":
    """Bring what a kernel returned to the shape that tables take."""
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array], pa.string())


def _snake(name: str) -> str:
    """Bring camelCase, blanks and dashes to snake_case, so that one pattern reads all names."""
    return re.sub(r"[\s.-]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())).lower()
