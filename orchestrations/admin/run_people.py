"""What a run means for the people of its audiences, as its page shows it: who comes, who goes, who stays."""

from dataclasses import dataclass

from django.db.models import Sum as Total
from django.http import HttpRequest
from django.urls import reverse

from destinations.preparation.contract import ID_TYPES
from orchestrations.admin.progress import FULL, Part, Sum, sum_of
from orchestrations.choices import CHANGES, RunPurpose, RunStatus, SyncMode
from orchestrations.models import Audience, Run, RunAudience
from tiktok_hub.shell import tenant_site

MODES: dict[str, tuple[str, str]] = {
    SyncMode.MIRROR: ("mirror", "The audience becomes equal to the query's result: who is not in it leaves."),
    SyncMode.ADD: ("add only", "Who is in the query's result joins the audience; nobody leaves."),
    SyncMode.REMOVE: ("remove", "Who is in the query's result leaves the audience; nobody joins."),
    SyncMode.REPLACE: ("replace", "The query's result is sent as a whole and takes the place of the audience."),
    CHANGES: ("changes", "Who was posted to be added joins the audience, who was posted to be removed leaves it."),
}
"""A word and a sentence for each way in which an audience follows a query."""
SAMPLE = "A sample: its people join the audience, and nobody leaves for not being among them."
ID_LABELS = dict(
    zip(ID_TYPES, ("e-mail address", "phone number", "Apple device id (IDFA)", "Android device id (AAID)"), strict=True)
)
VERDICTS = ("events", "accepted", "refused", "unknown")


@dataclass(frozen=True, slots=True)
class Bar:
    """The people of an audience at one time, in pieces; shares are of the larger of the two times."""

    label: str
    count: int
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Change:
    """What a run means for one audience; `url` is empty for people who may not open its page."""

    target: RunAudience
    url: str
    bars: tuple[Bar, Bar]
    entries: dict[str, int]

    @property
    def unsent(self) -> int:
        """Return how many entries have no verdict (yet)."""
        return self.entries["events"] - sum(self.entries[name] for name in VERDICTS[1:])


@dataclass(frozen=True, slots=True)
class People:
    """The people of a run: how many, by which mode, and what becomes of each audience.

    `done` says that everything planned has been carried out; before that, numbers are plans. `sums` are written out
    for one audience only, `valid` are the rows with a valid id of each type that the destination sends.
    """

    count: int
    mode: str
    sentence: str
    done: bool
    changes: list[Change]
    totals: dict[str, int]
    sums: list[Sum]
    valid: list[Part]

    @property
    def only(self) -> Change | None:
        """Return the audience, where there is but one."""
        return self.changes[0] if len(self.changes) == 1 else None


def people_shown(run: Run, request: HttpRequest) -> People | None:
    """Return what to show about a run's people; None for other runs, and until all rows are prepared."""
    if run.prepared_at is None:
        return None
    targets = list(RunAudience.objects.filter(run=run).select_related("audience"))
    if not targets:
        return None
    entries = entries_by_target(run)
    changes = [
        Change(target, audience_url(target.audience, request), change_bars(target), entries.get(target.pk, NONE))
        for target in targets
    ]
    names = ("before", "added", "removed", "unchanged", "after")
    word, sentence = mode_words(run)
    return People(
        count=run.people or 0, mode=word, sentence=sentence, done=_done(run), changes=changes,
        totals={name: sum(getattr(target, name) for target in targets) for name in names}
        | {name: sum(change.entries[name] for change in changes) for name in VERDICTS}
        | {"unsent": sum(change.unsent for change in changes)},
        sums=[people_sum(run, targets[0])] if len(targets) == 1 else [],
        valid=valid_bars(run),
    )  # fmt: skip


NONE = dict.fromkeys(VERDICTS, 0)


def entries_by_target(run: Run) -> dict[int, dict[str, int]]:
    """Return how many entries there are for each audience of a run, and how many have which verdict."""
    sums = {f"all_{name}": Total(name) for name in VERDICTS}
    rows = run.batches.order_by().values("target").annotate(**sums).values_list("target", *sums)
    return {target: {name: int(n or 0) for name, n in zip(VERDICTS, counts, strict=True)} for target, *counts in rows}


def mode_words(run: Run) -> tuple[str, str]:
    """Return a word and a sentence for the way in which a run changes its audiences."""
    word, sentence = MODES.get(run.inputs.get("sync_mode", ""), ("", ""))
    return word, SAMPLE if run.sample and run.inputs.get("sync_mode") == SyncMode.ADD else sentence


def _done(run: Run) -> bool:
    ended_well = run.status in (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS)
    return ended_well and run.purpose == RunPurpose.DELIVER and run.accepted == run.events


def change_bars(target: RunAudience) -> tuple[Bar, Bar]:
    """Return the audience before and after, on one scale: who stays is in both, then who goes, or who comes."""
    widest = max(target.before, target.after) or 1

    def bar(label: str, count: int, changed: int, what: str, tone: str) -> Bar:
        stay = max(count - changed, 0)
        pieces = [(stay, "stay", "stay"), (min(changed, count), what, tone)]
        return Bar(label, count, [Part(n, text, colour, FULL * n / widest) for n, text, colour in pieces if n])

    return (
        bar("Before", target.before, target.removed, "go", "go"),
        bar("After", target.after, target.added, "come", "come"),
    )


def people_sum(run: Run, target: RunAudience) -> Sum:
    """Return where the people are found again: those of the result; of the audience, where the result is removed."""
    if run.inputs.get("sync_mode") == CHANGES:
        parts = [(target.added, "new", "come"), (target.unchanged, "stay", "stay")]
        return sum_of(target.after, "people afterwards", parts)
    if run.inputs.get("sync_mode") == SyncMode.REMOVE:
        parts = [(target.removed, "leave", "go"), (target.unchanged, "stay", "stay")]
        return sum_of(target.before, "people in the audience", parts)
    parts = [(target.added, "new", "come"), (target.unchanged, "already in the audience", "stay")]
    return sum_of(run.people or 0, "people in the result", parts)


def valid_bars(run: Run) -> list[Part]:
    """Return the rows with a valid id of each type that the destination sends, as shares of the selected rows."""
    kinds = run.inputs.get("settings", {}).get("user_id_types") or ID_TYPES
    counts = [(run.tally.get(f"valid_{kind.lower()}"), f"rows with a valid {ID_LABELS[kind]}") for kind in kinds]
    rows = run.selected or 1
    return [Part(count, label, "idle", FULL * count / rows) for count, label in counts if count is not None]


def audience_url(audience: Audience, request: HttpRequest) -> str:
    """Return the address of an audience's page; nothing for people who may not see it."""
    if not tenant_site.is_registered(Audience) or not request.user.has_perm("orchestrations.view_audience"):
        return ""
    return reverse("admin:orchestrations_audience_change", args=[audience.pk])
