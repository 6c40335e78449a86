"""A plan says what a run would do, and sends nothing."""

import pytest

from orchestrations.choices import RunStatus
from orchestrations.runs.results import run_result
from tests.orchestrations.audiences.conftest import ids_of, people


@pytest.fixture
def planned(keeper):
    """A plan over a changed list with a bad row, a double one and a bad phone."""
    keeper.set_up(people(range(10)), max_removal_percent=30)
    keeper.run()
    odd = [{"email": "nobody", "phone": ""}, {"email": "new@mail.example", "phone": "12"}, *people([9])]
    keeper.people(people(range(4, 10)) + odd)
    keeper.mark()
    return keeper.plan()


def test_plan_counts_people_rows_and_requests(keeper, planned):
    with keeper.scope():
        result = run_result(planned)
    assert planned.status == RunStatus.SUCCEEDED
    wanted = {
        "purpose": "plan", "selected": 9, "rejected": 1, "duplicates": 1, "warnings": 1, "requests": 3,
        "people": 7, "added": 1, "removed": 4, "unchanged": 6,
        "valid": {"email": 8, "phone": 7, "idfa": 0, "aaid": 0},
    }  # fmt: skip
    assert {name: result[name] for name in wanted} == wanted
    assert result["hold"]["reason"] == "too_many_removed"
    plan = result["plan"]
    assert (plan["predicted_people"], plan["floor"], plan["below_floor"]) == (7, 1000, True)
    assert (plan["audiences_used"], plan["audiences_limit"]) == (1, 400)


def test_plan_sends_nothing(keeper, planned):
    asked = [(each["method"], each["path"]) for each in keeper.since_mark()]
    assert asked == [("GET", "/open_api/v1.3/dmp/custom_audience/list/")]
    assert keeper.held() == ids_of(people(range(10)))


def test_plan_of_a_first_run_creates_no_audience(keeper):
    keeper.set_up(people(range(5)))
    run = keeper.plan()
    assert run.status == RunStatus.SUCCEEDED
    assert keeper.audiences() == []
    with keeper.scope():
        assert run_result(run)["plan"]["audiences_used"] == 1


def test_run_after_a_plan_does_it(keeper, planned):
    run = keeper.release(keeper.run())
    assert (run.accepted, run.unsent) == (5, 0)
