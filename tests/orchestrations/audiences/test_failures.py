"""What TikTok does wrong, and what comes of it: afterwards its sets equal the query's."""

import pytest
from django.core.exceptions import ValidationError

from orchestrations.choices import RunStatus
from tests.orchestrations.audiences.conftest import digest, ids_of, people

LADDER_IS_OVER = 99


@pytest.mark.parametrize(
    "action",
    [
        pytest.param({"commit_then_drop": True}, id="carried out, answer lost"),
        pytest.param({"reset": True}, id="connection lost"),
        pytest.param({"http": 502}, id="bad gateway"),
        pytest.param({"code": 40100, "message": "Too many requests."}, id="throttled"),
        pytest.param({"code": 40202, "message": "conflict"}, id="write conflict"),
        pytest.param({"code": 40002, "message": "Audience is not editable, please check audience status"}, id="busy"),
    ],
)
def test_passing_faults_leave_no_trace(keeper, action):
    keeper.set_up(people(range(10)))
    keeper.run()
    keeper.people(people(range(5, 15)))
    keeper.fault(action, times=2)
    run = keeper.run()
    assert run.status == RunStatus.SUCCEEDED
    assert keeper.held() == ids_of(people(range(5, 15)))


@pytest.mark.parametrize(
    "action", [{"commit_then_drop": True}, {"reset": True}], ids=["carried out", "not carried out"]
)
def test_unknown_requests_are_sent_again_by_the_next_run(keeper, action):
    keeper.set_up(people(range(10)))
    keeper.run()
    keeper.people(people(range(5, 15)))
    keeper.fault(action, times=LADDER_IS_OVER)
    assert keeper.run().unknown
    keeper.faults_end()
    assert keeper.audience().unsure
    run = keeper.run()
    assert run.status == RunStatus.SUCCEEDED
    assert keeper.held() == ids_of(people(range(5, 15)))
    assert keeper.audience().unsure == 0


def test_people_of_a_lost_request_leave_when_the_list_drops_them(keeper):
    keeper.set_up(people(range(10)))
    keeper.fault({"commit_then_drop": True}, times=LADDER_IS_OVER)
    assert keeper.run().unknown
    keeper.faults_end()
    keeper.people(people(range(20, 25)))
    keeper.run()
    assert keeper.held() == ids_of(people(range(20, 25)))


def test_bad_person_is_found_and_the_others_arrive(keeper):
    keeper.set_up(people(range(12)), people_per_request=12)
    keeper.fault({"poison": {"id": digest("person7@mail.example")}})
    run = keeper.run()
    assert (run.status, run.accepted, run.refused) == (RunStatus.SUCCEEDED_WITH_ERRORS, 11, 1)
    assert keeper.held() == ids_of(people([*range(7), *range(8, 12)]))
    keeper.faults_end()
    again = keeper.run()
    assert again.accepted == 1
    assert keeper.held() == ids_of(people(range(12)))


@pytest.fixture
def _long_waits(settings):
    """Let a run that has to wait be put off."""
    settings.HUB_RETRY_SECONDS = [1.5]  # a worker waits for a second at most


@pytest.mark.usefixtures("_long_waits")
def test_cancelled_run_remembers_what_was_told(keeper):
    keeper.set_up(people(range(12)))
    run = keeper.start()
    keeper.fault({"code": 40202, "message": "conflict"}, after=2)
    keeper.begin(run)
    keeper.cancel(run)
    assert keeper.held() == ids_of(people(range(6)))
    keeper.faults_end()
    assert keeper.audience().people == 6
    assert keeper.run().accepted == 6
    assert keeper.held() == ids_of(people(range(12)))


def test_retry_goes_on_where_the_run_ended(keeper):
    keeper.set_up(people(range(12)))
    keeper.fault({"http": 502}, after=2, times=LADDER_IS_OVER)
    run = keeper.run()
    keeper.faults_end()
    assert keeper.retry(run).status == RunStatus.SUCCEEDED
    assert keeper.held() == ids_of(people(range(12)))
    assert keeper.audience().people == 12


def test_old_run_cannot_be_retried_over_a_later_one(keeper):
    keeper.set_up(people(range(12)))
    keeper.fault({"http": 502}, after=2, times=LADDER_IS_OVER)
    old = keeper.run()
    keeper.faults_end()
    keeper.people(people(range(3)))
    keeper.run()
    with pytest.raises(ValidationError, match="changed the same audience since"):
        keeper.retry(old)


@pytest.mark.parametrize("mode", ["mirror", "add"])
def test_deleted_audience_is_made_and_filled_anew(keeper, mode):
    keeper.set_up(people(range(10)), sync_mode=mode)
    keeper.run()
    [first] = keeper.audiences()
    keeper.control("audiences/forget", {"audience_id": first["audience_id"]})
    keeper.people(people(range(5, 12)))
    run = keeper.run()
    assert run.status == RunStatus.SUCCEEDED
    [second] = keeper.audiences()
    assert second["audience_id"] != first["audience_id"]
    assert keeper.held() == ids_of(people(range(5, 12) if mode == "mirror" else range(12)))


def test_deleted_audience_holds_the_run_where_somebody_wants_to_decide(keeper):
    keeper.set_up(people(range(10)), when_deleted="hold")
    keeper.run()
    [audience] = keeper.audiences()
    keeper.control("audiences/forget", {"audience_id": audience["audience_id"]})
    run = keeper.run()
    assert (run.status, run.hold["reason"]) == (RunStatus.HELD, "audience_deleted")
    assert keeper.audiences() == []
    assert keeper.release(run).status == RunStatus.SUCCEEDED
    assert keeper.held() == ids_of(people(range(10)))


@pytest.mark.usefixtures("_long_waits")
def test_audience_that_vanishes_during_the_run_is_filled_anew(keeper):
    keeper.set_up(people(range(12)))
    run = keeper.start()
    keeper.fault({"http": 502}, after=2, times=1)
    keeper.begin(run)
    [audience] = keeper.audiences()
    keeper.control("audiences/forget", {"audience_id": audience["audience_id"]})
    run = keeper.carry(run)
    assert run.status == RunStatus.SUCCEEDED
    assert keeper.held() == ids_of(people(range(12)))


def test_revoked_token_stops_the_run_and_the_credential(keeper):
    keeper.set_up(people(range(10)))
    keeper.run()
    keeper.people(people(range(20)))
    keeper.control("revoke", {"token": keeper.token})
    run = keeper.run()
    assert (run.status, run.error["resolution"]) == (RunStatus.FAILED, "invalid_credentials")
