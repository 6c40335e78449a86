"""Play the demo: make data, apply configuration, run, compare, and keep serving."""

import json
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from tiktok_hub.hub.demo.audience import audience_play, first_list
from tiktok_hub.hub.demo.orders import orders_write
from tiktok_hub.hub.demo.outcome import Outcome
from tiktok_hub.hub.demo.rows import Expected
from tiktok_hub.hub.demo.stage import COMPLETE, DemoError, Stage, folder_empty, folder_refuse_running, stage_set
from tiktok_hub.hub.demo.visits import visits_write
from tiktok_hub.hub.ports import listen

EVENT_SET = "7654321098765432100"
BAR_WIDTH = 30


def demo_play(folder: Path, port: int, *, serve: bool, out: TextIO = sys.stdout) -> int:
    """Play it in `folder`. Return 0 when the numbers add up, else 1; raise DemoError or PortError with a sentence."""
    folder_refuse_running(folder)
    listen("127.0.0.1", port).close()
    folder_empty(folder)
    say(out, "Starting a TikTok emulator, web, worker, beat and broker …")
    began = time.monotonic()
    with stage_set(folder, port) as stage:
        say(out, f"Started in {time.monotonic() - began:.1f} s. Writing demo files and applying the configuration …")
        expected, customers = files_write(folder / "files"), first_list(folder / "files")
        stage.configuration_apply()
        say(out, f"Acme sends {expected.rows:,} rows of shop orders to TikTok:")
        outcome = Outcome(run_watch(stage, expected, out), stage.held(EVENT_SET), expected)
        say(out, "", *outcome.lines())
        differences = outcome.differences()
        say(out, *differences or ["The numbers add up: every row is accounted for, and TikTok holds every event once."])
        strangers = audience_play(stage, customers, partial(say, out))
        say(out, *strangers or ["The audience equals the query: TikTok holds exactly its people, and nobody else."])
        differences += strangers
        if serve:
            serve_on(stage, port, out)
    return 1 if differences else 0


def files_write(files: Path) -> Expected:
    """Write the data sets of both brands; return what must become of Acme's orders."""
    now = datetime.now(UTC)
    visits_write(files / "visits.csv", now)
    orders_write(files / "globex-orders.csv", now, rows=2_000, seed=23)
    return orders_write(files / "orders.csv", now)


def platform_user(stage: Stage) -> None:
    """Make the platform's superuser, who creates tenants."""
    stage.command(
        "createsuperuser", "--noinput", "--email", "root@hub.example", DJANGO_SUPERUSER_PASSWORD=stage.password
    )


def run_watch(stage: Stage, expected: Expected, out: TextIO) -> dict[str, Any]:
    """Run Acme's purchases and draw how many events TikTok holds by now. Return what the run printed."""
    with stage.start("orchestration_run", "acme", "purchases-to-tiktok", "--wait", "--json") as process:
        bar = Bar(expected.events, out)
        while process.poll() is None:
            bar.draw(stage.held(EVENT_SET))
            time.sleep(0.1)
        bar.draw(stage.held(EVENT_SET), last=True)
        printed = process.stdout.read() if process.stdout else ""
    log = stage.folder / "log" / "orchestration_run.log"
    if process.returncode not in COMPLETE:
        words = log.read_text().strip().split("\n")[-1]
        raise DemoError(f"The run did not succeed (status {process.returncode}): {words or printed} More is in {log}.")
    found: dict[str, Any] = json.loads(printed)
    return found


class Bar:
    """A progress bar that overwrites itself on a terminal, and prints a line per quarter elsewhere."""

    def __init__(self, total: int, out: TextIO) -> None:
        self.total, self.out, self.quarter, self.began = max(total, 1), out, -1, time.monotonic()

    def draw(self, done: int, *, last: bool = False) -> None:
        """Show `done` of the total."""
        share = min(done / self.total, 1.0)
        filled = int(share * BAR_WIDTH)
        seconds = time.monotonic() - self.began
        text = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {share:4.0%}  {done:,} events held, {seconds:.0f} s"
        if self.out.isatty():
            self.out.write(f"\r  {text}  " + ("\n" if last else ""))
        elif last or int(share * 4) > self.quarter:
            self.out.write(f"  {text}\n")
        self.quarter = int(share * 4)
        self.out.flush()


def serve_on(stage: Stage, port: int, out: TextIO) -> None:
    """Tell people where to look, and wait for Ctrl-C."""
    platform_user(stage)
    say(
        out,
        "",
        f"  Open      http://127.0.0.1:{port}/",
        f"  TikTok    {stage.emulator_url}/   (what the emulator holds)",
        f"  Password  {stage.password}   for each of:",
        "            ada@acme.example     administrator of Acme",
        "            olga@acme.example    operator of Acme and Globex",
        "            ben@acme.example     business user of Acme, sees no personal data",
        "            rita@acme.example    may only read",
        "            gina@globex.example  administrator of Globex",
        "            root@hub.example     platform superuser",
        f"  Logs      {stage.folder / 'log'}",
        "",
        "Ctrl-C stops it.",
    )
    wait_for_signal()
    say(out, "Stopping …")


def wait_for_signal() -> None:
    """Wait for Ctrl-C or SIGTERM; what comes later does not disturb the tidying up."""
    asked = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    while not asked.wait(0.5):
        continue


def say(out: TextIO, *lines: str) -> None:
    """Print lines at once."""
    out.write("".join(f"{line}\n" for line in lines))
    out.flush()
