"""Make `.venv` and install pinned requirements into it; run by the Makefile with the system's Python, alone.

`python3 -I bootstrap.py [--venv DIR] REQUIREMENTS…`. Standard library only, and readable by any Python 3, so that an
old one gets a sentence too. What was installed is noted in the venv (`installed.json`): a second run does nothing, a
changed file is installed again, and a venv that was left half-made or whose Python has gone is made anew. Only wheels
are installed, so a compiler is never needed.
"""

import argparse
import errno
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OLDEST = (3, 11)
INSTALLING = "installing"
PIP_OPTIONS = ["--require-hashes", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check"]
DISK_FULL = "The disk is full. Free about 1 GB and run the command again."
ALTERED = """A downloaded package differs from the pinned one, so nothing was installed. Run the command again; if it
stays so, the package index or a proxy alters files."""
UNREACHABLE = """The package index cannot be reached. Check the network (HTTPS_PROXY names a proxy, and
PIP_INDEX_URL another index) and run the command again."""
NO_WHEEL = """There is no ready-made package of {0} for this Python and machine ({1}). Use CPython 3.11 to 3.13 on Linux
or macOS, for example: make demo PYTHON=python3.12."""
NETWORK = r"name resolution|NewConnectionError|ProxyError|Network is unreachable|Connection refused|ConnectTimeout"
CAUSES = (
    (r"No space left on device", DISK_FULL),
    (r"DO NOT MATCH THE HASHES", ALTERED),
    (NETWORK + r"|Read timed out|SSLError|getaddrinfo", UNREACHABLE),
    (r"No matching distribution found for (\S+?)==", NO_WHEEL),
)


class BootstrapError(Exception):
    """The environment cannot be made; the text says why and what to do."""


def main(arguments: "list[str] | None" = None) -> int:
    """Bring the venv up to date. Return 0, or 1 after one sentence on stderr."""
    parser = argparse.ArgumentParser(description="Make .venv and install the requirements into it.")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument("requirements", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    try:
        with_lock(options.venv, options.requirements)
    except BootstrapError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The next run starts afresh.", file=sys.stderr)
        return 1
    return 0


def with_lock(venv: Path, requirements: "list[Path]") -> None:
    """Do the work while no other bootstrap does (two `make` at once)."""
    folder = os.open(str(venv.parent), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        venv_update(venv, requirements)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise BootstrapError(DISK_FULL) from None
        raise BootstrapError(f"{venv} cannot be written: {error}. Check who owns the folder.") from None
    finally:
        os.close(folder)


def venv_update(venv: Path, requirements: "list[Path]") -> None:
    """Make the venv if it is missing or broken, and install each file whose content changed."""
    if not venv_usable(venv):
        venv_make(venv)
    for path in requirements:
        stamp = stamp_read(venv)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if stamp.get(path.name) == digest:
            continue
        stamp_write(venv, {**stamp, path.name: INSTALLING})
        install(venv, path)
        stamp_write(venv, {**stamp, path.name: digest})


def venv_usable(venv: Path) -> bool:
    """Say whether the venv has a working Python with pip, and no installation was cut short in it."""
    python = venv / "bin" / "python"
    if not python.exists() or INSTALLING in stamp_read(venv).values():
        return False
    probe = f"import sys, pip; sys.exit(sys.version_info < {OLDEST!r} or sys.prefix == sys.base_prefix)"
    try:
        return subprocess.run([str(python), "-c", probe], capture_output=True, timeout=60).returncode == 0  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False


def venv_make(venv: Path) -> None:
    """Make an empty venv in place of whatever is there. Raise BootstrapError when this Python cannot."""
    python_check()
    if venv.exists() or venv.is_symlink():
        print(f"{venv} is not usable (half-made, or its Python has gone); making it anew.", flush=True)
        venv.unlink() if venv.is_symlink() or venv.is_file() else shutil.rmtree(str(venv))
    made = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True
    )
    if made.returncode:
        raise BootstrapError(cause(made.stdout + made.stderr) or f"Python could not make {venv}: {tail(made.stderr)}")


def python_check() -> None:
    """Raise BootstrapError when this Python is too old or Debian left parts of it out."""
    version = "{}.{}".format(*sys.version_info[:2])
    if sys.version_info < OLDEST:
        raise BootstrapError(
            f"tiktok_hub needs Python 3.11 or newer, and {sys.executable} is {version}. "
            "Name a newer one: make … PYTHON=python3.12."
        )
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise BootstrapError(
            f"Python {version} is here without its venv module. On Debian and Ubuntu: apt-get install python3-venv."
        )


def install(venv: Path, requirements: Path) -> None:
    """Install one requirements file with pip, with one line of progress. Raise BootstrapError when that fails."""
    total = len(re.findall(r"(?m)^[A-Za-z0-9]\S*==", requirements.read_text()))
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", *PIP_OPTIONS, "-r", str(requirements)]
    began = time.monotonic()
    lines = []  # type: list[str]
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    show(f"Installing {total} packages from {requirements.name} …")
    for line in pip.stdout or ():
        lines.append(line)
        found = sum(text.startswith(("Collecting", "Requirement already")) for text in lines)
        if sys.stdout.isatty():
            show(f"\rInstalling packages from {requirements.name}: {min(found, total)} of {total} …")
    if pip.wait():
        log = venv / "install.log"
        log.write_text("".join(lines))
        raise BootstrapError(
            cause("".join(lines))
            or f"pip could not install {requirements.name}: {tail(lines[-1:])} All it said is in {log}."
        )
    show(f" done in {time.monotonic() - began:.0f} s\n")


def cause(output: str) -> "str | None":
    """Return the sentence for the cause of a failure, or None when we do not know it."""
    for pattern, sentence in CAUSES:
        match = re.search(pattern, output)
        if match:
            machine = "{}.{}, {} {}".format(*sys.version_info[:2], sys.platform, os.uname().machine)
            return " ".join(sentence.format(*match.groups(), machine).split())
    return None


def tail(text: "str | list[str]") -> str:
    """Return the last line that says something."""
    lines = text.splitlines() if isinstance(text, str) else text
    return next((line.strip() for line in reversed(lines) if line.strip()), "it gave no reason.")


def show(text: str) -> None:
    """Write without a line end, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def stamp_read(venv: Path) -> "dict[str, str]":
    """Return what was installed: file name → digest of its content, or `installing`."""
    try:
        content = json.loads((venv / "installed.json").read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def stamp_write(venv: Path, content: "dict[str, str]") -> None:
    """Note what was installed."""
    (venv / "installed.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
