"""Runs of any age with real files in storage."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from destinations.models import Credential, Destination
from orchestrations.choices import BatchStatus, RunStage, RunStatus
from orchestrations.models import Batch, Orchestration, Query, Run
from orchestrations.runs.spool import Spool
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

FILES = ("000001.zst", "ids.parquet", "rows.parquet", "issues.parquet")


@pytest.fixture(autouse=True)
def _own_storage(settings, tmp_path):
    """Storage and data folder of the test's own."""
    options = {**settings.STORAGES["default"]["OPTIONS"], "location": str(tmp_path / "storage")}
    settings.STORAGES = {**settings.STORAGES, "default": {**settings.STORAGES["default"], "OPTIONS": options}}
    settings.HUB_DATA_DIR = tmp_path
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()


def stored(key: str, *, days: float = 0) -> str:
    """Put a file into storage that was written so many days ago."""
    default_storage.save(key, ContentFile(b"0123456789"))
    aged(Path(default_storage.path(key)), days)
    return key


def aged(path: Path, days: float) -> Path:
    """Make a file and its folder so many days old."""
    then = (timezone.now() - timedelta(days=days)).timestamp()
    for each in (path, path.parent):
        os.utime(each, (then, then))
    return path


def files_of(run: Run) -> set[str]:
    """Return what storage holds of a run."""
    return set(default_storage.listdir(run.spool)[1]) if default_storage.exists(run.spool) else set()


@pytest.fixture
def orchestration(db) -> Callable[[Tenant], Orchestration]:
    """Make an orchestration of a tenant."""

    def make(tenant: Tenant, name: str = "purchases") -> Orchestration:
        own = {"tenant": tenant, "name": name}
        with tenant_scope(tenant):
            query = Query.objects.create(**own, sql="SELECT 1")
            credential = Credential.objects.create(**own)
            destination = Destination.objects.create(**own, plugin="tiktok-ads-events", credential=credential)
            return Orchestration.objects.create(**own, query=query, destination=destination)

    return make


@pytest.fixture
def run_aged(orchestration) -> Callable[..., Run]:
    """Make a run that ended so many days ago, with all its files."""
    made: dict[int, Orchestration] = {}

    def make(tenant: Tenant, days: float, status: str = RunStatus.FAILED, **values) -> Run:
        ended = None if status in (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.HELD) else RunStage.FINISHED
        then = timezone.now() - timedelta(days=days)
        if tenant.pk not in made:
            made[tenant.pk] = orchestration(tenant)
        values = {"orchestration": made[tenant.pk], "stage": ended or RunStage.DELIVERING, **values}
        values.setdefault("inputs", {"plugin": "tiktok-ads-events", "settings": {}, "tables": {}})
        with tenant_scope(tenant):
            run = Run.objects.create(tenant=tenant, status=status, prepared_at=then, **values)
            Run.objects.filter(pk=run.pk).update(created_at=then, finished_at=then if ended else None)
            Batch.objects.create(tenant=tenant, run=run, number=1, events=1, status=BatchStatus.UNSENT)
        Spool(run.spool).body_write(1, b"[]")
        for name in FILES[1:]:
            stored(f"{run.spool}/{name}", days=days)
        aged(Path(default_storage.path(f"{run.spool}/{FILES[0]}")), days)
        with tenant_scope(tenant):
            run.refresh_from_db()
        return run

    return make
