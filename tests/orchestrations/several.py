"""Several orchestrations of one tenant, and what workers would do to their runs, for tests of what starts what."""

from datetime import UTC, datetime
from typing import Any

from django_scopes import scopes_disabled

from orchestrations.choices import RunStage, RunStatus
from orchestrations.models import Orchestration, Run
from tiktok_hub.tenancy.scope import tenant_scope


def another(first: Orchestration, name: str) -> Orchestration:
    """Make one more orchestration that sends the same rows to the same destination."""
    with tenant_scope(first.tenant):
        return Orchestration.objects.create(
            tenant=first.tenant, name=name, query=first.query, destination=first.destination, settings=first.settings
        )


def end(run: Run, status: RunStatus = RunStatus.SUCCEEDED, at: datetime | None = None) -> Run:
    """Let a run be over."""
    finished = {"stage": RunStage.FINISHED, "finished_at": at or datetime.now(tz=UTC), "lease_token": ""}
    with tenant_scope(run.tenant):
        Run.objects.filter(pk=run.pk).update(status=status, **finished)
        run.refresh_from_db()
    return run


def hold(run: Run) -> Run:
    """Let a run wait for somebody to release it."""
    with tenant_scope(run.tenant):
        stage, reason = RunStage.DELIVERING, {"reason": "empty", "sentence": "The query returned nobody."}
        Run.objects.filter(pk=run.pk).update(status=RunStatus.HELD, stage=stage, hold=reason)
        run.refresh_from_db()
    return run


def runs_of(orchestration: Orchestration, **filters: Any) -> list[Run]:
    """Return the runs of an orchestration, the oldest first."""
    with scopes_disabled():
        found = Run.objects.filter(orchestration=orchestration, **filters).order_by("pk")
        return list(found.select_related("tenant", "orchestration", "after", "group_run", "started_by"))
