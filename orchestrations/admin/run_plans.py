"""What people see before anything is sent: the plan, and the run that waits because its guards have stopped it."""

from dataclasses import dataclass

from django.db.models import Sum
from django.http import HttpRequest

from orchestrations.admin.progress import FULL, unit_of
from orchestrations.choices import RunPurpose, RunStatus
from orchestrations.models import Run, RunAudience
from orchestrations.runs.planning import run_plan
from orchestrations.templatetags.orchestration_tags import count, duration
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.policies import membership_allows

RELEASE = "orchestrations.release_run"
NAMED = 5  # people who may release a run, by name

HOLDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "empty_result": (
        "The query returned nobody",
        (
            "Open the query and look at its preview: an empty result often means a table that was not filled in time.",
            "If the result is wrong, cancel this run and start another one when the data is right.",
            "Release it only if the audience is meant to be empty.",
        ),
    ),
    "too_many_removed": (
        "Many people would leave the audience",
        (
            "Compare the people in the result with what you expect: a table that is half loaded looks just like this.",
            "If the result is wrong, cancel this run and start another one when the data is right.",
            "If it is right, release the run. Where such changes are usual, raise the limit of the orchestration.",
        ),
    ),
    "audience_deleted": (
        "The audience was deleted at TikTok",
        (
            "Find out who deleted it, and whether on purpose: campaigns that used it have lost it.",
            "If it is to exist again, release the run. The new audience has another id: add it to its ad groups.",
            "If it was deleted for good, cancel this run and disable the orchestration.",
        ),
    ),
}
UNKNOWN_HOLD = ("The run waits for a decision", ("Look at the numbers below, then release the run or cancel it.",))


@dataclass(frozen=True, slots=True)
class Meter:
    """A number held against a bound: words, share of the bound, tone, and what it means."""

    label: str
    text: str
    percent: float
    tone: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do: facts as label and text, meters, and why it would be held (empty where it would not)."""

    facts: list[tuple[str, str]]
    meters: list[Meter]
    hold: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a run is held and what can be done: the words of the button, the question it asks, and who may press it.

    `danger` says that people leave when it is released. `releasers` are names, for those who may not.
    """

    title: str
    sentence: str
    steps: tuple[str, ...]
    facts: list[tuple[str, str]]
    button: str
    question: str
    danger: bool
    may_release: bool
    releasers: str


def plan_shown(run: Run) -> Plan | None:
    """Return what to show of a plan that is ready; None for other runs."""
    if run.purpose != RunPurpose.PLAN or run.prepared_at is None or not run.is_finished:
        return None
    plan = run_plan(run)
    facts = [
        ("Requests", count(run.requests)),
        (unit_of(run).capitalize(), count(run.events)),
        ("Sending would take", f"about {duration(plan['estimated_seconds'])}" if run.requests else "no time"),
    ]
    meters = [_floor(plan), _account(plan)] if "floor" in plan else []
    return Plan(facts, meters, str(run.hold.get("sentence", "")))


def _floor(plan: dict[str, int]) -> Meter:
    people, floor = plan["predicted_people"], plan["floor"]
    few = people < floor
    sentence = (
        f"An ad group can use an audience from {floor:,} matched members on: {floor - people:,} people are missing."
        if few
        else f"Enough for an ad group if at least {floor:,} of them are matched with users of TikTok."
    )
    tone = "warn" if few else "good"
    return Meter("People afterwards", f"{people:,}", min(FULL * people / floor, FULL), tone, sentence)


def _account(plan: dict[str, int]) -> Meter:
    used, limit = plan["audiences_used"], plan["audiences_limit"]
    full = used > limit
    sentence = (
        "There is no room for a new audience: delete some in TikTok Ads Manager, or use the name of one that exists."
        if full
        else "Audiences that the ad account has after the run; TikTok allows no more."
    )
    return Meter(
        "Audiences used", f"{used:,} of {limit:,}", min(FULL * used / limit, FULL), "bad" if full else "idle", sentence
    )


def hold_shown(run: Run, request: HttpRequest) -> Hold | None:
    """Return what to show of a run that waits for somebody; None for other runs."""
    if run.status != RunStatus.HELD:
        return None
    title, steps = HOLDS.get(run.hold.get("reason", ""), UNKNOWN_HOLD)
    people = _totals(run)
    may = request.user.has_perm(RELEASE)
    removed = people["removed"]
    return Hold(
        title=title, sentence=str(run.hold.get("sentence", "")), steps=steps, facts=_numbers(run, people),
        button=f"Release: remove {removed:,} {_people(removed)}" if removed else "Release",
        question=_question(run, people), danger=removed > 0, may_release=may,
        releasers="" if may else releasers(),
    )  # fmt: skip


def _totals(run: Run) -> dict[str, int]:
    names = ("before", "added", "removed", "after")
    found = RunAudience.objects.filter(run=run).aggregate(**{name: Sum(name) for name in names})
    return {name: found[name] or 0 for name in names}


def _numbers(run: Run, people: dict[str, int]) -> list[tuple[str, str]]:
    return [
        ("People in the result", count(run.people)),
        ("To remove", count(people["removed"])),
        ("To add", count(people["added"])),
        ("Before → after", f"{people['before']:,} → {people['after']:,}"),
        ("Requests", f"{run.requests:,} with {run.events:,} {unit_of(run)}"),
    ]


def _question(run: Run, people: dict[str, int]) -> str:
    """Repeat the numbers before the run is released: what has been removed comes back only with another run."""
    removed, added = people["removed"], people["added"]
    return (
        f"Release run {run.pk}?\n\n"
        f"{removed:,} {_people(removed)} will be removed, {added:,} {_people(added)} added: "
        f"{people['before']:,} people before, {people['after']:,} afterwards.\n\n"
        "Who was removed comes back only with another run."
    )


def _people(number: int) -> str:
    return "person" if number == 1 else "people"


def releasers() -> str:
    """Say who of the opened tenant may release runs."""
    rows = Membership.objects.select_related("user").order_by("user__name", "pk")
    people = [str(row.user) for row in rows if membership_allows(row, RELEASE)]
    if not people:
        return "nobody yet: an administrator of this tenant is needed"
    more = len(people) - NAMED
    return ", ".join(people[:NAMED]) + (f" and {more} more" if more > 0 else "")
