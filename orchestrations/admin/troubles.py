"""The error box of a run: what happened, why, and what to do, with links to the places where it is done."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from destinations.tiktok.resolutions import RESOLUTIONS, ResolutionKey
from orchestrations.admin.base import member
from orchestrations.admin.run_people import audience_url
from orchestrations.models import Run, RunAudience
from orchestrations.refusals import REFUSED, SKIPPED
from tiktok_hub.tenancy.policies import is_admin

# Causes that arise here and not at TikTok.
LOCAL: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "preparation_failed": (
        "The rows could not be prepared",
        "The query's result does not have the form that the destination needs, or it is too large for this machine.",
        (
            "Read the message above: it says what was missing.",
            "Preview the query and compare its columns with the fields of the destination.",
            "Restart the run.",
        ),
    ),
    SKIPPED: (
        "This run was left out, as its schedule says",
        "The schedule skips runs that are due while another is not finished, or while nothing could run.",
        (
            "Nothing has to be done: the next run comes at its time.",
            "Restart sends the present rows now.",
            "Edit the orchestration if such runs should wait or be made up for instead.",
        ),
    ),
    REFUSED: (
        "The schedule could not start this run",
        "What somebody would be told who presses the button: see the sentence above.",
        (
            "Put right what the sentence names: access, destination, credential, query or settings.",
            "If the person in whose name it runs may not start it any more, save the orchestration in your own name.",
            "Restart this run, or wait for the next one.",
        ),
    ),
}
UNEXPECTED = (
    "Unexpected failure",
    "The run stopped for a reason that this product does not know.",
    ("Retry the run.", "If it fails again, report it to the operator of this product with the number of the run."),
)
CREDENTIAL_KEYS = {"invalid_credentials", "missing_permissions", "authorization_expired", "app_not_accepted"}
MOST_LINKS = 5
QUERY_KEYS = {"query_failed", "missing_column", "no_eligible_rows", "preparation_failed", "rejected_data"}
AUDIENCE_KEYS = {
    "audience_not_found", "audience_limit", "audience_not_ready", "audience_too_small", "audience_of_other_ids",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error for people; `raw` holds TikTok's own words, for administrators only."""

    sentence: str
    title: str
    cause: str
    steps: tuple[str, ...]
    links: list[tuple[str, str]]
    raw: dict[str, Any]


def run_trouble(run: Run, request: HttpRequest) -> Trouble | None:
    """Return what to show about a run's error, or None when it has none."""
    if not run.error:
        return None
    key = str(run.error.get("resolution", ""))
    title, cause, steps = resolution_text(key)
    raw = {name: run.error.get(name) for name in ("code", "message", "request_id") if run.error.get(name)}
    return Trouble(
        sentence=str(run.error.get("sentence", "")), title=title, cause=cause, steps=steps,
        links=_links(run, key, request), raw=raw if is_admin(member(request)) else {},
    )  # fmt: skip


def resolution_text(key: str) -> tuple[str, str, tuple[str, ...]]:
    """Return title, cause and steps of a resolution."""
    if key in set(ResolutionKey):
        found = RESOLUTIONS[ResolutionKey(key)]
        return found.title, found.cause, found.steps
    return LOCAL.get(key, UNEXPECTED)


def _links(run: Run, key: str, request: HttpRequest) -> list[tuple[str, str]]:
    orchestration = run.orchestration
    if key in AUDIENCE_KEYS:
        return [*_audience_links(run, key, request), *_link("Open the orchestration", orchestration, request)]
    if key in CREDENTIAL_KEYS:
        return _link("Open the credential", run.credential, request)
    if key in QUERY_KEYS:
        return _link("Open the query", orchestration.query, request)
    if key in {SKIPPED, REFUSED}:
        return _link("Open the orchestration", orchestration, request)
    return _link("Open the destination", orchestration.destination, request)


def _link(label: str, found: Model | None, request: HttpRequest) -> list[tuple[str, str]]:
    """Return the link to something's page, where it is there and this person may see it."""
    if found is None:
        return []
    app, model = found._meta.app_label, found._meta.model_name
    if not request.user.has_perm(f"{app}.view_{model}"):
        return []
    return [(label, reverse(f"admin:{app}_{model}_change", args=[found.pk]))]


def _audience_links(run: Run, key: str, request: HttpRequest) -> list[tuple[str, str]]:
    """Return links to the audiences that were stopped by it; where none was stopped alone, to all of the run."""
    targets = list(RunAudience.objects.filter(run=run).select_related("audience"))
    stopped = [target for target in targets if target.error.get("resolution") == key] or targets
    links = [(target.audience, audience_url(target.audience, request)) for target in stopped[:MOST_LINKS]]
    one = len(stopped) == 1
    return [("Open the audience" if one else f"Open {audience}", url) for audience, url in links if url]
