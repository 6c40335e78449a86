"""One run for several ad accounts of a Business Center: an audience in each, and a result for each."""

import pytest
from django.core.exceptions import ValidationError

from orchestrations.choices import RunStatus
from orchestrations.runs.results import run_result
from tests.orchestrations.audiences.conftest import ids_of, people

FIRST, SECOND = "7654321098765432109", "7654321098765432110"


@pytest.fixture
def pair(keeper):
    """A keeper whose token reaches two ad accounts of one Business Center."""
    center = "7100000000000000001"
    roles = {"7200000000000000001": "ADMIN"}
    token = {
        "access_token": "two-accounts", "app_id": "7000000000000000001", "user_id": "7200000000000000001",
        "advertiser_ids": [FIRST, SECOND], "scopes": [100, 30, 31],
    }  # fmt: skip
    account = {"advertiser_id": SECOND, "name": "Acme Outlet", "bc_id": center, "roles": roles}
    keeper.control("seed", {"advertisers": [account], "tokens": [token]})
    keeper.token = "two-accounts"
    keeper.set_up(people(range(10)), advertiser_ids=[FIRST, SECOND])
    return keeper


def test_every_account_gets_an_audience_with_all_people(pair):
    run = pair.run()
    assert run.status == RunStatus.SUCCEEDED
    assert {advertiser: pair.held(advertiser) == ids_of(people(range(10))) for advertiser in (FIRST, SECOND)} == {
        FIRST: True,
        SECOND: True,
    }


def test_result_tells_each_account_apart(pair):
    pair.run()
    pair.people(people(range(3, 12)))
    run = pair.run()
    with pair.scope():
        result = run_result(run)
    each = [
        (found["advertiser_id"], found["added"], found["removed"], found["accepted"]) for found in result["audiences"]
    ]
    assert each == [(FIRST, 2, 3, 5), (SECOND, 2, 3, 5)]


def test_account_that_refuses_does_not_keep_the_other_from_its_audience(pair):
    pair.fault({"code": 40001, "message": "No permission."}, match={"body_contains": SECOND})
    run = pair.run()
    assert run.status == RunStatus.SUCCEEDED_WITH_ERRORS
    assert pair.held(FIRST) == ids_of(people(range(10)))
    with pair.scope():
        errors = [target["error"] for target in run_result(run)["audiences"]]
    assert errors[0] is None
    assert errors[1]["resolution"] == "missing_permissions"


def test_account_that_was_left_behind_catches_up(pair):
    pair.fault({"code": 40001, "message": "No permission."}, match={"body_contains": SECOND})
    pair.run()
    pair.faults_end()
    run = pair.run()
    assert run.status == RunStatus.SUCCEEDED
    assert pair.held(SECOND) == ids_of(people(range(10)))


def test_run_of_one_account_waits_for_one_of_both(pair):
    both = pair.start()
    single = pair.set_up(people(range(3)), name="single", sync_mode="add")
    with pair.scope():
        single.settings = {"audience_name": "buyers"}
        single.save()
    with pytest.raises(ValidationError, match=f"Run {both.pk}"):
        pair.start()
