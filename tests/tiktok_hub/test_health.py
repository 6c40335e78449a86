"""Readiness looks at the parts themselves; whoever asks needs no log-in and learns no more than a sentence."""

import time

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from tiktok_hub.health import beat_note
from tiktok_hub.hub.broker import broker_running


@pytest.fixture
def _broker(settings):
    """A broker, where the tests were not given one."""
    if settings.HUB_EMBEDDED_BROKER:
        with broker_running(settings.HUB_DATA_DIR):
            yield
    else:
        yield


@pytest.fixture
def ready(db, _broker, settings, tmp_path):
    """An installation in which all parts do their work; asks `/readyz` and `/healthz`, which say the same."""
    beat_note()

    def ask():
        answer, other = Client().get("/readyz"), Client().get("/healthz")
        assert (answer.status_code, sorted(answer.json())) == (other.status_code, sorted(other.json()))
        return answer.status_code, answer.json()["checks"]

    return ask


def test_everything_at_work_is_ready(ready):
    assert ready() == (200, {"database": "ok", "broker": "ok", "storage": "ok", "beat": "ok"})
    assert not default_storage.exists("health") or default_storage.listdir("health")[1] == []


def test_broker_that_is_away_is_not_ready(ready, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    status, checks = ready()
    assert status == 503
    assert checks["broker"].startswith("The broker does not answer")
    assert checks["database"] == "ok"


def test_missing_migration_is_not_ready(ready):
    MigrationRecorder.Migration.objects.filter(app="orchestrations").order_by("-pk")[0].delete()
    assert ready()[1]["database"] == "Migrations have not been applied: run manage.py migrate."


def test_storage_that_cannot_be_written_is_not_ready(ready, settings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    options = {**settings.STORAGES["default"]["OPTIONS"], "location": str(tmp_path / "file" / "storage")}
    settings.STORAGES = {**settings.STORAGES, "default": {**settings.STORAGES["default"], "OPTIONS": options}}
    assert ready()[1]["storage"].startswith("The storage cannot be written")


def test_background_work_that_stands_still_is_not_ready(ready):
    with time_machine.travel(time.time() + 120):
        assert ready()[1]["beat"].startswith("Background work has stood still for 12")


def test_liveness_asks_nothing(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert Client().get("/livez").json() == {"status": "ok"}
