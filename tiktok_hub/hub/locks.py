"""Locks between processes that end with their holder, whatever ends it: `flock(2)` on files in the data folder."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


class LockedError(RuntimeError):
    """Somebody else holds the lock; `holder` is what they wrote into it."""

    def __init__(self, path: Path, holder: dict[str, Any]) -> None:
        super().__init__(f"{path} is held by another process")
        self.holder = holder


def holder_read(path: Path) -> dict[str, Any] | None:
    """Return what the present holder of the exclusive lock wrote, or None when nobody holds it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        if _try(file, fcntl.LOCK_SH):
            return None
        try:
            content: dict[str, Any] = json.loads(file.read() or b"{}")
        except ValueError:  # it is being written
            content = {}
        return content


@contextmanager
def exclusive(path: Path, seconds: float = 0.0) -> Iterator[IO[bytes]]:
    """Hold the lock alone, waiting up to `seconds`. Raise LockedError when it stays taken."""
    with path.open("a+b") as file:
        _wait(path, file, fcntl.LOCK_EX, seconds)
        holder_write(file, {})
        yield file


@contextmanager
def shared(path: Path, seconds: float = 60.0) -> Iterator[IO[bytes]]:
    """Hold the lock beside others who share it, waiting up to `seconds` for one who holds it alone."""
    with path.open("a+b") as file:
        _wait(path, file, fcntl.LOCK_SH, seconds)
        yield file


def holder_write(file: IO[bytes], content: dict[str, Any]) -> None:
    """Write what others may know about the holder, in place."""
    file.truncate(0)
    file.write(json.dumps(content).encode())
    file.flush()


def _try(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(path: Path, file: IO[bytes], kind: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _try(file, kind):
        if time.monotonic() >= deadline:
            raise LockedError(path, holder_read(path) or {})
        time.sleep(0.05)
