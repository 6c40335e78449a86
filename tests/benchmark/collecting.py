"""Measure the collector of a whole hub under load: `python -m tests.benchmark.collecting [--seconds 60]`.

Web, worker, beat, broker and the emulator run on this machine beside the load; what is collected is delivered all the
while. First the rate that a bare application sustains is found, then the hub's, each with an open-loop load; at the
hub's rate the load then goes on for `--seconds`. In the end the emulator must hold each accepted event exactly once.
`--postgres` measures on PostgreSQL and a Valkey server, else on SQLite and the embedded broker.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.servers import postgres_running, valkey_running

FIRST_RATE, STEP, STEP_SECONDS = 400.0, 1.25, 6.0
SUSTAINED = 0.98
"""The part of the offered rate that must be answered in time for a rate to count as sustained."""
MOST_P99_MS = 1_000.0
PIXEL, ADVERTISER = "C3QEXAMPLEPIXELCODE0", "7654321098765432109"
SETUP = f"""
from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.streams.services import key_make, stream_make
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import tenant_scope
tenant = Tenant.objects.create(slug="acme", name="Acme")
with tenant_scope(tenant):
    credential = Credential.objects.create(
        tenant=tenant, name="c", access_token="emulator-token-acme", status=CredentialStatus.AUTHORISED)
    values = {{"advertiser_id": "{ADVERTISER}", "event_source": "web", "event_source_id": "{PIXEL}"}}
    destination = Destination.objects.create(
        tenant=tenant, name="d", plugin="tiktok-ads-events", credential=credential, settings=values)
    user = User.objects.create_user("admin@example.com")
    admin = Membership.objects.create(tenant=tenant, user=user, policy=Policy.ADMINISTRATOR)
    stream = stream_make(name="shop", destination=destination, membership=admin, max_events=1000, max_age_seconds=1)
    print("PATH", stream.path, key_make(stream=stream, name="load", user=None)[1])
"""


@contextmanager
def program(log: Path, environment: dict[str, str], *command: str, fd: int | None = None) -> Iterator[None]:
    """Run a program for the time of a block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT,
            pass_fds=() if fd is None else (fd,),
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def served(log: Path, environment: dict[str, str], *command: str) -> Iterator[str]:
    """Run a web server on a free port (`{fd}` in its command is the socket); yield its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
        words = [word.format(fd=listener.fileno()) for word in command]
        with program(log, environment, *words, fd=listener.fileno()):
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            wait(lambda: requests.get(f"{url}/livez", timeout=5).status_code)
            yield url


def wait(condition: Any, seconds: float = 90) -> None:
    """Wait until a condition holds."""
    until = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (requests.ConnectionError, requests.Timeout):
            pass
        if time.monotonic() > until:
            raise SystemExit("A program did not come up, or not all was delivered in time.")
        time.sleep(0.2)


def load(url: str, key: str, rate: float, seconds: float, prefix: str) -> dict[str, Any]:
    """Offer a rate."""
    command = [sys.executable, "-m", "tests.benchmark.load", url, key, "--rate", str(rate)]
    command += ["--seconds", str(seconds), "--prefix", prefix]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def sustained(url: str, key: str, name: str, say: Any) -> tuple[float, int]:
    """Return the highest rate, in steps, that is answered in time, and how many events were accepted on the way."""
    rate, good, accepted = FIRST_RATE, 0.0, 0
    while True:
        found = load(url, key, rate, STEP_SECONDS, f"{name}{int(rate)}")
        accepted += found["accepted"]
        say(f"{name}, offered {rate:,.0f}/s", found)
        answered = found["statuses"].get("202", 0) / STEP_SECONDS
        if (
            answered < SUSTAINED * rate
            or found["late"] > (1 - SUSTAINED) * found["events"]
            or found["p99_ms"] > MOST_P99_MS
        ):
            return good, accepted
        good, rate = rate, rate * STEP


def held(emulator: str) -> dict[str, int]:
    """Return what the emulator holds: `ids`, and how many of them more than once (`held_more_than_once`)."""
    query = {"event_source_id": PIXEL, "summary": "true"}
    shown: dict[str, int] = requests.get(f"{emulator}/_emulator/event_ids", params=query, timeout=120).json()
    return shown


def main() -> None:
    """Measure; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()

    def say(name: str, found: dict[str, Any]) -> None:
        print(f"{name:32} {json.dumps(found)}", flush=True)

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-benchmark-")))
        folder.chmod(0o755)
        try:
            print(json.dumps(measured(folder, stack, given, say)))
        except (Exception, SystemExit):
            print((folder / "log").read_text()[-3_000:], file=sys.stderr)
            raise


