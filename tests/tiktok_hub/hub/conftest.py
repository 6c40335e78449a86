"""Programs under test run as processes of their own, with folders of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Program:
    """A started program and the file that its output goes to."""

    process: "subprocess.Popen[bytes]"
    output: Path
    beside: Callable[..., "Program"]
    """Starts another program in the same environment."""

    def text(self) -> str:
        """Return what it has said so far."""
        return self.output.read_text(errors="replace")

    def wait_for(self, text: str, *, times: int = 1, seconds: float = 40.0) -> None:
        """Wait until it has said something."""
        until(lambda: self.text().count(text) >= times, seconds, lambda: f"no “{text}” in:\n{self.text()}")

    def children(self) -> dict[int, str]:
        """Return its child processes: number → command line."""
        return {each.number: each.command for each in processes() if each.parent == self.process.pid}

    def child(self, part: str) -> int:
        """Return the number of the child whose command line contains `part`."""
        return next(number for number, command in self.children().items() if part in command)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal and return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(40)


def until(true: Callable[[], bool], seconds: float = 40.0, complaint: Callable[[], str] = lambda: "too late") -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, complaint()
        time.sleep(0.05)


@dataclass(frozen=True)
class Process:
    """A process of this machine, as /proc tells it (`proc(5)`)."""

    number: int
    state: str
    parent: int
    group: int
    command: str


def processes() -> Iterator[Process]:
    """List all processes; there may be no `ps` on a fresh machine."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        yield Process(int(folder.name), state, int(parent), int(group), command)


def group_alive(number: int) -> bool:
    """Say whether any process of a session that we started still works (and is no zombie)."""
    return any(each.group == number and each.state != "Z" for each in processes())


@contextmanager
def programs(folder: Path, environment: dict[str, str] | None = None) -> Iterator[Callable[..., Program]]:
    """Start programs with their output in `folder`, and see that none is left."""
    started: list[Program] = []
    environment = environment or environment_make(folder)

    def start(*arguments: str) -> Program:
        output = folder / f"output-{len(started)}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT
            )
        started.append(Program(process, output, start))
        return started[-1]

    yield start
    for program in started:
        if program.process.poll() is None:
            program.end()


def environment_make(folder: Path) -> dict[str, str]:
    """Return an environment in which a hub has a data folder of its own, and its own broker and database."""
    kept = {key: value for key, value in os.environ.items() if key not in {"REDIS_URL", "DATABASE_URL"}}
    return {**kept, "HUB_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """Return the environment of the programs of one test."""
    return environment_make(tmp_path)


@pytest.fixture
def start(tmp_path, environment) -> Iterator[Callable[..., Program]]:
    """Start programs, and see that none is left."""
    with programs(tmp_path, environment) as start:
        yield start
