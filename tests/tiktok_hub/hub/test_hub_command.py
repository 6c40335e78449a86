"""`manage.py hub` as a whole: real processes, killed one by one."""

import os
import signal
import socket

import pytest
import requests

from tests.tiktok_hub.hub.conftest import group_alive, programs, until

PARTS = {"broker": "valkey-server", "web": "tiktok_hub.hub.web", "worker": "tiktok_hub.hub.worker", "beat": "beat"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Start a hub on a free port and wait until it is ready; the tests of this module share it."""
    with programs(tmp_path_factory.mktemp("hub")) as start:
        yield hub_start(start)


def hub_start(start):
    """Start a hub on a free port and wait until it is ready."""
    program = start("manage.py", "hub", "--port", "0", "--workers", "1")
    program.wait_for("hub    | ready at")
    return program


def address(hub) -> str:
    """Return the address that the hub told."""
    return next(
        word for line in hub.text().splitlines() if "| ready at" in line for word in line.split() if "://" in word
    )


def answers(hub) -> bool:
    """Say whether the pages answer."""
    return requests.get(f"{address(hub)}livez", timeout=30).status_code == 200


@pytest.mark.parametrize("part", PARTS)
def test_hub_starts_a_killed_part_again(hub, part):
    before = hub.child(PARTS[part])
    os.kill(before, signal.SIGKILL)
    hub.wait_for(f"hub    | {part} ended (signal SIGKILL)")
    until(lambda: any(PARTS[part] in command for command in hub.children().values()))
    assert hub.child(PARTS[part]) != before
    assert answers(hub)


def test_second_hub_on_the_same_folder_is_refused_in_a_sentence(hub):
    second = hub.beside("manage.py", "hub", "--port", "0")
    assert second.process.wait(40) == 2
    assert "A hub runs on the data folder" in second.text()
    assert f"process {hub.process.pid}" in second.text()
    assert "Traceback" not in second.text()


def test_hub_killed_leaves_no_orphans_and_can_start_again_at_once(start):
    hub = hub_start(start)
    children = list(hub.children())
    assert len(children) == len(PARTS)
    hub.end(signal.SIGKILL)
    again = hub_start(start)
    assert answers(again)
    assert not any(map(group_alive, children))


def test_hub_stops_its_parts_on_term(start):
    hub = hub_start(start)
    children = list(hub.children())
    assert hub.end() == 0
    assert not any(map(group_alive, children))


def test_busy_port_is_a_sentence_before_anything_starts(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        program = start("manage.py", "hub", "--port", str(taken.getsockname()[1]))
        assert program.process.wait(40) == 2
    assert "is in use by another program" in program.text()
    assert len(program.text().strip().splitlines()) == 1
