"""Check `manage.py tiktok_emulator` as a process: addresses, seeds, busy ports, signals."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).parents[3]


def command(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "tiktok_emulator", *arguments],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def killed_at_last(process: "subprocess.Popen[str]") -> Iterator[None]:
    """See that a process which does not end fails its test instead of holding it up for ever."""
    try:
        yield
    finally:
        process.kill()


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "ctrl_c"])
def test_command_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    with command("--port", "0", "--json") as process, killed_at_last(process):
        shown: dict[str, Any] = json.loads(first_line(process))
        assert requests.get(shown["api_url"] + "user/info/", timeout=5).json()["code"] == 40104
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def test_command_loads_a_seed_file_and_names_its_addresses(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"advertisers": [{"advertiser_id": "1", "name": "Initech"}]}))
    with command("--seed", str(seed)) as process:
        line = first_line(process)
        url = next(word for word in line.split() if word.startswith("http"))
        assert "Initech" in requests.get(url, timeout=5).text
        process.terminate()
        process.communicate(timeout=20)
    assert "/open_api/v1.3/" in line


def test_busy_port_is_one_sentence_and_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with command("--port", str(port)) as process:
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert f"Port {port} on 127.0.0.1 is in use by another program" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read"),
        ("{", "is not valid JSON"),
        ("[]", "must hold one JSON object"),
        ('{"x":1}', "unknown key x"),
    ],
    ids=["missing", "broken", "list", "key"],
)
def test_bad_seed_file_is_one_sentence_and_status_2(tmp_path: Path, content: str | None, sentence: str) -> None:
    seed = tmp_path / "seed.json"
    if content is not None:
        seed.write_text(content)
    with command("--seed", str(seed)) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert sentence in errors
    assert "Traceback" not in errors
