"""Child processes that end with us: started in a session of their own, stopped as a whole group."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

TETHER = Path(__file__).with_name("tether.py")


@dataclass
class Child:
    """A program that we started, or are about to start.

    `stop_signal` asks it to finish; `orphan_signal` is what the kernel sends it when we die ourselves; `user` is the
    number of a user (and group) to run it as, which only root can ask for.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    stop_signal: int = signal.SIGTERM
    orphan_signal: int = signal.SIGTERM
    user: int | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self, output: int | IO[bytes] | None = None) -> "subprocess.Popen[bytes]":
        """Start it in its own session (Ctrl-C in our terminal is ours to handle), with `output` for both streams."""
        user = "-" if self.user is None else str(self.user)
        tether = [sys.executable, "-I", "-S", str(TETHER), str(int(self.orphan_signal)), str(os.getpid()), user]
        self.process = subprocess.Popen(  # noqa: S603 - our own command lines
            [*tether, *self.command],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            pass_fds=self.pass_fds,
            start_new_session=True,
        )
        return self.process

    @property
    def alive(self) -> bool:
        """Say whether it runs now."""
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the polite signal and return at once."""
        if self.process is not None and self.alive:
            self.process.send_signal(self.stop_signal)

    def stop(self, seconds: float = 15.0) -> None:
        """Ask it to stop, wait up to `seconds`, then end its whole group for certain."""
        self.ask_to_stop()
        if self.process is not None:
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill_group()
        self.kill_group()

    def kill_group(self) -> None:
        """End what is left of its session, such as pool processes whose parent was killed."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self.process.poll()