def measured(folder: Path, stack: ExitStack, given: argparse.Namespace, say: Any) -> dict[str, Any]:
    """Start everything and measure."""
    log = folder / "log"
    environment = {"HUB_DATA_DIR": str(folder / "data"), "LOG_LEVEL": "WARNING", "HUB_LIMIT_REQUESTS_PER_SECOND": "100"}
    (folder / "data").mkdir()
    if given.postgres:
        environment["DATABASE_URL"] = stack.enter_context(postgres_running(folder / "postgres"))
        environment["REDIS_URL"] = stack.enter_context(valkey_running(folder / "valkey"))
    bare = served(
        log, {"BARE_FILE": str(folder / "bare")}, sys.executable, "-m", "gunicorn", "tests.benchmark.bare",
        "-k", "gthread", "--threads", "8", "--bind", "fd://{fd}",
    )  # fmt: skip
    with bare as url:
        limit, _ = sustained(url, "none", "bare", say)
    emulator = stack.enter_context(emulated(log))
    environment |= {"TIKTOK_API_URL": f"{emulator}/open_api/v1.3/", "TIKTOK_AUTH_URL": f"{emulator}/portal/auth"}
    manage = [sys.executable, "manage.py"]
    spoken(environment, *manage, "migrate")
    told = spoken(environment, *manage, "shell", "-c", SETUP)
    _, path, key = next(line for line in told.splitlines() if line.startswith("PATH")).split()

    url = stack.enter_context(hub_running(log, environment, postgres=given.postgres))
    rate, accepted = sustained(url + path, key, "hub", say)
    found = load(url + path, key, rate, given.seconds, "long")
    say(f"hub, {given.seconds:g} s", found)
    accepted += found["accepted"]
    wait(lambda: held(emulator)["ids"] >= accepted, 300)
    shown = held(emulator)
    return {
        "collector_events_per_second": found["rate"], "collector_p50_ms": found["p50_ms"],
        "collector_p99_ms": found["p99_ms"], "bare_events_per_second": limit, "collector_ratio": round(rate / limit, 2),
        "accepted": accepted, "lost": accepted - shown["ids"], "held_twice": shown["held_more_than_once"],
    }  # fmt: skip


def spoken(environment: dict[str, str], *command: str) -> str:
    """Run a command; return what it said."""
    env = {**os.environ, **environment}
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[1:3]} failed:\n{done.stderr}")
    return done.stdout


@contextmanager
def emulated(log: Path) -> Iterator[str]:
    """Run the emulator; yield its address."""
    command = [sys.executable, "manage.py", "tiktok_emulator", "--json"]
    with (
        log.open("ab") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        shown = json.loads(process.stdout.readline()) if process.stdout else {}
        try:
            yield shown["api_url"].removesuffix("/open_api/v1.3/")
        finally:
            process.terminate()


@contextmanager
def hub_running(log: Path, environment: dict[str, str], *, postgres: bool) -> Iterator[str]:
    """Run web, worker, beat and (embedded) broker; yield the address."""
    with ExitStack() as stack:
        if not postgres:
            from tiktok_hub.hub.broker import broker_running

            stack.enter_context(broker_running(Path(environment["HUB_DATA_DIR"])))
        celery = [sys.executable, "-m", "celery", "-A", "tiktok_hub"]
        stack.enter_context(program(log, environment, *celery, "worker", "-c", "2", "--loglevel", "warning"))
        beat = str(Path(environment["HUB_DATA_DIR"]) / "beat")
        stack.enter_context(program(log, environment, *celery, "beat", "-s", beat, "--loglevel", "warning"))
        yield stack.enter_context(served(log, environment, sys.executable, "-m", "tiktok_hub.hub.web", "--fd", "{fd}"))


if __name__ == "__main__":
    main()
