"""What the commands about sandboxes share: finding one, who acts, and how the outcome is told."""

import json
from typing import Any

from django.core.management.base import CommandParser

from orchestrations.management.running import RunCommand
from tiktok_hub.configuration.differ import Change
from tiktok_hub.configuration.problems import Problem
from tiktok_hub.configuration.schema import BY_NAME
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.sandboxes.services import sandbox_of
from tiktok_hub.tenancy.models import Tenant

EXIT_HELP = "Exit status: 0 done (or nothing to do), 1 blocked, nothing was changed, 2 wrong use."
BLOCKED = 1


class SandboxCommand(RunCommand):
    """A command about one sandbox; every failure is one sentence, and with `--json` an object on stdout as well."""

    def acting_arguments(self, parser: CommandParser) -> None:
        """Declare in whose name it is done, and how it is told."""
        parser.add_argument(
            "--user", metavar="EMAIL", help="whose name it is done in; else an administrator of production"
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object instead of text")

    def sandbox(self, slug: str) -> Sandbox:
        """Return a sandbox by its short name."""
        tenant = self.tenant(slug)
        if tenant.sandbox_of is None:
            known = Tenant.objects.exclude(sandbox_of=None).values_list("slug", flat=True)
            self.unknown("sandbox", slug, known)
        return sandbox_of(tenant)

    def blocked(self, problems: list[Problem]) -> int:
        """Tell what blocks, and return the exit status that says so."""
        if self.as_json:
            self.stdout.write(json.dumps({"errors": [problem_record(problem) for problem in problems]}, indent=2))
        for problem in [] if self.as_json else problems:
            self.stderr.write(f"{problem.path}: {problem.sentence}")
        self.stderr.write("Nothing was changed.")
        return BLOCKED

    def report(self, record: dict[str, Any], lines: list[str]) -> None:
        """Print the outcome, for programs or for people."""
        self.stdout.write(json.dumps(record, indent=2, default=str) if self.as_json else "\n".join(lines))


def change_lines(change: Change, note: str = "") -> list[str]:
    """Return a change for people: what happens to which thing, and its fields."""
    sign = {"added": "+", "removed": "-"}.get(change.kind, "~")
    head = f"  {sign} {BY_NAME[change.section].noun} {change.name}{f'  ({note})' if note else ''}"
    fields = change.fields if change.kind == "changed" else ()
    return [head, *(f"      {line}" for field in fields for line in field.lines())]


def change_record(change: Change) -> dict[str, Any]:
    """Return a change for `--json`; secrets as dots."""
    fields = [field.as_record() for field in change.fields]
    return {"section": change.section, "name": change.name, "kind": change.kind, "fields": fields}


def problem_record(problem: Problem) -> dict[str, str]:
    """Return a problem for `--json`."""
    return {"path": problem.path, "message": problem.sentence}
