"""Compare a sandbox with production, and say of each difference on which side it arose.

The differ of configuration as code compares the two; the base, in which they last were equal, tells who has changed.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices

from tiktok_hub.configuration.differ import Change, difference
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.sandboxes.snapshots import Snapshot, common, plain, snapshot


class Standing(TextChoices):
    """On which side a difference arose."""

    OURS = "sandbox", "changed in the sandbox"
    THEIRS = "production", "changed in production"
    BOTH = "both", "changed in production too"


@dataclass(frozen=True)
class Deviation:
    """One item in which the sandbox deviates from production: `change` is what would make production like it."""

    change: Change
    standing: Standing

    @property
    def key(self) -> tuple[str, str]:
        """Return section and name."""
        return self.change.section, self.change.name

    @property
    def travels(self) -> bool:
        """Say whether it can be promoted: datasets come and go with their data, which does not travel."""
        return self.change.section != "datasets" or self.change.kind == "changed"

    def as_record(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            "section": self.change.section, "name": self.change.name, "standing": self.standing.value,
            "fields": [field.as_record() for field in self.change.fields],
        }  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Both sides as they are, and how they deviate."""

    production: Snapshot
    sandbox: Snapshot
    deviations: tuple[Deviation, ...]

    def of(self, standing: Standing) -> list[Deviation]:
        """Return the deviations that arose on one side, or on both."""
        return [each for each in self.deviations if each.standing == standing]

    @property
    def fingerprint(self) -> str:
        """Return what changes whenever one of the sides does: it tells that somebody saw these very differences."""
        sides = json.dumps([plain(self.production), plain(self.sandbox)], sort_keys=True, default=str)
        return hashlib.sha256(sides.encode()).hexdigest()


def sandbox_compare(sandbox: Sandbox) -> Comparison:
    """Return how a sandbox deviates from production."""
    theirs, ours = snapshot(sandbox.production), snapshot(sandbox.twin)
    return Comparison(theirs, ours, deviations(theirs, ours, sandbox.base))


def deviations(production: Snapshot, sandbox: Snapshot, base: Snapshot) -> tuple[Deviation, ...]:
    """Compare two snapshots, and both with what they were when they last were equal."""
    theirs, ours = common(production, sandbox), common(sandbox, production)
    before = common(base, production, sandbox)
    gone = {(section, name) for section, items in theirs.items() for name in items if name not in ours.get(section, {})}
    found = difference(theirs, ours, removing=gone)
    return tuple(Deviation(change, _standing(change, theirs, ours, before)) for change in found.changes)


def _standing(change: Change, theirs: Snapshot, ours: Snapshot, base: Snapshot) -> Standing:
    was = base.get(change.section, {}).get(change.name)
    we, they = (plain(side.get(change.section, {}).get(change.name)) != was for side in (ours, theirs))
    return Standing.BOTH if we and they else Standing.OURS if we else Standing.THEIRS


def base_after(base: Snapshot, production: Snapshot, sandbox: Snapshot) -> Snapshot:
    """Return the base after something travelled: what is equal on both sides now, and what it was for the rest.

    Items that are gone from both sides are gone from the base.
    """
    theirs, ours = common(production, sandbox), common(sandbox, production)
    kept: Snapshot = {}
    for section in {**base, **production}:
        both = {**base.get(section, {}), **theirs.get(section, {}), **ours.get(section, {})}
        kept[section] = {}
        for name in both:
            they, we = theirs.get(section, {}).get(name), ours.get(section, {}).get(name)
            now = plain(production[section][name]) if they is not None and they == we else None
            value = now or base.get(section, {}).get(name)
            if value is not None and (they is not None or we is not None):
                kept[section][name] = value
    return kept
