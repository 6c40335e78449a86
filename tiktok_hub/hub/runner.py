"""Run a hub: prepare, lock the data folder, and hand the programs to the supervisor."""

import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from os import getpid
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connections

from tiktok_hub.hub import locks, programs
from tiktok_hub.hub.broker import broker_lock
from tiktok_hub.hub.ports import listen
from tiktok_hub.hub.prepare import database_prepare, static_prepare
from tiktok_hub.hub.supervisor import Service, Supervisor
from tiktok_hub.logs.formats import program_said


class HubRunningError(RuntimeError):
    """A hub runs on this data folder already; the text says which and what to do."""

    def __init__(self, holder: dict[str, Any]) -> None:
        where = f", {holder['url']}" if holder.get("url") else ""
        what = "Work of orchestration_run" if holder.get("temporary") else "A hub"
        super().__init__(
            f"{what} runs on the data folder {settings.HUB_DATA_DIR} (process {holder.get('pid', '?')}{where}). "
            "Stop it, or use another folder (HUB_DATA_DIR)."
        )


@dataclass(frozen=True)
class HubOptions:
    """What to run. `temporary` marks a hub that another command started for the time of its own work."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    web: bool = True
    worker: bool = True
    beat: bool = True
    temporary: bool = False


def lock_path() -> Path:
    """Return the file whose lock a running hub holds."""
    return Path(settings.HUB_DATA_DIR) / "hub.lock"


def hub_holder() -> dict[str, Any] | None:
    """Return what the hub of this data folder says of itself (pid, url, ready, temporary), or None."""
    return locks.holder_read(lock_path())


def hub_run(options: HubOptions) -> int:
    """Run until asked to stop; return the exit status. Raise PortError, HubRunningError or BrokerError at the start.

    A database that would not keep tenants apart raises ImproperlyConfigured.
    """
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(locks.exclusive(lock_path()))
        except locks.LockedError as error:
            raise HubRunningError(error.holder) from None
        listener = stack.enter_context(listen(options.host, options.port)) if options.web else None
        holder = {"pid": getpid(), "url": url(listener), "ready": False, "temporary": options.temporary}
        locks.holder_write(lock, holder)
        database_prepare()
        if options.web:
            static_prepare()
        connections.close_all()
        broker = broker_lock_take(stack)
        line = program_said if settings.HUB_LOG_FORMAT == "json" else None
        supervisor = Supervisor(services(options, listener, broker), line=line)
        return supervisor.run(ready_announcer(supervisor, lock, holder))


def broker_lock_take(stack: ExitStack) -> int | None:
    """Take the broker's lock when the broker is ours to run."""
    return stack.enter_context(broker_lock(settings.HUB_DATA_DIR)) if settings.HUB_EMBEDDED_BROKER else None


def services(options: HubOptions, listener: socket.socket | None, broker_lock: int | None) -> list[Service]:
    """Return the services of a hub; those that use the broker come after it."""
    found: list[Service] = []
    broker = programs.broker_service(broker_lock) if broker_lock is not None else None
    if broker:
        found.append(broker)
    if listener is not None:
        found.append(programs.web_service(listener))
    if options.worker:
        found.append(programs.worker_service(options.workers))
    if options.beat:
        found.append(programs.beat_service())
    for service in found:
        service.after = broker if service is not broker else None
    return found


def ready_announcer(supervisor: Supervisor, lock: IO[bytes], holder: dict[str, Any]) -> Callable[[float], None]:
    """Return what to do when everything answers: say so, here and in the lock file."""

    def announce(seconds: float) -> None:
        locks.holder_write(lock, {**holder, "ready": True})
        where = f" at {holder['url']}" if holder["url"] else ""
        supervisor.say("hub", f"ready{where} after {seconds:.1f} s; Ctrl-C stops it")
        sys.stdout.flush()

    return announce


def url(listener: socket.socket | None) -> str | None:
    """Return the address that people open."""
    if listener is None:
        return None
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{host}:{port}/"
