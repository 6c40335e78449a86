"""The demo: its data, its comparison, and the whole play."""

import csv
import socket
from collections import Counter
from datetime import UTC, datetime

import pytest

from destinations.preparation.reasons import REASONS
from tests.tiktok_hub.hub.conftest import until
from tiktok_hub.hub.demo.orders import FAULTS, orders_write
from tiktok_hub.hub.demo.outcome import Outcome
from tiktok_hub.hub.demo.rows import Expected
from tiktok_hub.hub.demo.stage import DemoError, folder_empty
from tiktok_hub.hub.demo.visits import FAULTS as WEB_FAULTS
from tiktok_hub.hub.demo.visits import visits_write
from tiktok_hub.hub.ports import free_port

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUN = {"selected": 12, "events": 5, "accepted": 5, "refused": 0, "unknown": 0, "duplicates": 1, "rejected": 3}
RUN |= {"rejected_by_reason": {"bad_email": 2, "bad_number": 1}}


def test_orders_are_as_many_as_promised(tmp_path):
    expected = orders_write(tmp_path / "orders.csv", NOW)
    with (tmp_path / "orders.csv").open() as file:
        assert sum(1 for _ in csv.DictReader(file)) == expected.rows >= 10_000


def test_orders_are_the_same_each_time(tmp_path):
    for name in ("a", "b"):
        orders_write(tmp_path / name, NOW, rows=500)
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()


def test_orders_hold_several_items_of_one_order(tmp_path):
    orders_write(tmp_path / "orders.csv", NOW, rows=500)
    with (tmp_path / "orders.csv").open() as file:
        sizes = Counter(row["order_no"] for row in csv.DictReader(file))
    assert max(sizes.values()) >= 3


@pytest.mark.parametrize("faults", [FAULTS, WEB_FAULTS], ids=["orders", "visits"])
def test_faults_are_named_by_the_reason_they_cause(faults):
    assert faults.keys() <= REASONS.keys()


def test_visits_count_their_faults(tmp_path):
    expected = visits_write(tmp_path / "visits.csv", NOW, rows=200)
    assert expected.events + sum(expected.rejected.values()) == expected.rows == 200


def outcome(held: int = 5, **changes: object) -> Outcome:
    """Return an outcome that adds up but for `changes`."""
    return Outcome({**RUN, **changes}, held, Expected(12, 5, 1, Counter(bad_email=2, bad_number=1)))


def test_outcome_that_adds_up_has_no_differences():
    assert outcome().differences() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"selected": 11}, "rows selected: 11"),
        ({"rejected": 4}, "sum over the reasons: 3"),
        ({"events": 6}, "events in the file: 5"),
        ({"accepted": 4}, "events that TikTok holds: 5"),
        ({"held": 6}, "events that TikTok holds: 6"),
        ({"duplicates": 0}, "such rows in the file: 1"),
        ({"rejected_by_reason": {"bad_email": 3}}, "bad_number: 0 rows rejected, but 1"),
    ],
    ids=["selected", "rejected", "events", "accepted", "held", "duplicates", "reasons"],
)
def test_outcome_names_what_does_not_add_up(changes, words):
    assert any(words in line for line in outcome(**changes).differences())


def test_demo_does_not_empty_a_folder_of_other_things(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(DemoError, match="other things"):
        folder_empty(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_demo_runs_twice_and_adds_up_each_time(start):
    for _ in range(2):
        program = start("manage.py", "demo", "--no-serve", "--port", str(free_port()))
        assert program.process.wait(180) == 0, program.text()
        assert "The numbers add up" in program.text()


def test_demo_serves_until_asked_to_stop_and_refuses_a_second_one(start):
    port = str(free_port())
    program = start("manage.py", "demo", "--port", port)
    program.wait_for("Ctrl-C stops it.", seconds=180)
    second = program.beside("manage.py", "demo", "--port", str(free_port()))
    assert second.process.wait(60) == 1
    assert f"The demo runs already: http://127.0.0.1:{port}/" in second.text()
    assert program.end() == 0
    until(lambda: not program.children())


def test_demo_on_a_busy_port_is_a_sentence(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        program = start("manage.py", "demo", "--port", str(taken.getsockname()[1]))
        assert program.process.wait(60) == 2
    assert "is in use by another program" in program.text()
    assert len(program.text().strip().splitlines()) == 1
