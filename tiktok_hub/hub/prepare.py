"""What must be true before programs start: a migrated database and collected static files."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

from tiktok_hub.tenancy.wall.building import wall_put_up
from tiktok_hub.tenancy.wall.checks import database_require


def database_prepare() -> bool:
    """Apply migrations that are missing, and repair the wall between tenants. Return whether there were any.

    Raise ImproperlyConfigured where the database's role could walk around the wall.
    """
    database_require(wall=False)
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        wall_put_up()
        return False
    call_command("migrate", interactive=False, verbosity=0)
    return True


def static_prepare() -> bool:
    """Collect static files when one has changed since the last time. Return whether that was so."""
    if settings.DEBUG:
        return False
    stamp = Path(settings.HUB_DATA_DIR) / "static.stamp"
    digest = static_digest()
    if stamp.is_file() and stamp.read_text() == digest and Path(settings.STATIC_ROOT).is_dir():
        return False
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(digest)
    return True


def static_digest() -> str:
    """Return a digest over place, size and time of all static files."""
    digest = hashlib.sha256(str(settings.STATIC_ROOT).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
