"""Collect everything that the product leaves behind, and look for markers in it."""

import base64
import io
import re
import subprocess
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import redis
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection

from tiktok_hub.tenancy.scope import hub_scope

THE_END = "end-of-the-recording"
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")


class Traces:
    """What was found where: a place → the bytes that lay there."""

    def __init__(self) -> None:
        self.found: dict[str, bytes] = {}

    def add(self, place: str, content: object) -> None:
        """Keep what lies at a place."""
        data = content if isinstance(content, bytes) else str(content).encode()
        self.found[place] = self.found.get(place, b"") + b"\n" + data

    def leaks(self, markers: Iterable[str]) -> set[tuple[str, str]]:
        """Return where which marker lies, however it is written or packed."""
        wanted = [(marker, marker.lower().encode()) for marker in markers]
        return {
            (place, marker)
            for place, data in self.found.items()
            for form in forms(data)
            for marker, text in wanted
            if text in form
        }

    def database(self) -> None:
        """Keep every row of every table, and the sessions as they are read back."""
        with hub_scope(), connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                self.add(f"table {table}", cursor.fetchall())
        self.add("sessions", [session.get_decoded() for session in Session.objects.all()])

    def files(self) -> None:
        """Keep every file of the data folder, but for the datasets' own; compressed ones as they are read back."""
        for path in sorted(Path(settings.HUB_DATA_DIR).rglob("*")):
            if path.is_file() and path.parent.name != "datasets":
                self.add(f"file {path.relative_to(settings.HUB_DATA_DIR)}", unpacked(path))

    def broker(self) -> None:
        """Keep every key of the broker."""
        with redis.Redis.from_url(settings.REDIS_URL) as broker:
            for key in broker.scan_iter():
                self.add("broker", [key, broker.dump(key), value_of(broker, key)])


def value_of(broker: "redis.Redis", key: bytes) -> object:
    """Return what a key holds, by its type."""
    readers = {
        b"string": broker.get,
        b"hash": broker.hgetall,
        b"set": broker.smembers,
        b"list": lambda name: broker.lrange(name, 0, -1),
        b"zset": lambda name: broker.zrange(name, 0, -1),
    }
    reader = readers.get(broker.type(key))
    return reader(key) if reader else b""


def unpacked(path: Path) -> bytes:
    """Return a file's content; what the spool packs is unpacked."""
    # To close a file of SQLite's would give back the locks that this process's connections hold on it
    # (https://www.sqlite.org/howtocorrupt.html, 2.2), so another process reads it.
    data = subprocess.run(["/bin/cat", path], check=True, capture_output=True).stdout
    if path.suffix == ".parquet":
        rows = pq.read_table(io.BytesIO(data)).to_pylist()
        return str([{name: readable(value) for name, value in row.items()} for row in rows]).encode()
    if path.suffix == ".zst":
        return bytes(pa.decompress(data[8:], int.from_bytes(data[:8], "little"), codec="zstd", asbytes=True))
    return data


def readable(value: object) -> object:
    """Write digests as they are written everywhere else."""
    return value.hex() if isinstance(value, bytes) else value


def forms(data: bytes) -> Iterator[bytes]:
    """Yield content as it is, and what is base64 in it (also where that is zlib), all in lower case."""
    yield data.lower()
    for candidate in set(BASE64.findall(data)):
        plain = decoded(candidate)
        yield plain.lower()
        if plain[:1] == b"\x78":
            try:
                yield zlib.decompress(plain).lower()
            except zlib.error:
                continue


def decoded(text: bytes) -> bytes:
    """Read base64 of either alphabet."""
    text = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    return base64.b64decode(text[: len(text) // 4 * 4])


@contextmanager
def broker_recorded(traces: Traces) -> Iterator[None]:
    """Keep every command that the broker gets during the block."""
    listening = threading.Event()

    def listen() -> None:
        with redis.Redis.from_url(settings.REDIS_URL) as broker, broker.monitor() as monitor:
            listening.set()
            for command in monitor.listen():
                traces.add("broker's commands", command["command"])
                if THE_END in command["command"]:
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    assert listening.wait(10)
    try:
        yield
    finally:
        with redis.Redis.from_url(settings.REDIS_URL) as broker:
            broker.echo(THE_END)
        thread.join(10)
