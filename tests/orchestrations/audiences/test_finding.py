"""An audience is found, or made once: whatever gets lost, and however many look for it together."""

import threading

import pytest
from django.db import connection

from orchestrations.audiences.claims import claim_drop, claim_take
from orchestrations.choices import RunStatus
from tests.orchestrations.audiences.conftest import ids_of, people

CREATE = "/segment/audience/"


@pytest.mark.parametrize(
    "action",
    [
        pytest.param({"commit_then_drop": True}, id="made, but the answer is lost"),
        pytest.param({"reset": True}, id="not made, connection lost"),
        pytest.param({"http": 502}, id="bad gateway"),
        pytest.param({"code": 50002, "message": "timeout"}, id="TikTok's own timeout"),
    ],
)
def test_lost_answer_never_makes_two_audiences(keeper, action):
    keeper.set_up(people(range(5)))
    keeper.fault(action, path=CREATE, times=1)
    run = keeper.run()
    assert run.status == RunStatus.SUCCEEDED
    assert len(keeper.audiences()) == 1
    assert keeper.held() == ids_of(people(range(5)))


def test_audience_of_the_same_name_is_taken_over(keeper):
    keeper.set_up(people(range(5)))
    keeper.run()
    [before] = keeper.audiences()
    with keeper.scope():
        keeper.audience().runs.all().delete()
        keeper.orchestration.runs.all().delete()
        keeper.audience().delete()
    keeper.run()
    assert [audience["audience_id"] for audience in keeper.audiences()] == [before["audience_id"]]
    assert keeper.held() == ids_of(people(range(5)))


def test_runs_of_two_tenants_in_one_ad_account_make_one_audience(keeper_of, ada, acme, charlie, globex):
    keepers = [keeper_of(ada, acme), keeper_of(charlie, globex)]
    keepers[1].token, keepers[1].advertiser = keepers[0].token, keepers[0].advertiser
    for number, keeper in enumerate(keepers):
        keeper.set_up(people(range(number * 5, number * 5 + 5)))
    runs = [keeper.start() for keeper in keepers]
    threads = [threading.Thread(target=carry, args=pair) for pair in zip(keepers, runs, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keepers[0].audiences()) == 1
    assert keepers[0].held() == ids_of(people(range(10)))


def carry(keeper, run):
    """Carry a run through in a thread, with a database connection of its own."""
    try:
        keeper.carry(run)
    finally:
        connection.close()


def test_claim_is_held_by_one_at_a_time(keeper):
    keeper.set_up(people(range(2)))
    keeper.run()
    token = claim_take(keeper.audience())
    assert token
    assert claim_take(keeper.audience()) == ""
    claim_drop(token)
    assert claim_take(keeper.audience())


def test_full_ad_account_stops_the_run_and_says_what_to_do(keeper):
    keeper.control("seed", {"options": {"audience_limit": 0}})
    keeper.set_up(people(range(5)))
    run = keeper.run()
    assert run.status == RunStatus.FAILED
    assert run.error["resolution"] == "audience_limit"


def test_plan_and_run_wait_while_tiktok_cannot_be_asked(keeper):
    keeper.set_up(people(range(5)))
    keeper.fault({"http": 502}, path="/dmp/custom_audience/list/", times=2)
    assert keeper.run().status == RunStatus.SUCCEEDED


def test_run_fails_with_its_error_when_tiktok_can_never_be_asked(keeper):
    keeper.set_up(people(range(5)))
    keeper.fault({"http": 502}, path="/dmp/custom_audience/list/")
    run = keeper.run()
    assert (run.status, run.error["resolution"]) == (RunStatus.FAILED, "tiktok_unavailable")
