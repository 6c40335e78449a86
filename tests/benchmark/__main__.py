"""Print what the hub costs, as ratios to plain Python: `python -m tests.benchmark [--rows N] [--json]`.

Every measure runs in a process of its own. Machines and their neighbours differ, so only ratios within one run count:
the ratio on one thread compares CPU seconds, the one on two threads compares time on the wall.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmark.data import write_events
from tests.benchmark.people import write_people

KEYS = (
    "events_ratio_1t",
    "events_ratio_2t",
    "events_grouped_ratio",
    "events_peak_mb",
    "audience_ratio",
    "audience_peak_mb",
    "run_overhead",
    "delivery_share",
    "limiter_share",
    "collector_ratio",
    "collector_events_per_second",
    "collector_p50_ms",
    "collector_p99_ms",
    "page_slowest_ms",
    "page_slowest_share",
)
ITEMS = 3
PLAIN_ROWS = 100_000
SAMPLE_ROWS = 20_000
EVENTS = 1_000_000
PEOPLE = 10_000_000
PLAIN_PEOPLE = 1_000_000
LOAD_SECONDS = 60.0
PAGE_BOUND = 300.0  # milliseconds of the server's time, with 10,000 runs in the tenant


def measure(module: str, *arguments: object) -> dict[str, Any]:
    """Run a measure in its own process."""
    command = [sys.executable, "-m", f"tests.benchmark.{module}", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The measure {module} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def delivery(file: Path, preparation: dict[str, Any], say: Any) -> dict[str, float]:
    """Measure a whole run, and delivery against a slow receiver and under a rate limit.

    `run_overhead` is the CPU of a whole run beyond preparation, as a share of preparation's on one thread.
    """
    found = measure("delivering", file)
    say("whole run to a null receiver", {**preparation, **found})
    return {
        "run_overhead": round(found["cpu"] / preparation["cpu"] - 1, 2),
        "delivery_share": found["delivery_share"],
        "limiter_share": found["limiter_share"],
    }


def events(folder: Path, rows: int, say: Any) -> dict[str, float]:
    """Measure preparation of events, each row an event and with item rows, then whole runs."""
    single = write_events(folder / "events.parquet", rows)
    grouped = write_events(folder / "items.parquet", rows, ITEMS)
    for path in (single, grouped):
        if not measure("preparing", "agree", path, "--rows", min(rows, SAMPLE_ROWS))["agree"]:
            raise SystemExit(f"Columns and plain Python disagree on {path.name}: a ratio would mean nothing.")
    slice_rows = min(rows, PLAIN_ROWS)
    plain = measure("preparing", "plain", single, "--rows", slice_rows)
    one = measure("preparing", "columnar", single, "--rows", rows)
    two = measure("preparing", "columnar", single, "--rows", rows, "--threads", 2)
    plain_items = measure("preparing", "plain", grouped, "--rows", slice_rows)
    items = measure("preparing", "columnar", grouped, "--rows", rows)
    say("events, plain Python (slice)", plain)
    say("events, 1 thread", one)
    say("events, 2 threads", two)
    say(f"{ITEMS} items each, plain Python (slice)", plain_items)
    say(f"{ITEMS} items each, 1 thread", items)
    scale = rows / slice_rows
    return delivery(single, one, say) | {
        "events_ratio_1t": round(plain["cpu"] * scale / one["cpu"], 2),
        "events_ratio_2t": round(plain["wall"] * scale / two["wall"], 2),
        "events_grouped_ratio": round(plain_items["cpu"] * scale / items["cpu"], 2),
        "events_peak_mb": max(one["peak_mb"], two["peak_mb"], items["peak_mb"]),
    }


def audiences(folder: Path, people: int, say: Any) -> dict[str, float]:
    """Measure the mirroring of an audience of which 5 % come and 5 % go, by rows and by the state before."""

    def pair(size: int) -> tuple[Path, Path]:
        now, old, state = (folder / f"{name}-{size}.parquet" for name in ("people", "old", "state"))
        if not state.exists():
            write_people(now, size)
            measure("audiences", "state", write_people(old, size, before=True), state)
        return now, state

    if not measure("audiences", "agree", *pair(min(people, SAMPLE_ROWS)))["agree"]:
        raise SystemExit("Columns and plain Python disagree on an audience: a ratio would mean nothing.")
    slice_people = min(people, PLAIN_PEOPLE)
    plain = measure("audiences", "plain", *pair(slice_people))
    two = measure("audiences", "columnar", *pair(people), "--threads", 2)
    say("audience, plain Python (slice)", plain)
    say("audience, 2 threads", two)
    return {
        "audience_ratio": round(plain["wall"] * people / slice_people / two["wall"], 2),
        "audience_peak_mb": two["peak_mb"],
    }


def pages(quiet: bool) -> dict[str, float]:
    """Measure the pages of a tenant with 10,000 runs; the share is that of the slowest page in what it may take."""
    found = measure("pages")
    for name, milliseconds in {} if quiet else found.items():
        print(f"page: {name:30} {milliseconds:>8.0f} ms of {PAGE_BOUND:.0f}", flush=True)
    slowest = max(found.values())
    return {"page_slowest_ms": slowest, "page_slowest_share": round(slowest / PAGE_BOUND, 2)}


def collector(seconds: float, quiet: bool) -> dict[str, float]:
    """Measure a hub that collects and delivers under load; the ratio is to a bare application's rate."""
    found = measure("collecting", "--seconds", seconds)
    if found["lost"] or found["held_twice"]:
        raise SystemExit(f"The collector lost {found['lost']} events, and {found['held_twice']} are there twice.")
    if not quiet:
        print(f"collector: {found}", flush=True)
    return {key: found[key] for key in KEYS if key.startswith("collector")}


def line(name: str, found: dict[str, Any]) -> str:
    """Write a measure as a line of the table."""
    speed = found["rows"] / found["wall"]
    return (
        f"{name:36} {found['rows']:>10,} {found['wall']:>8.1f} {found['cpu']:>8.1f} {speed:>11,.0f} "
        f"{found['megabytes']:>8.0f} {found['peak_mb']:>8,}"
    )


def main() -> None:
    """Measure everything that exists; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help=f"at most; {EVENTS:,} events and {PEOPLE:,} people without it")
    parser.add_argument("--json", action="store_true", help="the last line only")
    given = parser.parse_args()

    def say(name: str, found: dict[str, Any]) -> None:
        if not given.json:
            print(line(name, found), flush=True)

    if not given.json:
        print(
            f"{'':36} {'rows':>10} {'wall s':>8} {'CPU s':>8} {'rows/s':>11} {'MB out':>8} {'peak MB':>8}", flush=True
        )
    results: dict[str, float | None] = dict.fromkeys(KEYS)
    with tempfile.TemporaryDirectory() as folder:
        results |= events(Path(folder), given.rows or EVENTS, say)
        results |= audiences(Path(folder), min(given.rows or PEOPLE, PEOPLE), say)
        results |= collector(LOAD_SECONDS if given.rows is None else LOAD_SECONDS / 6, given.json)
        results |= pages(given.json)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
