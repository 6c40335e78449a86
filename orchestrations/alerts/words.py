"""Say what happened in sentences: names, numbers and steps, never values of rows, personal data or secrets."""

from dataclasses import dataclass
from typing import Any

from destinations.models import Credential
from destinations.tiktok.resolutions import ResolutionKey, resolution_get
from orchestrations.admin.audience_words import settling, standing
from orchestrations.models import Audience, GroupRun, Run, Stream
from orchestrations.runs.resolutions import resolution_of

__all__ = ["Words", "settling"]

HEADLINE_LONGEST = 300  # characters
NUMBERS = ("selected", "in_events", "rejected", "duplicates", "accepted", "refused", "unknown", "unsent")


@dataclass(frozen=True, slots=True)
class Words:
    """What is told: a headline, a text with numbers and the first step, and the page (under the tenant's address)."""

    headline: str = ""
    text: str = ""
    path: str = ""


def run_facts(run: Run) -> dict[str, Any]:
    """Return what programs are told of a run: names, ids and counts."""
    return {
        "orchestration": {"id": run.orchestration_id, "name": run.orchestration.name},
        "run": {"id": run.pk, "status": run.status, "trigger": run.trigger},
        "rows": {name: getattr(run, name) for name in NUMBERS},
    }


def run_failed(run: Run) -> Words:
    """Return what to say of a run that failed."""
    return _run(run, f"Run {run.pk} of “{run.orchestration}” failed", _trouble(run), _numbers(run))


def run_not_started(run: Run) -> Words:
    """Return what to say of a run that was due and did not start."""
    return _run(run, f"A run of “{run.orchestration}” that was due did not start", _trouble(run))


def run_held(run: Run) -> Words:
    """Return what to say of a run that waits for somebody."""
    step = "What to do: look at its plan, then release it or cancel it."
    return _run(run, f"Run {run.pk} of “{run.orchestration}” is held", str(run.hold.get("sentence", "")), step)


def run_rejected(run: Run, percent: int) -> Words:
    """Return what to say of a run with too many rows that were not taken."""
    wrong, selected = run.rejected + run.refused, run.selected or 0
    headline = f"Run {run.pk} of “{run.orchestration}”: {wrong:,} of {selected:,} rows were not taken"
    share = f"{wrong * 100 / selected:.1f} % were rejected here or refused by TikTok; the rule tells from {percent} %."
    return _run(run, headline, share, "What to do: look at the rejects by reason on the run's page.")


def run_rows(run: Run, low: float, high: float, runs: int) -> Words:
    """Return what to say of a run whose query returned more or fewer rows than usual."""
    headline = f"Run {run.pk} of “{run.orchestration}”: {run.selected or 0:,} rows, which is unusual"
    usual = f"Usual are {low:,.0f} to {high:,.0f}, by the median of the last {runs} successful runs."
    return _run(run, headline, usual, "What to do: see whether the datasets that the query reads are complete.")


def run_succeeded(run: Run) -> Words:
    """Return what to say when a run has ended a trouble."""
    return _run(run, f"“{run.orchestration}” is well again: run {run.pk} succeeded", _numbers(run))


def group_not_started(run: GroupRun) -> Words:
    """Return what to say of a group's run that was due and did not start."""
    headline = f"A run of the group “{run.group}” that was due did not start"
    return _page("orchestrations", run, headline, _trouble(run))


def group_succeeded(run: GroupRun) -> Words:
    """Return what to say of a group that runs again."""
    return _page("orchestrations", run, f"The group “{run.group}” is well again: its run {run.pk} succeeded")


def credential_trouble(credential: Credential, *, dead: bool) -> Words:
    """Return what to say of a credential that TikTok refuses, or has not confirmed for days."""
    state = credential.get_status_display().lower() if dead else "in doubt"
    found = resolution_get(ResolutionKey.INVALID_CREDENTIALS)
    step = f"What to do: {found.steps[0]}" if dead else "What to do: open the credential and check it."
    return _page("destinations", credential, f"The credential “{credential}” is {state}", credential.problem, step)


def credential_well(credential: Credential) -> Words:
    """Return what to say of a credential that TikTok accepts again."""
    return _page("destinations", credential, f"The credential “{credential}” is authorised again")


def stream_parked(stream: Stream) -> Words:
    """Return what to say of a stream that keeps what it accepts and cannot send it."""
    steps = resolution_of(str(stream.parked.get("resolution", ""))).steps
    step = f"What to do: {steps[0]}" if steps else ""
    return _page("orchestrations", stream, f"The stream “{stream}” is parked", str(stream.parked["sentence"]), step)


def audience_trouble(audience: Audience) -> Words:
    """Return what to say of an audience that cannot be used, or soon cannot."""
    found = standing(audience)
    step = f"What to do: {found.steps[0]}" if found.steps else ""
    headline = f"Audience “{audience}”: {found.title.lower()}"
    return _page("orchestrations", audience, headline, found.cause, step)


def audience_well(audience: Audience) -> Words:
    """Return what to say of an audience that can be used again."""
    return _page("orchestrations", audience, f"Audience “{audience}” is ready again")


def _trouble(run: Run | GroupRun) -> str:
    """Return the sentence of a run's error, and the first step of its resolution."""
    steps = resolution_of(str(run.error.get("resolution", ""))).steps
    return " ".join([str(run.error.get("sentence", "")), *(f"What to do: {step}" for step in steps[:1])]).strip()


def _numbers(run: Run) -> str:
    if run.selected is None:
        return ""
    told = f"{run.selected:,} rows selected, {run.rejected:,} rejected; {run.accepted:,} of {run.events:,} accepted"
    return f"{told} by TikTok, {run.refused:,} refused."


def _run(run: Run, headline: str, *sentences: str) -> Words:
    return Words(headline[:HEADLINE_LONGEST], _joined(sentences), f"orchestrations/run/{run.pk}/change/")


def _page(app: str, thing: Credential | Audience | GroupRun | Stream, headline: str, *sentences: str) -> Words:
    path = f"{app}/{thing._meta.model_name}/{thing.pk}/change/"
    return Words(headline[:HEADLINE_LONGEST], _joined(sentences), path)


def _joined(sentences: tuple[str, ...]) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
