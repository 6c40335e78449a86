"""The bootstrap: a venv made, kept, repaired, and every trouble a sentence. It installs one small empty package."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tiktok_hub.hub.conftest import ROOT
from tiktok_hub.hub import bootstrap

SCRIPT = ROOT / "tiktok_hub" / "hub" / "bootstrap.py"
METADATA = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    """Make a package index: a folder with the wheel of an empty package."""
    folder = tmp_path_factory.mktemp("wheels")
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", METADATA)
        archive.writestr("tiny-1.0.dist-info/WHEEL", WHEEL)
        archive.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\ntiny-1.0.dist-info/METADATA,,\n")
    return folder


@pytest.fixture(scope="module")
def empty_venv(tmp_path_factory) -> Path:
    """Make a venv with nothing in it, to be copied: that is quicker than making one."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def venv(tmp_path, empty_venv) -> Path:
    """Return a venv that somebody made and put nothing into."""
    shutil.copytree(empty_venv, tmp_path / "venv", symlinks=True)
    return tmp_path / "venv"


@pytest.fixture
def requirements(tmp_path, wheels) -> Path:
    """Write a requirements file that pins the package."""
    digest = hashlib.sha256(next(wheels.iterdir()).read_bytes()).hexdigest()
    (tmp_path / "r.txt").write_text(f"tiny==1.0 --hash=sha256:{digest}\n")
    return tmp_path / "r.txt"


@pytest.fixture
def run(tmp_path, requirements, wheels):
    """Run the bootstrap as the Makefile does, with the folder of wheels as its index."""

    def run(path: Path = requirements, **environment: str) -> "subprocess.CompletedProcess[str]":
        index = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        command = [sys.executable, "-I", str(SCRIPT), "--venv", str(tmp_path / "venv"), str(path)]
        return subprocess.run(command, env={**os.environ, **index, **environment}, capture_output=True, text=True)

    return run


def has_tiny(tmp_path: Path) -> bool:
    """Say whether the package can be imported in the venv."""
    return subprocess.run([str(tmp_path / "venv" / "bin" / "python"), "-c", "import tiny"], check=False).returncode == 0


def test_bootstrap_makes_a_venv_and_installs(tmp_path, run):
    assert run().returncode == 0
    assert has_tiny(tmp_path)


@pytest.mark.usefixtures("venv")
def test_bootstrap_does_nothing_the_second_time(run):
    run()
    again = run()
    assert (again.returncode, again.stdout) == (0, "")


@pytest.mark.usefixtures("venv")
def test_bootstrap_installs_again_when_the_file_changed(run, requirements):
    run()
    requirements.write_text(requirements.read_text() + "\n# another word\n")
    assert "Installing" in run().stdout


HARMS = {
    "python gone": lambda venv: (venv / "bin" / "python").unlink(),
    "pip gone": lambda venv: shutil.rmtree(next(venv.glob("lib/*/site-packages/pip"))),
    "cut short": lambda venv: (venv / "installed.json").write_text(json.dumps({"r.txt": bootstrap.INSTALLING})),
    "empty folder": lambda venv: (shutil.rmtree(venv), venv.mkdir()),
    "a file": lambda venv: (shutil.rmtree(venv), venv.touch()),
}


@pytest.mark.parametrize("harm", HARMS)
def test_bootstrap_makes_a_broken_venv_anew(tmp_path, run, venv, harm):
    HARMS[harm](venv)
    assert "making it anew" in run().stdout
    assert has_tiny(tmp_path)


@pytest.mark.usefixtures("venv")
def test_bootstrap_refuses_a_package_that_differs_from_the_pinned_one(tmp_path, run, requirements):
    requirements.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    done = run()
    assert done.returncode == 1
    assert "differs from the pinned one" in done.stderr
    assert not has_tiny(tmp_path)


@pytest.mark.usefixtures("venv")
def test_bootstrap_names_the_package_that_has_no_wheel(run, requirements):
    requirements.write_text(f"no-such-thing==1.0 --hash=sha256:{'0' * 64}\n")
    done = run()
    assert "There is no ready-made package of no-such-thing" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.usefixtures("venv")
def test_bootstrap_says_when_the_index_cannot_be_reached(run, requirements):
    requirements.write_text(f"no-such-thing==1.0 --hash=sha256:{'0' * 64}\n")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_NO_INDEX": "", "PIP_RETRIES": "1"}
    assert "index cannot be reached" in run(**nowhere).stderr


@pytest.mark.usefixtures("venv")
def test_bootstrap_repairs_itself_after_a_failure(tmp_path, run, requirements):
    good = requirements.read_text()
    requirements.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    run()
    requirements.write_text(good)
    assert run().returncode == 0
    assert has_tiny(tmp_path)


def test_bootstrap_refuses_an_old_python(monkeypatch):
    monkeypatch.setattr(bootstrap, "OLDEST", (4, 0))
    with pytest.raises(bootstrap.BootstrapError, match="needs Python 3.11 or newer"):
        bootstrap.python_check()


def test_bootstrap_names_the_debian_package_of_the_missing_module(monkeypatch):
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(bootstrap.BootstrapError, match="apt-get install python3-venv"):
        bootstrap.python_check()


def test_bootstrap_knows_a_full_disk():
    assert "disk is full" in str(bootstrap.cause("OSError: [Errno 28] No space left on device"))
