"""Services for the time of a block: started when nothing runs, shared, and stopped by whoever is last."""

from tests.tiktok_hub.hub.conftest import until

SCRIPT = """
import django, os, sys, time
django.setup()
from tiktok_hub.hub.programs import worker_answers
from tiktok_hub.hub.services import services_running
with services_running() as child:
    print("started" if child else "shared", worker_answers(3.0), flush=True)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.05)
    print("still", worker_answers(3.0), flush=True)
print("after", worker_answers(), flush=True)
"""


def test_services_are_started_for_a_block_and_stopped_after_it(start, environment):
    environment["DJANGO_SETTINGS_MODULE"] = "tiktok_hub.settings"
    program = start("-c", SCRIPT, "/")
    assert program.process.wait(60) == 0
    assert program.text().split() == ["started", "True", "still", "True", "after", "False"]


def test_services_stay_until_the_last_of_two_is_done(start, environment, tmp_path):
    environment["DJANGO_SETTINGS_MODULE"] = "tiktok_hub.settings"
    first = start("-c", SCRIPT, str(tmp_path / "first-may-end"))
    first.wait_for("started True")
    second = start("-c", SCRIPT, str(tmp_path / "second-may-end"))
    second.wait_for("shared True")
    (tmp_path / "first-may-end").touch()
    first.wait_for("still True")
    (tmp_path / "second-may-end").touch()
    second.wait_for("still True")
    until(lambda: first.process.poll() == 0 and second.process.poll() == 0)


def test_services_of_a_running_hub_are_used(start, environment):
    environment["DJANGO_SETTINGS_MODULE"] = "tiktok_hub.settings"
    hub = start("manage.py", "hub", "--no-web", "--workers", "1")
    hub.wait_for("ready after")
    program = start("-c", SCRIPT, "/")
    assert program.process.wait(60) == 0
    assert program.text().split() == ["shared", "True", "still", "True", "after", "True"]
