"""What the run says, what TikTok holds, and whether the two and the file agree."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from destinations.preparation.reasons import REASONS
from tiktok_hub.hub.demo.rows import Expected


@dataclass(frozen=True)
class Outcome:
    """A run (the object that `orchestration_run --json` prints), the events that TikTok holds, and the plan."""

    run: dict[str, Any]
    held: int
    expected: Expected

    def differences(self) -> list[str]:
        """Return a sentence for every number that does not add up."""
        run, expected = self.run, self.expected
        pairs = (
            ("rows selected", run["selected"], "rows in the file", expected.rows),
            ("rows rejected", run["rejected"], "sum over the reasons", sum(run["rejected_by_reason"].values())),
            ("rows that came twice", run["duplicates"], "such rows in the file", expected.duplicates),
            ("events", run["events"], "events in the file", expected.events),
            (
                "events",
                run["events"],
                "accepted + refused + unknown",
                run["accepted"] + run["refused"] + run["unknown"],
            ),
            ("events accepted", run["accepted"], "events that TikTok holds", self.held),
        )
        found = [f"{left}: {a:,}, but {right}: {b:,}" for left, a, right, b in pairs if a != b]
        reasons = run["rejected_by_reason"]
        for reason in sorted(reasons.keys() | expected.rejected.keys()):
            got, wanted = reasons.get(reason, 0), expected.rejected[reason]
            if got != wanted:
                found.append(f"{reason}: {got:,} rows rejected, but {wanted:,} in the file")
        return found

    def lines(self) -> Iterator[str]:
        """Tell the outcome as a table."""
        run = self.run
        yield f"Run {run['run']}: {str(run['status']).replace('_', ' ')}"
        yield from (f"  {label:<22}{run[key]:>9,}" for label, key in COUNTS)
        for reason, count in sorted(run["rejected_by_reason"].items(), key=lambda pair: (-pair[1], pair[0])):
            yield f"    {count:>6,}  {reason:<26}{REASONS.get(reason, '')}"
        yield f"  {'events held by TikTok':<22}{self.held:>9,}"
        yield f"  {'seconds':<22}{run['seconds']:>9.1f}"


COUNTS = (
    ("rows selected", "selected"),
    ("events made of them", "events"),
    ("events accepted", "accepted"),
    ("events refused", "refused"),
    ("events unknown", "unknown"),
    ("requests", "requests"),
    ("values with warnings", "warnings"),
    ("rows that came twice", "duplicates"),
    ("rows rejected", "rejected"),
)
