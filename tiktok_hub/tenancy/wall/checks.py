"""Say who could walk around the wall, and where it has holes: before anything works on the database."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections

from tiktok_hub.tenancy.wall.building import wall_holes


@register(Tags.database)
def role_check(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """See that our role on PostgreSQL is held by row-level security; only warn where DEBUG is on."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        if connections[alias].vendor != "postgresql":
            continue
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
            role, is_superuser, bypasses = cursor.fetchone()
        if is_superuser or bypasses:
            kind, id = (Warning, "hub.W010") if settings.DEBUG else (Error, "hub.E010")
            what = "is a superuser" if is_superuser else "has BYPASSRLS"
            found.append(
                kind(
                    f"The role “{role}” in DATABASE_URL {what}: the database would show every tenant's rows to all.",
                    hint="CREATE ROLE hub LOGIN NOSUPERUSER NOBYPASSRLS, make it the owner of the database and its "
                    "tables, and name it in DATABASE_URL; see “Database wall” in docs/production.md.",
                    id=id,
                )
            )
    return found


@register(Tags.database)
def wall_check(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """See that the wall stands around every table of a tenant."""
    return [
        Error(
            f"The database does not keep tenants apart in: {', '.join(holes)}.",
            hint="Run `manage.py migrate`: it puts the missing policies and triggers up again. Then ask who took them "
            "away.",
            id="hub.E011",
        )
        for alias in databases or ()
        if (holes := wall_holes(connections[alias]))
    ]


def database_require(*, wall: bool = True) -> None:
    """Raise ImproperlyConfigured where the role would pass the wall or, unless it is about to be put up, it has holes.

    Everything that starts to work on the database asks.
    """
    found = role_check(databases=[DEFAULT_DB_ALIAS])
    if wall:
        found += wall_check(databases=[DEFAULT_DB_ALIAS])
    errors = [message for message in found if message.level >= Error("").level]
    if errors:
        raise ImproperlyConfigured("\n".join(f"{error.msg} {error.hint} ({error.id})" for error in errors))
