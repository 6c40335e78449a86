"""Tidy what belongs to no tenant: this machine's own folder of data, sessions, storage of tenants that are gone."""

import logging
import time
from importlib import import_module
from pathlib import Path

from django.conf import settings

from orchestrations.models import Run
from orchestrations.retention.sweeping import GRACE, rejects_folder, tenants_orphaned
from orchestrations.runs.spool import storage_clear, work_sweep
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import hub_scope

logger = logging.getLogger(__name__)


def machine_tidy() -> int:
    """Delete what processes of this machine left behind when they were killed; return how many things that were.

    Half-made preparations and uploads hold rows with personal data. No database is asked.
    """
    folders, uploads = work_sweep(), _uploads_sweep()
    if folders or uploads:
        logger.warning("deleted %s working folders and %s uploads of processes that were killed", folders, uploads)
    return folders + uploads


def hub_tidy() -> None:
    """Do the part of the night's work that is no tenant's."""
    machine_tidy()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    _rejects_tidy()
    for name in tenants_orphaned(set(Tenant.objects.values_list("pk", flat=True))):
        logger.warning("deleted the storage of tenant %s, which is gone", name)
        storage_clear(name)


def _uploads_sweep() -> int:
    old = [path for path in Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir() if path.is_file() and _is_old(path)]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _rejects_tidy() -> None:
    """Delete files of rejects on this machine whose run is gone; those of runs that are there go with their rejects."""
    files = {int(path.stem.removeprefix("run-")): path for path in rejects_folder().glob("run-[0-9]*.csv")}
    with hub_scope():
        known = set(Run.objects.filter(pk__in=files).values_list("pk", flat=True))
    for number, path in files.items():
        if number not in known and _is_old(path):
            path.unlink(missing_ok=True)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > GRACE.total_seconds()
    except FileNotFoundError:
        return False
