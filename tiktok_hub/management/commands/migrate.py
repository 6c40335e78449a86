"""`manage.py migrate`: Django's own, which ends with putting up the wall between tenants.

It is what repairs the wall, so holes in it are no reason to refuse; a role that would walk around it is.
"""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.core.management.commands import migrate

from tiktok_hub.tenancy.wall.checks import database_require


class Command(migrate.Command):
    """Bring the database's tables up to date, and the wall around them."""

    def get_check_kwargs(self, options: dict[str, Any]) -> Any:
        """Leave out the checks that look into the database."""
        return {**super().get_check_kwargs(options), "databases": None}

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse a role that passes the wall, then migrate."""
        try:
            database_require(wall=False)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        super().handle(*args, **options)
