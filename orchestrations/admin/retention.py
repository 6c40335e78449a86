"""Retention: what each night deleted because it had been kept long enough, and what it kept all the same."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat

from orchestrations.admin.base import OwnPageAdmin
from orchestrations.models import RetentionReport, Run
from orchestrations.templatetags.orchestration_tags import count, duration
from tiktok_hub.admin import shown
from tiktok_hub.shell import tenant_site

STATES = {"done": "success", "working": "info", "faults": "warning", "interrupted": "warning"}


@admin.register(RetentionReport, site=tenant_site)
class RetentionReportAdmin(OwnPageAdmin):
    """The nights' reports; nobody writes or deletes them."""

    list_display = ("state", "night", "deleted_things", "freed", "kept_runs", "took")
    list_display_links = ("state", "night")
    empty_title = "No night has passed yet"
    empty_text = "Every night, what has been kept long enough is deleted, and what was deleted is reported here."

    @shown("Status", label=STATES)
    def state(self, report: RetentionReport) -> tuple[str, str]:
        """Say how the night went."""
        if report.finished_at is None:
            return ("working", "At work") if report.working_until else ("interrupted", "Interrupted")
        return ("faults", "With faults") if report.faults else ("done", "Done")

    @shown("Deleted")
    def deleted_things(self, report: RetentionReport) -> str:
        """Return how many files and rows were deleted."""
        return count(report.things)

    @shown("Freed")
    def freed(self, report: RetentionReport) -> str:
        """Return how much storage became free."""
        return str(filesizeformat(report.bytes))

    @shown("Kept although old")
    def kept_runs(self, report: RetentionReport) -> str:
        """Return how many runs were kept although they are old."""
        return count(sum(line["count"] for line in report.kept_lines))

    @shown("Duration")
    def took(self, report: RetentionReport) -> str:
        """Return how long it took."""
        return duration(report.seconds)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Reports are written by the nights."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: RetentionReport | None = None) -> bool:
        """Nobody edits what happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RetentionReport | None = None) -> bool:
        """Nobody deletes what happened."""
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show one night."""
        report = self.object_or_404(request, object_id)
        if not self.has_view_permission(request, report):
            raise PermissionDenied
        there = set(Run.objects.filter(pk__in=[pk for line in report.kept_lines for pk in line["runs"]])
                    .values_list("pk", flat=True))  # fmt: skip
        kept = [{**line, "runs": [(pk, pk in there) for pk in line["runs"]]} for line in report.kept_lines]
        return self.page(
            request, "orchestrations/retention/page.html", title=str(report), original=report, report=report, kept=kept,
            state=self.state(report), periods=periods_shown(), list_url=self.url("changelist"),
        )  # fmt: skip

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """There is no such page."""
        raise Http404


def periods_shown() -> list[tuple[str, str]]:
    """Return what is kept how long."""
    return [
        (label, f"{days:g} days")
        for label, days in (
            ("Prepared requests, old versions of datasets", settings.HUB_RETENTION_SPOOL_DAYS),
            ("Rejected rows", settings.HUB_RETENTION_REJECTS_DAYS),
            ("Runs with their numbers", settings.HUB_RETENTION_RUNS_DAYS),
            ("Runs of streams with all they have", settings.HUB_RETENTION_SPOOL_DAYS),
            ("What was posted to streams and cannot be sent", settings.HUB_RETENTION_STREAMS_DAYS),
            ("Alerts that are over", settings.HUB_RETENTION_ALERTS_DAYS),
            ("Links and invitations, after they have expired", settings.HUB_RETENTION_LINKS_DAYS),
        )
    ]
