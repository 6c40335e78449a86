"""Take lists and texts out of TikTok's answers, leniently: what is missing or of another shape is empty."""

from collections.abc import Iterator
from typing import Any

from destinations.tiktok.client import TikTokClient

#: The most pages read of any list, should a server count them wrongly.
MOST_PAGES = 500


def pages(client: TikTokClient, path: str, params: dict[str, Any], key: str, size: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of all pages; the last page is the one `page_info` says, or an empty one."""
    for page in range(1, MOST_PAGES + 1):
        data = client.get(path, {**params, "page": page, "page_size": size}).data
        rows = rows_of(data.get(key))
        yield from rows
        if not rows or page >= (page_number(data, "total_page") or 1):
            return


def page_number(data: dict[str, Any], name: str) -> int | None:
    """Return one number of an answer's `page_info`: total_page, total_number."""
    info = data.get("page_info")
    value = info.get(name) if isinstance(info, dict) else None
    return value if isinstance(value, int) else None


def rows_of(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    return [row for row in list_of(value) if isinstance(row, dict)]


def list_of(value: object) -> list[Any]:
    """Return a list; empty for anything else."""
    return value if isinstance(value, list) else []


def text_of(value: object) -> str:
    """Return a text; a number where a string belongs becomes one, since ids are strings."""
    return "" if value is None else str(value)
