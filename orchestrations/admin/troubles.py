"""The error box of a run: what happened, why, and what to do, with links to the places where it is done."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from destinations.tiktok.resolutions import RESOLUTIONS, ResolutionKey
from orchestrations.admin.base import member
from orchestrations.models import Run
from orchestrations.scheduling import REFUSED, SKIPPED
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
QUERY_KEYS = {"query_failed", "missing_column", "no_eligible_rows", "preparation_failed", "rejected_data"}


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
    if key in CREDENTIAL_KEYS:
        label, name, pk = "Open the credential", "destinations.credential", run.credential_id
    elif key in QUERY_KEYS:
        label, name, pk = "Open the query", "orchestrations.query", orchestration.query_id
    elif key in {SKIPPED, REFUSED}:
        label, name, pk = "Open the orchestration", "orchestrations.orchestration", orchestration.pk
    else:
        label, name, pk = "Open the destination", "destinations.destination", orchestration.destination_id
    app, model = name.split(".")
    if pk is None or not request.user.has_perm(f"{app}.view_{model}"):
        return []
    return [(label, reverse(f"admin:{app}_{model}_change", args=[pk]))]
