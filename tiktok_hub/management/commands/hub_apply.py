"""`manage.py hub_apply FILE…`: bring tenants to what YAML files say."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, IntegrityError

from tiktok_hub.acting import Via, acting_as
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.configuration import Change, ConfigurationInvalidError, Plan, Problem, plans_apply, plans_open
from tiktok_hub.configuration.schema import BY_NAME
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

DESCRIPTION = """Bring tenants to what YAML files say: tenant, users, credentials, datasets, queries, destinations and
orchestrations. Everything is checked first; a mistake anywhere leaves everything as it was. What is in a tenant but
not in its file is left alone. ${NAME} is taken from the environment; paths are relative to the file. Works without a
network: connections are not tested. Exit status: 0 done (or nothing to do), 1 the database refused, 2 a mistake in a
file."""


class Command(BaseCommand):
    """Apply configuration files; the same files twice change nothing the second time."""

    help = DESCRIPTION

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("files", nargs="+", metavar="FILE", help="YAML; several tenants are several documents")
        parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, show and apply."""
        dry, as_json = bool(options["dry_run"]), bool(options["as_json"])
        try:
            with plans_open([Path(name) for name in options["files"]]) as plans:
                if not dry and any(plan.difference for plan in plans):
                    with acting_as(None, Via.COMMAND):
                        plans_apply(plans, then=partial(note, plans))
        except ConfigurationInvalidError as error:
            self._refuse(error.problems, as_json=as_json)
        except IntegrityError:
            raise CommandError(f"Nothing was changed. {AGAIN}") from None
        except DatabaseError as error:
            reason = str(error).partition("\n")[0]
            raise CommandError(f"Nothing was changed: the database cannot be used ({reason}). {MIGRATE}") from None
        else:
            text = json.dumps(record(plans, dry=dry), indent=2, default=str) if as_json else report(plans, dry=dry)
            self.stdout.write(text)

    def _refuse(self, problems: list[Problem], *, as_json: bool) -> None:
        """Tell every mistake and end with status 2."""
        if as_json:
            self.stdout.write(json.dumps({"errors": [problem.as_record() for problem in problems]}, indent=2))
        else:
            for problem in problems:
                self.stderr.write(str(problem))
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise CommandError(f"{count}; nothing was changed.", returncode=2)


def note(plans: list[Plan]) -> None:
    """Put into each tenant's audit log that a file was applied; the changes themselves stand there already."""
    for plan in plans:
        if plan.difference:
            tenant = Tenant.objects.get(slug=plan.slug)
            told = [
                {"field": word, "old": None, "new": len(changes)}
                for word, changes in (("added", plan.difference.added), ("changed", plan.difference.changed))
            ]
            with tenant_scope(tenant):
                audit_record(Action.CONFIGURATION_APPLIED, tenant, changes=told)


DRY, DONE = ("to add", "to change"), ("added", "changed")
AGAIN = "Somebody changed the same things at the same moment. Apply the file again."
MIGRATE = "Is it migrated (manage.py migrate)?"


def report(plans: list[Plan], *, dry: bool) -> str:
    """Return what was (or would be) done, for people."""
    lines = [line for plan in plans for line in _plan_lines(plan, words=DRY if dry else DONE)]
    if dry and any(plan.difference for plan in plans):
        lines.append("Dry run: nothing was changed.")
    return "\n".join(lines)


def _plan_lines(plan: Plan, *, words: tuple[str, str]) -> Iterator[str]:
    found = plan.difference
    unchanged = [pair for pair in found.unchanged if pair[0] != "tenant"]
    counts = f"{len(found.added)} {words[0]}, {len(found.changed)} {words[1]}, {len(unchanged)} unchanged"
    yield f"{plan.slug}: {counts}" if found else f"{plan.slug}: nothing to change ({len(unchanged)} unchanged)"
    for change in found.changes:
        yield from _change_lines(change)
    for note in plan.notes:
        yield f"  ! {note}"
    if found.extra:
        names = ", ".join(f"{BY_NAME[section].noun} {name}" for section, name in found.extra)
        yield f"  not in the file, left alone: {names}"


def _change_lines(change: Change) -> Iterator[str]:
    yield f"  {'+' if change.added else '~'} {BY_NAME[change.section].noun} {change.name}"
    for field in () if change.added else change.fields:
        yield from (f"      {line}" for line in field.lines())


def record(plans: list[Plan], *, dry: bool) -> dict[str, Any]:
    """Return the same for programs."""
    return {"dry_run": dry, "tenants": [_plan_record(plan) for plan in plans]}


def _plan_record(plan: Plan) -> dict[str, Any]:
    found = plan.difference
    return {
        "tenant": plan.slug,
        "added": [{"section": each.section, "name": each.name} for each in found.added],
        "changed": [
            {"section": each.section, "name": each.name, "fields": [field.as_record() for field in each.fields]}
            for each in found.changed
        ],
        "unchanged": len([pair for pair in found.unchanged if pair[0] != "tenant"]),
        "left_alone": [{"section": section, "name": name} for section, name in found.extra],
        "notes": [note.as_record() for note in plan.notes],
    }
