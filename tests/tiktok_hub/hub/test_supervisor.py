"""The supervisor: programs of a few lines under it, killed, failing, and stopped."""

import os
import signal
import subprocess

import pytest

from tests.tiktok_hub.hub.conftest import group_alive, until
from tiktok_hub.hub.supervisor import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Service, ending

SCRIPT = """
import sys
from tiktok_hub.hub.process import Child
from tiktok_hub.hub.supervisor import Service, Supervisor

def service(name, code, after=None):
    child = Child(name, [sys.executable, "-u", "-c", code])
    return Service(child, lambda: child.alive, after)

LONG = "import time; print('at work', flush=True); time.sleep(600)"
supervisor = Supervisor(SERVICES, grace_seconds=3)
sys.exit(supervisor.run(lambda seconds: print("READY", flush=True)))
"""


def script(services: str) -> str:
    """Return a program that supervises `services`."""
    return SCRIPT.replace("SERVICES", services)


@pytest.fixture
def one(start):
    """Start a supervisor of one program and wait until it works."""
    program = start("-c", script("[service('one', LONG)]"))
    program.wait_for("one | at work")
    return program


def test_supervisor_starts_a_killed_program_again(one):
    os.kill(one.child("at work"), signal.SIGKILL)
    one.wait_for("one | at work", times=2)
    assert "one ended (signal SIGKILL)" in one.text()


def test_supervisor_leaves_no_orphan_when_it_is_killed(one):
    child = one.child("at work")
    one.end(signal.SIGKILL)
    until(lambda: not group_alive(child), seconds=5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=["term", "int", "hup"])
def test_supervisor_stops_everything_on_a_signal(one, number):
    child = one.child("at work")
    assert one.end(number) == 0
    assert not group_alive(child)


def test_supervisor_ends_a_program_that_will_not_stop(start):
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ha', flush=True); time.sleep(60)"
    )
    program = start("-c", script(f"[service('one', {stubborn!r})]"))
    program.wait_for("one | ha")
    child = program.child("ha")
    assert program.end() == 0
    assert not group_alive(child)


def test_supervisor_gives_up_on_a_program_that_never_works(start):
    code = "import time; print('wrong setting'); raise SystemExit(3)"
    services = f"[Service(Child('one', [sys.executable, '-c', {code!r}]), lambda: False)]"
    program = start("-c", script(services))
    assert program.process.wait(40) == 1
    assert "one | wrong setting" in program.text()
    assert "hub | one cannot start" in program.text()


def test_supervisor_starts_what_comes_after_only_when_the_first_answers(start):
    services = (
        "(lambda first: [first, service('two', LONG, first)])(Service(Child('one', ['sleep', '600']), lambda: False))"
    )
    program = start("-c", script(services))
    until(lambda: bool(program.children()))
    assert not any("at work" in command for command in program.children().values())


def test_supervisor_ends_what_a_killed_program_left_behind(start):
    parent = (
        "import subprocess, time; subprocess.Popen(['sleep', '599']); print('at work', flush=True); time.sleep(600)"
    )
    program = start("-c", script(f"[service('one', {parent!r})]"))
    program.wait_for("at work")
    child = program.child("at work")
    os.kill(child, signal.SIGKILL)
    program.wait_for("at work", times=2)
    assert not group_alive(child)


def test_pause_doubles_up_to_a_limit(one_service):
    pauses = []
    for one_service.failures in (1, 2, 3, 30):
        pauses.append(one_service.pause())
    assert pauses == [FIRST_PAUSE_SECONDS, 1.0, 2.0, LONGEST_PAUSE_SECONDS]


@pytest.fixture
def one_service():
    """Return a service that is not started."""
    from tiktok_hub.hub.process import Child

    return Service(Child("one", ["true"]), lambda: True)


@pytest.mark.parametrize(("status", "words"), [(-9, "signal SIGKILL"), (3, "status 3")], ids=["signal", "status"])
def test_ending_is_told_in_words(status, words):
    assert ending(status) == words


def test_child_gets_nothing_from_our_terminal(tmp_path):
    from tiktok_hub.hub.process import Child

    child = Child("reader", ["cat"])
    process = child.start(subprocess.DEVNULL)
    assert process.wait(10) == 0
