"""Say on a run's page what of it is gone."""

from django.conf import settings

from orchestrations.models import Run


def gone_sentences(run: Run) -> list[str]:
    """Return what was deleted of a run, a sentence each."""
    found = []
    if run.spool_deleted_at is not None:
        days = settings.HUB_RETENTION_SPOOL_DAYS
        found.append(
            f"The prepared requests were deleted on {run.spool_deleted_at:%d %B %Y} (kept {days:g} days): this run "
            "can be neither retried nor replayed. A new run prepares everything anew."
        )
    if run.rejects_deleted_at is not None:
        days = settings.HUB_RETENTION_REJECTS_DAYS
        found.append(f"The rejected rows were deleted on {run.rejects_deleted_at:%d %B %Y} (kept {days:g} days).")
    return found
