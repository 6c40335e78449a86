"""The error box of a run: what happened, why, and what to do, with links to the places where it is done."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from destinations.tiktok.resolutions import ResolutionAction as Act
from orchestrations.admin.base import member
from orchestrations.admin.run_people import audience_url
from orchestrations.datasets import sql_tables
from orchestrations.models import Dataset, Run, RunAudience
from orchestrations.runs.resolutions import LocalKey, resolution_of
from tiktok_hub.tenancy.policies import is_admin

MOST_LINKS = 5
DEEDS = (Act.RETRY, Act.RESTART, Act.REPLAY, Act.SKIP, Act.CANCEL)
"""Actions on the run itself; the others open a page."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error for people; `raw` holds TikTok's own words, for administrators only.

    `deeds` are what may help with the run itself, where it is possible; `links` lead to where the cause is removed.
    """

    sentence: str
    title: str
    cause: str
    steps: tuple[str, ...]
    links: list[tuple[str, str]]
    deeds: tuple[str, ...]
    raw: dict[str, Any]


def run_trouble(run: Run, request: HttpRequest) -> Trouble | None:
    """Return what to show about a run's error, or None when it has none."""
    if not run.error:
        return None
    found = resolution_of(_key(run), streamed=run.stream_id is not None)
    raw = {name: run.error.get(name) for name in ("code", "message", "request_id") if run.error.get(name)}
    return Trouble(
        sentence=str(run.error.get("sentence", "")), title=found.title, cause=found.cause, steps=found.steps,
        links=[link for action in found.actions for link in _links(run, action, request)],
        deeds=tuple(action for action in found.actions if action in DEEDS),
        raw=raw if is_admin(member(request)) else {},
    )  # fmt: skip


def _key(run: Run) -> str:
    """Return the key of a run's error; a start that was refused while the credential waits has a remedy of its own."""
    key = str(run.error.get("resolution", ""))
    refused = key in {LocalKey.SCHEDULE_REFUSED, LocalKey.GROUP_REFUSED}
    waits = refused and not run.orchestration.destination.credential.is_usable
    return LocalKey.CREDENTIAL_WAITS if waits else key


def _links(run: Run, action: str, request: HttpRequest) -> list[tuple[str, str]]:
    """Return the links of one action that opens a page; none where there is nothing to open for this person."""
    orchestration = run.orchestration
    if action == Act.AUDIENCE:
        return _audience_links(run, request)
    if action == Act.DATASET:
        return _dataset_links(run, request)
    if action == Act.CREDENTIAL:
        return _link("Open the credential", run.credential or orchestration.destination.credential, request)
    if action == Act.QUERY:
        return _link("Open the query", orchestration.query, request)
    if action == Act.ORCHESTRATION and run.stream_id:
        return _link("Open the stream", orchestration.stream, request)
    if action == Act.ORCHESTRATION:
        return _link("Open the orchestration", orchestration, request)
    return _link("Open the destination", orchestration.destination, request) if action == Act.DESTINATION else []


def _link(label: str, found: Model | None, request: HttpRequest) -> list[tuple[str, str]]:
    """Return the link to something's page, where it is there and this person may see it."""
    if found is None:
        return []
    app, model = found._meta.app_label, found._meta.model_name
    if not request.user.has_perm(f"{app}.view_{model}"):
        return []
    return [(label, reverse(f"admin:{app}_{model}_change", args=[found.pk]))]


def _audience_links(run: Run, request: HttpRequest) -> list[tuple[str, str]]:
    """Return links to the audiences that were stopped by it; where none was stopped alone, to all of the run."""
    targets = list(RunAudience.objects.filter(run=run).select_related("audience"))
    stopped = [each for each in targets if each.error.get("resolution") == run.error.get("resolution")] or targets
    links = [(target.audience, audience_url(target.audience, request)) for target in stopped[:MOST_LINKS]]
    one = len(stopped) == 1
    return [("Open the audience" if one else f"Open {audience}", url) for audience, url in links if url]


def _dataset_links(run: Run, request: HttpRequest) -> list[tuple[str, str]]:
    """Return links to the datasets that the run's query reads."""
    read = sql_tables(run.inputs.get("sql", ""), run.inputs.get("tables", {}))[:MOST_LINKS]
    found = Dataset.objects.filter(name__in=read).order_by("name")
    return [link for dataset in found for link in _link(f"Open the dataset {dataset}", dataset, request)]
