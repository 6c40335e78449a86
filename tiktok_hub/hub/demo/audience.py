"""The second act: an audience that equals a query, and follows it when the list of customers changes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiktok_hub.hub.demo.customers import Sets, customers_write
from tiktok_hub.hub.demo.stage import Stage

BEFORE, AFTER = range(6_000), range(300, 6_300)
BAD_ROWS = 40
ORCHESTRATION = "customers-to-audience"
SECONDS_UNTIL_SIZES_SHOW = 5


@dataclass(frozen=True)
class Kept:
    """A run (what `orchestration_run --json` prints), the ids that TikTok holds, and those it should."""

    run: dict[str, Any]
    held: Sets
    expected: Sets

    def differences(self) -> list[str]:
        """Return a sentence for every set that is not as it should be."""
        found = []
        for kind, wanted in self.expected.items():
            held = self.held.get(kind, set())
            if held != wanted:
                found.append(
                    f"{kind}: {len(wanted - held):,} ids are missing at TikTok, {len(held - wanted):,} too many"
                )
        rows = self.run["in_events"] + self.run["rejected"] + self.run["duplicates"]
        if rows != self.run["selected"]:
            found.append(f"rows selected: {self.run['selected']:,}, but {rows:,} are accounted for")
        return found

    def lines(self) -> Iterator[str]:
        """Tell what became of the people."""
        run = self.run
        yield f"Run {run['run']}: {str(run['status']).replace('_', ' ')}"
        yield from (f"  {label:<22}{run[key]:>9,}" for label, key in COUNTS)
        for kind, ids in sorted(self.held.items()):
            yield f"  {'held by TikTok':<22}{len(ids):>9,}  {kind}"
        yield f"  {'seconds':<22}{run['seconds']:>9.1f}"


COUNTS = (
    ("rows selected", "selected"),
    ("people", "people"),
    ("people added", "added"),
    ("people removed", "removed"),
    ("people unchanged", "unchanged"),
    ("requests", "requests"),
    ("rows rejected", "rejected"),
)


def first_list(files: Path) -> Sets:
    """Write the customers that the audience begins with."""
    return customers_write(files / "customers.csv", BEFORE, BAD_ROWS)


def audience_play(stage: Stage, first: Sets, say: Callable[..., None]) -> list[str]:
    """Fill the audience, change the list, plan, and let the audience follow; return what does not add up."""
    stage.steer("seed", {"options": {"audience_size_seconds": SECONDS_UNTIL_SIZES_SHOW}})
    say("", "Acme keeps a custom audience equal to its list of customers:")
    filled = kept(stage, first)
    say(*filled.lines())
    second = customers_write(stage.folder / "files" / "customers.csv", AFTER, BAD_ROWS)
    stage.configuration_apply()
    plan = json.loads(stage.command("orchestration_run", "acme", ORCHESTRATION, "--plan", "--json"))
    say(
        "",
        f"The list changes. The plan, before anything is sent: {plan['added']:,} people come, {plan['removed']:,} go, "
        f"{plan['unchanged']:,} stay; {plan['requests']} requests.",
    )
    followed = kept(stage, second)
    say(*followed.lines())
    return filled.differences() + followed.differences()


def kept(stage: Stage, expected: Sets) -> Kept:
    """Run the orchestration and ask TikTok who is in the audience."""
    run = json.loads(stage.complete("orchestration_run", "acme", ORCHESTRATION, "--wait", "--json"))
    ids = stage.ask("members", audience_id=run["audience_id"])["ids"]
    return Kept(run, {kind: set(values) for kind, values in ids.items()}, expected)
