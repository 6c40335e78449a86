"""Working folders of processes that were killed go; those of living ones stay."""

import os
import signal
import subprocess
import sys
import time

from django.conf import settings

from orchestrations.retention.machine import machine_tidy
from orchestrations.runs.spool import work_sweep, workdir
from tests.programs import ROOT

HOLD = """
import django, sys, time
django.setup()
from orchestrations.runs.spool import workdir
with workdir() as name:
    open(name + "/snapshot.parquet", "w").write("anna@mail.example")
    print(name, flush=True)
    time.sleep(60)
"""


def test_folder_of_a_killed_process_is_deleted_and_a_living_one_is_not(tmp_path):
    environment = {**os.environ, "HUB_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "tiktok_hub.settings"}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        left = process.stdout.readline().strip()
        old(left)
        assert (work_sweep(), os.path.exists(left)) == (0, True)
        process.send_signal(signal.SIGKILL)
    old(left)
    with workdir() as living:
        old(living)
        assert (work_sweep(), os.path.exists(left), os.path.exists(living)) == (1, False, True)


def test_folder_that_was_only_just_made_is_left_alone(tmp_path):
    folder = tmp_path / "work" / "run-new"
    folder.mkdir(parents=True)
    assert (work_sweep(), folder.exists()) == (0, True)


def test_old_uploads_are_deleted():
    young, left = (settings.FILE_UPLOAD_TEMP_DIR / name for name in ("young.upload", "left.upload"))
    for path in (young, left):
        path.write_text("anna@mail.example")
    old(left, 2 * 86_400)
    assert (machine_tidy(), young.exists(), left.exists()) == (1, True, False)


def old(path: object, seconds: float = 60) -> None:
    """Make something that old."""
    then = time.time() - seconds
    os.utime(str(path), (then, then))
