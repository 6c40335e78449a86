"""`manage.py hub_retention`: delete now what has been kept long enough, or say what that would be."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from orchestrations.models import RetentionReport
from orchestrations.retention.machine import hub_tidy
from orchestrations.retention.services import retention_preview, retention_run
from tiktok_hub.acting import Via, acting_as
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

HELP = """Delete what has been kept long enough (HUB_RETENTION_…_DAYS), as a background task does every night.

Exit status: 0 done, 1 some files could not be deleted or another process is at work in a tenant, 2 wrong use."""


class Command(BaseCommand):
    """Carry out retention, tenant by tenant."""

    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--tenant", metavar="SLUG", help="only this tenant")
        parser.add_argument("--dry-run", action="store_true", help="delete nothing, say what would be deleted")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work through the tenants, print, and end with the exit status."""
        slug, dry = options["tenant"], options["dry_run"]
        tenants = Tenant.objects.filter(slug=slug) if slug else Tenant.objects.all()
        if slug and not tenants:
            raise CommandError(f"There is no tenant “{slug}”.", returncode=2)
        if not (slug or dry):
            hub_tidy()
        found = {tenant.slug: self.one(tenant, dry) for tenant in tenants}
        if options["json"]:
            reports = {name: _as_json(report) for name, report in found.items()}
            self.stdout.write(json.dumps({"dry_run": dry, "tenants": reports}, indent=2))
        else:
            for name, report in found.items():
                self.stdout.write("\n".join(_as_text(name, report, dry)))
        if any(report is None or report.faults for report in found.values()):
            raise SystemExit(1)

    def one(self, tenant: Tenant, dry: bool) -> RetentionReport | None:
        """Do one tenant's part."""
        with tenant_scope(tenant), acting_as(None, Via.COMMAND):
            return retention_preview(tenant=tenant) if dry else retention_run(tenant=tenant, again=True)


def _as_json(report: RetentionReport | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {
        "night": report.night.isoformat(),
        "deleted": report.deleted,
        "kept": report.kept,
        "faults": report.faults,
        "seconds": report.seconds,
    }


def _as_text(name: str, report: RetentionReport | None, dry: bool) -> list[str]:
    if report is None:
        return [f"{name}: another process is at work; try again when it has ended"]
    word = "would be deleted" if dry else "deleted"
    lines = [f"{name}: {report.things:,} things, {filesizeformat(report.bytes)} {word} in {report.seconds:,.1f} s"]
    lines += [
        f"  {line['count']:>10,} {line['label']}" + (f", {filesizeformat(line['bytes'])}" if line["bytes"] else "")
        for line in report.deleted_lines
    ]
    lines += [
        f"  kept {line['count']:>5,} {line['label']} (run {', '.join(map(str, line['runs']))})"
        for line in report.kept_lines
    ]
    if report.faults:
        lines.append(f"  {report.faults:>10,} files could not be deleted, see the log")
    return lines
