"""Keep a few programs running as one: start, watch, restart, relay what they say, and stop them together.

A single thread does it all. A program that ends is started again after a pause that doubles with every failure; one
that never becomes ready ends the whole, because restarting cannot mend a wrong setting.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from tiktok_hub.hub.process import Child

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
FAILED_STARTS_MAX = 3
TICK_SECONDS = 0.2


@dataclass
class Service:
    """One program under supervision.

    `answers` says whether it does its work; `after` names the service that must answer before this one starts, and
    which is stopped after it.
    """

    child: Child
    answers: Callable[[], bool]
    after: "Service | None" = None
    ready: bool = False
    failures: int = 0
    started: float = 0.0
    due: float = 0.0
    rest: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        """Return the name that stands before its lines."""
        return self.child.name

    def pause(self) -> float:
        """Return the seconds to wait before the next start, from the number of failures in a row."""
        return float(min(FIRST_PAUSE_SECONDS * 2 ** max(self.failures - 1, 0), LONGEST_PAUSE_SECONDS))


class Supervisor:
    """Run services until a signal asks to stop; `line` makes a line of a program's name and what it said."""

    def __init__(
        self,
        services: Iterable[Service],
        *,
        grace_seconds: float = 20.0,
        line: Callable[[str, str], str] | None = None,
    ) -> None:
        self.services = list(services)
        self.grace_seconds = grace_seconds
        self.line = line
        self.selector = selectors.DefaultSelector()
        self.width = max(len(service.name) for service in self.services)
        self.stops = 0
        self.announced = False
        self.began = time.monotonic()
        self.exit_status = 0

    def run(self, on_ready: Callable[[float], None]) -> int:
        """Supervise; call `on_ready` with the seconds that the start took. Return the exit status."""
        with self._signals():
            try:
                while not self.stops:
                    self._tick()
                    if not self.announced and all(service.ready for service in self.services):
                        self.announced = True
                        on_ready(time.monotonic() - self.began)
            finally:
                self._drain()
        return self.exit_status

    def say(self, name: str, text: str) -> None:
        """Print one line with the name of its author before it."""
        line = self.line(name, text) if self.line else f"{name:<{self.width}} | {text}"
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def _tick(self) -> None:
        now = time.monotonic()
        for service in self.services:
            if service.child.process is not None and not service.child.alive:
                self._ended(service)
            elif service.child.process is None and service.due <= now and (not service.after or service.after.ready):
                self._start(service)
            elif service.child.alive and not service.ready and service.answers():
                service.ready = True
            if service.ready and service.failures and now - service.started > HEALTHY_SECONDS:
                service.failures = 0
        self._relay(TICK_SECONDS)

    def _start(self, service: Service) -> None:
        process = service.child.start(subprocess.PIPE)
        service.started = time.monotonic()
        if process.stdout is not None:
            os.set_blocking(process.stdout.fileno(), False)
            self.selector.register(process.stdout, selectors.EVENT_READ, service)

    def _ended(self, service: Service) -> None:
        """Note the end of a program and plan its next start, or give up when it never worked."""
        process = service.child.process
        if process is None:
            return
        self._close(service)
        service.child.kill_group()
        service.child.process = None
        service.failures += 1
        service.due = time.monotonic() + service.pause()
        if not service.ready and not self.announced and service.failures >= FAILED_STARTS_MAX:
            self.say("hub", f"{service.name} cannot start; its last lines say why. Stopping.")
            self.stops, self.exit_status = 1, 1
            return
        service.ready = False
        self.say(
            "hub", f"{service.name} ended ({ending(process.returncode)}); starting it again in {service.pause():g} s"
        )

    def _relay(self, seconds: float) -> None:
        """Pass on what the programs wrote, waiting up to `seconds` for the first of it."""
        if not self.selector.get_map():
            time.sleep(seconds)
        for key, _ in self.selector.select(seconds):
            self._read(key.data)

    def _read(self, service: Service) -> bool:
        """Pass on complete lines of one program. Return False at the end of its output."""
        stream = service.child.process.stdout if service.child.process else None
        if stream is None or stream.closed:
            return False
        data = stream.read(65536)
        if data is None:
            return False
        *lines, service.rest = (service.rest + data).split(b"\n")
        for line in lines:
            self.say(service.name, line.decode(errors="replace").rstrip())
        if not data:
            self.selector.unregister(stream)
            stream.close()
        return bool(data)

    def _close(self, service: Service) -> None:
        """Pass on the last lines of a program that ended."""
        while self._read(service):
            continue
        if service.rest:
            self.say(service.name, service.rest.decode(errors="replace"))
            service.rest = b""
        stream = service.child.process.stdout if service.child.process else None
        if stream is not None and not stream.closed:
            self.selector.unregister(stream)
            stream.close()

    def _drain(self) -> None:
        """Stop everything: first what depends on others, then the rest; a second signal ends the patience."""
        last = {id(service.after) for service in self.services if service.after}
        self._stop([service for service in self.services if id(service) not in last])
        self._stop([service for service in self.services if id(service) in last])

    def _stop(self, services: list[Service]) -> None:
        asked = self.stops
        for service in services:
            service.child.ask_to_stop()
        deadline = time.monotonic() + self.grace_seconds
        while any(service.child.alive for service in services):
            self._relay(0.05)
            if time.monotonic() > deadline or self.stops > max(asked, 1):
                break
        for service in services:
            service.child.kill_group()
            if service.child.process is not None:
                service.child.process.wait()
                self._close(service)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Count the signals that ask us to stop."""

        def count(_number: int, _frame: FrameType | None) -> None:
            self.stops += 1

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, count) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def ending(status: int) -> str:
    """Say in words how a process ended."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
