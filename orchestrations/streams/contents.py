"""What a chunk holds: prepared events as they will be sent, and what was said of the items they came from."""

from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
import pyarrow as pa

LEVEL = 1  # zstd, as in the spool


@dataclass(slots=True)
class Contents:
    """Items that were accepted or rejected together, numbered from 0.

    `body` is a request body of the accepted events, `numbers` the items' numbers in its order. `issues` are
    `[number, field, reason, masked value, level]`, the words those of preparation. `names` are event and event_id of
    rejected items, as far as they were given.
    """

    body: bytes = b""
    numbers: list[int] = field(default_factory=list)
    issues: list[list[Any]] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)


def contents_pack(contents: Contents) -> bytes:
    """Return contents as they are stored."""
    whole = orjson.dumps(asdict(contents) | {"body": contents.body.decode()})
    return len(whole).to_bytes(8, "little") + bytes(
        pa.Codec("zstd", compression_level=LEVEL).compress(whole, asbytes=True)
    )


def contents_unpack(packed: bytes) -> Contents:
    """Return contents that were stored."""
    packed = bytes(packed)
    whole = orjson.loads(pa.decompress(packed[8:], int.from_bytes(packed[:8], "little"), codec="zstd", asbytes=True))
    return Contents(whole["body"].encode(), whole["numbers"], whole["issues"], whole["names"])
