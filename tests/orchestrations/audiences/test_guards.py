"""Runs that would do much harm wait for somebody; what they planned is what they do."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from orchestrations.choices import RunStatus
from tests.orchestrations.audiences.conftest import ids_of, people


@pytest.fixture
def held(keeper):
    """A run that would remove half of the audience, and is held for it."""
    keeper.set_up(people(range(10)), max_removal_percent=30)
    keeper.run()
    keeper.people(people(range(5, 11)))
    run = keeper.run()
    assert run.status == RunStatus.HELD
    return run


def test_run_that_would_remove_too_many_is_held_and_sends_nothing(keeper, held):
    assert held.hold["reason"] == "too_many_removed"
    assert "5 of 10" in held.hold["sentence"]
    assert keeper.held() == ids_of(people(range(10)))


@pytest.mark.parametrize(("left", "status"), [(7, RunStatus.SUCCEEDED), (6, RunStatus.HELD)], ids=["30 %", "40 %"])
def test_guard_counts_people_in_percent(keeper, left, status):
    keeper.set_up(people(range(10)), max_removal_percent=30)
    keeper.run()
    keeper.people(people(range(left)))
    assert keeper.run().status == status


def test_share_of_those_removed_never_reads_like_the_limit_it_passed(keeper):
    keeper.set_up(people(range(1001)), max_removal_percent=30)
    keeper.run()
    keeper.people(people(range(700)))
    assert "(30.1 %)" in keeper.run().hold["sentence"]


def test_empty_result_is_held(keeper):
    keeper.set_up(people(range(3)))
    keeper.run()
    keeper.people([])
    run = keeper.run()
    assert (run.status, run.hold["reason"]) == (RunStatus.HELD, "empty_result")


def test_released_run_does_what_was_planned_even_if_the_list_has_changed_since(keeper, held):
    keeper.people(people(range(50)))
    run = keeper.release(held)
    assert run.status == RunStatus.SUCCEEDED
    assert keeper.held() == ids_of(people(range(5, 11)))
    assert run.released_by == keeper.membership.user


def test_cancelled_run_leaves_the_audience_as_it_is(keeper, held):
    run = keeper.cancel(held)
    assert run.status == RunStatus.CANCELLED
    assert keeper.held() == ids_of(people(range(10)))
    assert keeper.run().status == RunStatus.HELD


def test_cancelled_run_that_was_held_cannot_be_retried_past_its_guard(keeper, held):
    keeper.cancel(held)
    with pytest.raises(ValidationError, match="nobody released it"):
        keeper.retry(held)
    assert keeper.held() == ids_of(people(range(10)))


def test_held_run_keeps_others_from_starting(keeper, held):
    with pytest.raises(ValidationError, match=f"Run {held.pk}"):
        keeper.start()


@pytest.mark.parametrize("person", ["ben", "bea", "rita"])
def test_business_users_and_readers_may_not_release(keeper, held, person, request, membership_in, acme):
    with pytest.raises(PermissionDenied):
        keeper.release(held, membership_in(request.getfixturevalue(person), acme))
    assert keeper.held() == ids_of(people(range(10)))


def test_run_is_released_once(keeper, held):
    keeper.release(held)
    with pytest.raises(ValidationError, match="not held"):
        keeper.release(held)


def test_two_orchestrations_may_not_mirror_one_audience(keeper):
    first = keeper.set_up(people(range(3)), name="buyers")
    second = keeper.set_up(people(range(3)), name="others")
    with keeper.scope():
        second.settings = {"audience_name": "buyers"}
        second.save()
    with pytest.raises(ValidationError, match=str(first)):
        keeper.start()
