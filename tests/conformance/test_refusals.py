"""TikTok refuses whole requests: the bad rows are found, the others arrive, and a bad configuration stops the run."""

import pytest

from orchestrations.choices import RunStatus
from orchestrations.runs.verdicts import bisection_budget

REFUSAL = {"code": 40002, "message": "Invalid value for partner: not allowed."}


@pytest.mark.parametrize(
    ("count", "poisoned"),
    [
        pytest.param(1000, [321], id="one row of a thousand"),
        pytest.param(1000, [0, 499, 500, 999], id="first, last and middle"),
        pytest.param(1500, [7, 1400], id="one in each of two requests"),
        pytest.param(20, range(0, 20, 2), id="every other row"),
    ],
)
def test_bad_rows_are_found_by_bisection_and_the_others_arrive(world, count, poisoned):
    world.poison(poisoned)
    run = world.send(world.rows(count))
    assert (run.status, run.refused) == (RunStatus.SUCCEEDED_WITH_ERRORS, len(poisoned))
    assert set(world.held()) == world.keys(range(count)) - world.keys(poisoned)


def test_rows_that_are_all_refused_say_what_tiktok_said(world):
    world.fault(REFUSAL)
    run = world.send(world.rows(4))
    assert (run.status, run.refused, run.accepted) == (RunStatus.SUCCEEDED_WITH_ERRORS, 4, 0)
    assert (run.error["code"], run.error["resolution"]) == (40002, "rejected_data")
    assert world.held() == {}


def test_a_refusal_of_everything_is_taken_for_the_configuration_and_stops_the_run(world):
    world.fault(REFUSAL)
    run = world.send(world.rows(4 * world.limit))
    assert (run.status, run.accepted, run.error["code"]) == (RunStatus.FAILED, 0, 40002)
    assert run.attempts < (bisection_budget(world.limit) + 2 if world.keeps else 60)  # one batch tells, or three
    assert world.held() == {}


def test_the_search_for_bad_rows_ends_when_there_are_too_many(world):
    world.poison(range(0, 300, 3))
    run = world.send(world.rows(300))
    assert (run.status, run.error["resolution"]) == (RunStatus.FAILED, "rejected_data")
    assert run.unsent > 0
    assert run.attempts <= 2 * 9 + 64 + 2


def test_a_refusal_that_passes_by_itself_costs_nothing(world):
    world.fault({"code": 41999, "message": "A code nobody knows."}, times=1)
    run = world.send(world.rows(50))
    assert (run.status, run.accepted) == (RunStatus.SUCCEEDED, 50)
    assert set(world.held()) == world.keys(range(50))
