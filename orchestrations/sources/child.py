"""Hold the child process in which users' SQL runs: start it, talk to it, kill it when its time is up."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from orchestrations.sources.base import QueryCancelledError, QueryError
from orchestrations.sources.messages import MEMORY, TEMP

SANDBOX = Path(__file__).with_name("sandbox.py")
POLL_SECONDS = 0.1

Message = dict[str, Any]


class Child:
    """One process running `sandbox`; `alive` until it was killed or ended by itself."""

    def __init__(self, scratch: Path, *, spill_bytes: int, cancelled: Callable[[], bool]) -> None:
        """Start it in its scratch directory, with an environment that holds nothing of ours.

        DuckDB keeps extensions and secrets below HOME, which must be out of its reach: with a home in the scratch
        directory, where queries may write, INSTALL fetches from the network.
        """
        self.scratch = scratch
        self.spill_bytes = spill_bytes
        self.cancelled = cancelled
        self.alive = True
        self._pending = b""
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and program)
            [sys.executable, "-I", str(SANDBOX)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env={"HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
        )

    def exchange(self, request: Message, *, seconds: float, progress: Callable[[int], None] | None = None) -> Message:
        """Write a request and read until the answer.

        The child is killed when the time is over, the query is cancelled, or anything goes wrong here, so that nothing
        of an old answer can meet a new question. Raises QueryError.
        """
        try:
            self._send(request)
            for line in self._lines(time.monotonic() + seconds, seconds):
                message: Message = json.loads(line)
                if "progress" not in message:
                    return message
                if progress:
                    progress(message["progress"])
        except BaseException:
            self.kill()
            raise
        self.kill()
        raise QueryError(*MEMORY, detail="The engine process ended by itself.")

    def kill(self) -> None:
        """End the process at once, and remove what it left behind."""
        if not self.alive:
            return
        self.alive = False
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                _open(pipe).close()
        for left in self.scratch.iterdir():
            if left.is_file():
                left.unlink()

    def _send(self, request: Message) -> None:
        """Write one request; that the child has ended shows when its answer is read."""
        with suppress(BrokenPipeError):
            _open(self._process.stdin).write(json.dumps(request).encode() + b"\n")
            _open(self._process.stdin).flush()

    def _lines(self, deadline: float, seconds: float) -> Iterator[bytes]:
        """Yield the child's lines until it ends, watching clock and cancellation in between."""
        descriptor = _open(self._process.stdout).fileno()
        while True:
            while b"\n" in self._pending:
                line, _, self._pending = self._pending.partition(b"\n")
                yield line
            if self.cancelled():
                raise QueryCancelledError("The query was cancelled.")
            if time.monotonic() > deadline:
                raise QueryError(
                    f"The query ran longer than the {seconds:g} seconds it may take.",
                    "Filter earlier, check the join conditions, or give recursion an end.",
                )
            if self._spilled() > self.spill_bytes:
                raise QueryError(*TEMP)
            if select.select([descriptor], [], [], POLL_SECONDS)[0]:
                read = os.read(descriptor, 1 << 16)
                if not read:
                    return
                self._pending += read

    def _spilled(self) -> int:
        """Count the bytes of intermediate results on disk: DuckDB 2.0 holds sorts to no limit of its own."""
        sizes = 0
        for file in self.scratch.glob("duckdb_temp*"):
            with suppress(FileNotFoundError):
                sizes += file.stat().st_size
        return sizes


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    """Give a pipe that was asked for when the process was started."""
    if pipe is None:
        raise ValueError("The process was started without this pipe.")
    return pipe
