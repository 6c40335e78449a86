"""Rows in, events or members at TikTok: whatever the rows are, each is held once or accounted for."""

import pytest

from orchestrations.choices import RunStatus


@pytest.mark.parametrize(
    ("beyond", "requests"),
    [
        pytest.param(None, 1, id="one row"),
        pytest.param(0, 1, id="exactly one full request"),
        pytest.param(1, 2, id="one row more than a request holds"),
    ],
)
def test_every_good_row_is_held_once(world, beyond, requests):
    count = 1 if beyond is None else world.limit + beyond
    run = world.send(world.rows(count))
    assert (run.status, run.accepted, run.requests) == (RunStatus.SUCCEEDED, count, requests)
    assert set(world.held()) == world.keys(range(count))


def test_an_empty_result_succeeds_without_a_request(world):
    run = world.release(world.send(world.rows(3), sql="SELECT * FROM people WHERE false"))
    assert (run.status, run.selected, run.attempts, run.error) == (RunStatus.SUCCEEDED, 0, 0, {})
    assert (world.held(), world.requests()) == ({}, [])


def test_rows_that_are_all_rejected_send_nothing_and_say_why(world):
    run = world.release(world.send(world.rows(6, spoiled=range(6))))
    assert (run.status, run.rejected, run.attempts) == (RunStatus.SUCCEEDED_WITH_ERRORS, 6, 0)
    assert run.error["resolution"] == "no_eligible_rows"
    assert world.held() == {}


def test_rejected_rows_do_not_hold_back_the_others(world):
    run = world.send(world.rows(40, spoiled=range(0, 40, 2)))
    assert (run.status, run.rejected, run.accepted) == (RunStatus.SUCCEEDED_WITH_ERRORS, 20, 20)
    assert set(world.held()) == world.keys(range(1, 40, 2))


def test_repeated_rows_are_sent_once_and_counted_as_duplicates(world):
    rows = world.rows(10)
    run = world.send(rows + rows[:4] + rows[:1])
    assert (run.status, run.selected, run.duplicates, run.accepted) == (RunStatus.SUCCEEDED, 15, 5, 10)
    assert set(world.held()) == world.keys(range(10))


def test_requests_leave_side_by_side_only_where_their_order_means_nothing(world, settings):
    settings.HUB_DELIVERY_CONNECTIONS = 3
    run = world.start(world.orchestration(world.rows(3 * world.limit)))
    world.emulator("latency", {"seconds": 0.2})
    assert world.carry(run).status == RunStatus.SUCCEEDED
    assert world.most_at_once() == (1 if world.keeps else 3)


def test_a_sample_sends_the_first_rows_only(world):
    run = world.send(world.rows(30), sample=10)
    assert (run.status, run.selected, run.accepted) == (RunStatus.SUCCEEDED, 10, 10)
    assert set(world.held()) == world.keys(range(10))


def test_the_same_rows_sent_by_a_second_run_are_not_held_twice(world):
    orchestration = world.orchestration(world.rows(20))
    runs = [world.carry(world.start(orchestration)) for _ in range(2)]
    assert [run.accepted for run in runs] == [20, 0 if world.keeps else 20]
    assert runs[1].status == RunStatus.SUCCEEDED
    assert set(world.held()) == world.keys(range(20))


def test_tenants_that_run_side_by_side_get_their_own(world, other):
    mine, theirs = world.send(world.rows(10)), other.send(other.rows(25))
    assert (mine.accepted, theirs.accepted) == (10, 25)
    assert (len(world.held()), len(other.held())) == (10, 25)
