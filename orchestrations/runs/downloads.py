"""Files that people take away, as answers to a browser or a program; each stands in the audit log."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from django.core.exceptions import ValidationError
from django.http import StreamingHttpResponse

from orchestrations.audiences.upkeep import audience_export
from orchestrations.models import Audience, Run
from orchestrations.runs.results import DUPLICATE, REFUSED, REJECT, UNKNOWN, WARNING, run_issues_csv
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.spreadsheets import csv_lines, csv_response
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

CSV_LEVELS = (REJECT, REFUSED, UNKNOWN, WARNING, DUPLICATE)


def run_issues_response(run: Run, asked: Sequence[str] = (), *, hidden: bool) -> StreamingHttpResponse:
    """Return what was rejected, warned about or left out of a run: values masked, or `hidden` altogether.

    Raise ValidationError when that was deleted.
    """
    if run.rejects_deleted_at is not None:
        raise ValidationError(f"The rows of run {run.pk} were deleted on {run.rejects_deleted_at:%d %B %Y}.")
    audit_record(Action.RUN_DOWNLOADED, run)
    levels = [level for level in asked if level in CSV_LEVELS]
    name = f"run-{run.pk}-{'-'.join(levels) or 'issues'}.csv"
    return csv_response(_inside(run.tenant, lambda: run_issues_csv(run, levels or CSV_LEVELS, hidden=hidden)), name)


def audience_response(audience: Audience) -> StreamingHttpResponse:
    """Return the digests that TikTok was told of an audience."""
    audit_record(Action.AUDIENCE_DOWNLOADED, audience)
    return csv_response(_inside(audience.tenant, lambda: audience_export(audience)), f"audience-{audience.pk}.csv")


def reconciliation_response(
    tenant: Tenant, what: str, header: Sequence[str], rows: Callable[[], Iterable[Sequence[object]]]
) -> StreamingHttpResponse:
    """Return counts of runs or of audiences, one per line; there is nothing of a row or a person in them."""
    audit_record(Action.RECONCILIATION_DOWNLOADED, name=f"Reconciliation: {what}")
    return csv_response(_inside(tenant, lambda: csv_lines(header, rows())), f"reconciliation-{what}.csv")


def _inside(tenant: Tenant, lines: Callable[[], Iterator[str]]) -> Iterator[str]:
    """Read a stream inside the tenant: by the time it is sent, the request's own scope is closed."""
    with tenant_scope(tenant):
        yield from lines()
