"""The programs of the demo: an emulator and a hub on a data folder of its own, and commands run against them."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tiktok_hub.env import BASE_DIR
from tiktok_hub.hub import locks
from tiktok_hub.hub.broker import private_folder
from tiktok_hub.hub.process import Child

CONFIGURATION = Path(__file__).parent
START_SECONDS = 90.0
COMPLETE = (0, 3)
"""Exit statuses of `orchestration_run --wait` after which the numbers mean something."""
MANAGE = (sys.executable, str(BASE_DIR / "manage.py"))


class DemoError(RuntimeError):
    """The demo cannot go on; the text says why and where to look."""


@dataclass(frozen=True)
class Stage:
    """Where the demo plays: its folder, the environment of its programs, and the emulator's address."""

    folder: Path
    environment: Mapping[str, str]
    emulator_url: str
    password: str

    def held(self, source_id: str) -> int:
        """Ask the emulator how many events of a source it holds."""
        return int(self.ask("state")["events"].get(source_id, {}).get("held", 0))

    def ask(self, call: str, **parameters: str) -> dict[str, Any]:
        """Ask the emulator what it holds."""
        address = f"{self.emulator_url}/_emulator/{call}?{urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - http
            found: dict[str, Any] = json.load(answer)
        return found

    def steer(self, call: str, body: dict[str, Any]) -> None:
        """Tell the emulator how to behave."""
        request = urllib.request.Request(f"{self.emulator_url}/_emulator/{call}", json.dumps(body).encode())  # noqa: S310 - http
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - http

    def configuration_apply(self) -> None:
        """Apply the configuration of both brands, with the files as they are now."""
        self.command("hub_apply", *(str(CONFIGURATION / f"{name}.yaml") for name in ("acme", "globex")))

    def command(self, *arguments: str, **environment: str) -> str:
        """Run a command of manage.py to its end and return what it printed. Raise DemoError when it fails."""
        return self.complete(*arguments, good=(0,), **environment)

    def complete(self, *arguments: str, good: Collection[int] = COMPLETE, **environment: str) -> str:
        """Run a command whose numbers mean something with these exit statuses; else as `command`."""
        done = subprocess.run(  # noqa: S603 - our own command lines
            [*MANAGE, *arguments], env={**os.environ, **self.environment, **environment}, capture_output=True, text=True
        )
        if done.returncode not in good:
            words = (done.stderr or done.stdout).strip().split("\n")[-1]
            raise DemoError(f"`manage.py {' '.join(arguments[:2])}` failed: {words}")
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of manage.py whose output is read later."""
        log = (self.folder / "log" / f"{arguments[0]}.log").open("w")
        with log:
            return subprocess.Popen(  # noqa: S603 - our own command lines
                [*MANAGE, *arguments],
                env={**os.environ, **self.environment},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )


def folder_refuse_running(folder: Path) -> None:
    """Raise DemoError when the hub of an earlier demo still runs there."""
    holder = locks.holder_read(folder / "hub.lock")
    if holder is not None:
        raise DemoError(
            f"The demo runs already: {holder.get('url') or 'it is just starting'} (process {holder.get('pid', '?')}). "
            "Use that one, or stop it with Ctrl-C where it was started."
        )


def folder_empty(folder: Path) -> None:
    """Make an empty folder, as the demo starts afresh each time. Raise DemoError for one that holds other things."""
    marker = folder / "demo"
    if folder.exists() and any(folder.iterdir()):
        if not marker.is_file():
            raise DemoError(f"{folder} holds other things than a demo. Move it away and try again.")
        shutil.rmtree(folder)
    private_folder(folder)
    marker.touch()
    for name in ("log", "files"):
        private_folder(folder / name)


def environment_make(folder: Path, password: str) -> dict[str, str]:
    """Return the environment of the demo's programs: nothing of a real installation's shines through."""
    return {
        "HUB_DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'hub.sqlite3'}",
        "REDIS_URL": "",
        "DEBUG": "false",
        "HUB_PUBLIC_URL": "",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "TIKTOK_APP_ID": "7000000000000000001",
        "TIKTOK_APP_SECRET": "emulator-secret",
        "HUB_READING_SECONDS": "5",
        "HUB_READING_HOURS": "0.003,0.01,0.1,24",
        "DEMO_TOKEN_ACME": "emulator-token-acme",
        "DEMO_TOKEN_AUDIENCES": "emulator-token-audiences",
        "DEMO_TOKEN_GLOBEX": "emulator-token-globex",
        "DEMO_FILES": str(folder / "files"),
        "DEMO_PASSWORD": password,
    }


@contextmanager
def stage_set(folder: Path, port: int) -> Iterator[Stage]:
    """Run the emulator and a hub for the time of the block."""
    password = secrets.token_urlsafe(9)
    environment = environment_make(folder, password)
    with child_running(folder, "emulator", environment, "tiktok_emulator", "--port", "0", "--json") as emulator:
        addresses = emulator_addresses(folder, emulator)
        environment |= {"TIKTOK_API_URL": addresses["api_url"], "TIKTOK_AUTH_URL": addresses["auth_url"]}
        with child_running(folder, "hub", environment, "hub", "--port", str(port)) as hub:
            hub_wait(folder, hub)
            yield Stage(folder, environment, str(addresses["url"]).rstrip("/"), password)


@contextmanager
def child_running(folder: Path, name: str, environment: Mapping[str, str], *arguments: str) -> Iterator[Child]:
    """Run one program of the demo, with its output in `log/<name>.log`."""
    child = Child(name, [*MANAGE, *arguments], {**environment, "PYTHONUNBUFFERED": "1"})
    with (folder / "log" / f"{name}.log").open("wb") as output:
        child.start(output)
    try:
        yield child
    finally:
        child.stop(30.0)


def emulator_addresses(folder: Path, emulator: Child) -> dict[str, Any]:
    """Wait for the line in which the emulator says where it listens."""
    log = folder / "log" / "emulator.log"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and emulator.alive:
        for line in log.read_text().split("\n"):
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        time.sleep(0.05)
    raise DemoError(f"The TikTok emulator did not start; its own words are in {log}.")


def hub_wait(folder: Path, hub: Child) -> None:
    """Wait until web, worker, beat and broker answer."""
    deadline = time.monotonic() + START_SECONDS
    while not (locks.holder_read(folder / "hub.lock") or {}).get("ready"):
        if time.monotonic() > deadline or not hub.alive:
            raise DemoError(f"The hub did not start; its own words are in {folder / 'log' / 'hub.log'}.")
        time.sleep(0.05)
