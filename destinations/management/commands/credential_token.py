"""Reauthorise a credential without a browser: the token comes on standard input, never in the arguments."""

import getpass
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.views.decorators.debug import sensitive_variables

from destinations.models import Credential
from destinations.services import credential_token_set
from tiktok_hub.acting import Via, acting_as
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope


class Command(BaseCommand):
    """Put a TikTok access token, read from standard input, into a credential."""

    help = "Put a TikTok access token into a credential: credential_token TENANT NAME < token"

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the tenant and the credential."""
        parser.add_argument("tenant", help="short name of the tenant")
        parser.add_argument("name", help="name of the credential")

    @sensitive_variables()
    def handle(self, *args: Any, **options: Any) -> None:
        """Read one line, check it at TikTok, store it."""
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant “{options['tenant']}”.")
        with tenant_scope(tenant), acting_as(None, Via.COMMAND):
            credential = Credential.objects.filter(name=options["name"]).first()
            if credential is None:
                raise CommandError(f"The tenant “{tenant.slug}” has no credential “{options['name']}”.")
            try:
                found = credential_token_set(credential=credential, token=_token(), by="command line")
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"The credential “{credential}” is {credential.get_status_display().lower()}.")
        for sentence in filter(None, (found.problem, found.note)):
            self.stdout.write(sentence)


def _token() -> str:
    """Read the token without showing it."""
    return getpass.getpass("Access token: ") if sys.stdin.isatty() else sys.stdin.readline()
