"""`manage.py hub_export TENANT`: write a tenant's configuration as YAML."""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from tiktok_hub.acting import Via, acting_as
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.configuration import tenant_export
from tiktok_hub.configuration.problems import did_you_mean
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope


class Command(BaseCommand):
    """Export a tenant; `hub_apply` takes the file back without a difference."""

    help = (
        "Write a tenant's configuration as YAML that hub_apply takes back. Secrets are left out: a pasted token "
        "becomes ${VARIABLE}. The files of datasets are named and not exported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("tenant", metavar="TENANT", help="the tenant's short name, as in its addresses")
        parser.add_argument("--output", metavar="FILE", type=Path, help="write here instead of to the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export, to the terminal or into a file that appears only when it is whole."""
        try:
            text = export(options["tenant"])
        except DatabaseError as error:
            reason = str(error).partition("\n")[0]
            raise CommandError(f"The database cannot be used ({reason}). Is it migrated (manage.py migrate)?") from None
        if options["output"] is None:
            self.stdout.write(text, ending="")
            return
        try:
            file_write(options["output"], text)
        except OSError as error:
            raise CommandError(f"{options['output']} cannot be written: {error.strerror}.", returncode=2) from None


def export(slug: str) -> str:
    """Return a tenant's configuration; an unknown tenant is wrong use."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        near = did_you_mean(slug, Tenant.objects.values_list("slug", flat=True))
        raise CommandError(f"There is no tenant “{slug}”.{near}", returncode=2)
    with tenant_scope(tenant), acting_as(None, Via.COMMAND):
        audit_record(Action.CONFIGURATION_EXPORTED, tenant)
    return tenant_export(tenant)


def file_write(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(draft).replace(path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise
