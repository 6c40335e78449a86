"""The JSON texts of grouped events, put together from columns of fragments."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from destinations.preparation import careful
from destinations.preparation.wire import Tree

Ints = npt.NDArray[np.int64]

CONTENTS, VALUE, CURRENCY, CONTENT_TYPE = (
    "properties.contents[].members",
    "properties.value",
    "properties.currency",
    "properties.content_type",
)
LIMITED = "limited_data_use"


@dataclass(frozen=True)
class Assembly:
    """How the columns of a grouped query become texts.

    `nested` is the payload: keys to names of columns that hold `"key":value`, in order. `made` are the targets that
    depend on the whole group; `defaults` what they are where no row says so. `needs` counts the columns `need_n`.
    """

    nested: Tree
    defaults: dict[str, str]
    limited: bool
    needs: int

    def texts(self, table: pa.Table, starts: Ints, group: Ints) -> pa.StringArray:
        """Write one text per group, each ending with a comma."""
        made = self._made(table, starts, group)
        members = _members(self.nested, lambda name: made[name] if name in made else _first(table, name, starts))
        return pc.binary_join_element_wise("{", members, "},", "").cast(pa.string())

    def _made(self, table: pa.Table, starts: Ints, group: Ints) -> dict[str, pa.Array]:
        made: dict[str, pa.Array] = {}
        names = set(table.column_names)
        amount = _amount(table, starts, group)
        contents = _joined_items(table, starts, group)
        made[CONTENTS] = contents
        made[VALUE] = _pair("value", amount)
        for target, presence in ((CURRENCY, amount), (CONTENT_TYPE, contents)):
            given = _first(table, target, starts) if target in names else pa.nulls(len(starts), pa.string())
            default = pc.if_else(pc.is_valid(presence), pa.scalar(self.defaults[target]), pa.scalar(None, pa.string()))
            made[target] = _pair(target.rsplit(".", 1)[-1], _quoted(pc.coalesce(given, default)))
        made[LIMITED] = self._limited(table, starts)
        return made

    def _limited(self, table: pa.Table, starts: Ints) -> pa.Array:
        """Restrict an event when one of its rows asks for it; where none says anything, the setting holds."""
        said = np.zeros(len(starts), np.bool_)
        asked = np.zeros(len(starts), np.bool_)
        if LIMITED in table.column_names:
            column = table.column(LIMITED)
            said = np.logical_or.reduceat(column.is_valid().to_numpy(), starts)
            asked = np.logical_or.reduceat(pc.fill_null(column, False).to_numpy(), starts)
        restricted = asked | (~said & self.limited)
        return pc.if_else(pa.array(restricted), pa.scalar('"limited_data_use":true'), pa.scalar(None, pa.string()))


def _first(table: pa.Table, name: str, starts: Ints) -> pa.Array:
    """Give each group's first value that is not NULL."""
    column = table.column(name).combine_chunks()
    size = len(column)
    if column.null_count == 0:
        return column.take(pa.array(starts))
    at = np.where(column.is_valid().to_numpy(zero_copy_only=False), np.arange(size), size)
    found = np.minimum.reduceat(at, starts)
    return column.take(pa.array(found, mask=found == size))


def _joined_items(table: pa.Table, starts: Ints, group: Ints) -> pa.Array:
    """Join the contents of each group, in the order of its rows; NULL where it has none."""
    if "item" not in table.column_names:
        return pa.nulls(len(starts), pa.string())
    items = table.column("item").combine_chunks()
    there = items.is_valid().to_numpy(zero_copy_only=False)
    counts = np.bincount(group[there], minlength=len(starts))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), items.drop_null())
    joined = pc.binary_join(lists, "},{")
    return pc.if_else(pa.array(counts > 0), joined, pa.scalar(None, pa.string()))


def _amount(table: pa.Table, starts: Ints, group: Ints) -> pa.Array:
    """Give each group's value as text: the first given one, else the exact sum of its lines."""
    missing = pa.nulls(len(starts), pa.string())
    given = _first(table, "amount", starts) if "amount" in table.column_names else missing
    if "line" not in table.column_names or given.null_count == 0:
        return given
    lines = pa.table({"group": pa.array(group), "line": table.column("line")})
    lines = lines.filter(pc.is_null(given.take(lines.column("group"))))
    sums = lines.group_by("group", use_threads=False).aggregate([("line", "sum")]).sort_by("group")
    texts = _plain(sums.column("line_sum").combine_chunks())
    made = np.zeros(len(starts), np.int64)
    made[sums.column("group").to_numpy()] = np.arange(sums.num_rows)
    there = np.zeros(len(starts), np.bool_)
    there[sums.column("group").to_numpy()] = True
    return pc.coalesce(given, texts.take(pa.array(made, mask=~there))) if sums.num_rows else given


def _plain(sums: pa.Array) -> pa.Array:
    """Write decimals as the wire has them."""
    texts = pc.replace_substring_regex(sums.cast(pa.string()), r"\.?0+$", "")
    odd = pc.fill_null(
        pc.invert(pc.match_substring_regex(texts, r"^(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{0,5}[1-9])?$")), False
    )
    if not pc.any(odd).as_py():
        return texts
    careful_texts = [careful.plain(value) for value in sums.filter(odd).to_pylist()]
    return pc.replace_with_mask(texts, odd, pa.array(careful_texts, pa.string()))


def _quoted(texts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise('"', texts, '"', "")


def _pair(key: str, values: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(f'"{key}":', values, "")


def _members(nested: Tree, column: Callable[[str], pa.Array]) -> pa.Array:
    """Join an object's members, NULL where it has none."""
    parts = []
    for key, child in nested.items():
        if isinstance(child, str):
            parts.append(column(child))
        else:
            opening, closing = ("[{", "}]") if key.endswith("[]") else ("{", "}")
            inner = _members(child, column)
            parts.append(pc.binary_join_element_wise(f'"{key.removesuffix("[]")}":{opening}', inner, closing, ""))
    # Arrow 26 leaves out rows whose parts are all NULL, so each row starts with an empty part and loses its comma.
    joined = pc.binary_replace_slice(pc.binary_join_element_wise("", *parts, ",", null_handling="skip"), 0, 1, "")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)
