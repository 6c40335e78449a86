"""Streams of audiences: who was posted joins or leaves, beside the runs of a query, and nobody's changes are lost."""

import pytest

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.choices import RunStatus
from orchestrations.models import Chunk, Stream
from orchestrations.runs.preparing import run_prepare
from tests.orchestrations.audiences.conftest import ids_of, people
from tests.orchestrations.streams.audiences import adds, removes

FIRST, SECOND = "7654321098765432109", "7654321098765432110"


@pytest.fixture(autouse=True)
def _quick(monkeypatch, settings):
    monkeypatch.setattr("destinations.tiktok.limits.buckets.SEGMENT_QPS", 1000.0)
    settings.HUB_RETRY_SECONDS = [0.01]


def test_changes_come_to_the_audience(sharer):
    run = sharer.send([*adds(people(range(5))), *removes(people([1])), {"action": "add", "email": "nobody"}])
    assert (run.status, run.selected, run.rejected, run.duplicates) == (RunStatus.SUCCEEDED_WITH_ERRORS, 7, 1, 1)
    assert run.rejected_by_reason == {"bad_email": 1}
    assert sharer.held() == ids_of(people([0, 2, 3, 4]))
    assert (sharer.audience().people, run.inputs["sync_mode"]) == (4, "changes")


def test_tenants_do_not_meet(sharer, sharer_of, charlie, globex):
    other = sharer_of(charlie, globex)
    sharer.send(adds(people([1])))
    other.send(adds(people([2])))
    assert (sharer.held(), other.held()) == (ids_of(people([1])), ids_of(people([2])))


def test_only_what_is_new_is_sent(sharer):
    sharer.send(adds(people(range(3))))
    run = sharer.send([*adds(people(range(4))), *removes(people([0]))])
    target = sharer.target(run)
    assert (run.events, run.duplicates, target.added, target.removed, target.unchanged) == (2, 1, 1, 1, 2)
    assert sharer.held() == ids_of(people(range(1, 4)))


def test_requests_hold_as_many_people_as_the_stream_says(sharer):
    with sharer.scope():
        Stream.objects.update(max_events=2)
    run = sharer.send(adds(people(range(5))))
    assert run.requests == 3


def test_query_and_stream_share_what_was_told(sharer):
    sharer.people(people(range(4)))
    sharer.run()
    sharer.send([*removes(people([0])), *adds(people([7]))])
    run = sharer.run()
    target = sharer.target(run)
    assert (target.added, target.removed, target.unchanged) == (1, 1, 3)
    assert sharer.held() == ids_of(people(range(4)))


def test_changes_wait_while_a_query_changes_the_audience(sharer):
    sharer.people(people(range(4)))
    run = sharer.start()
    sharer.post(adds(people([7])))
    assert (sharer.flush(), sharer.waiting()) == (None, 1)
    sharer.carry(run)
    sharer.carry(sharer.flush())
    assert sharer.held() == ids_of(people([0, 1, 2, 3, 7]))


@pytest.mark.parametrize("mode", ["mirror", "add"])
def test_query_waits_while_a_stream_changes_the_audience(sharer, mode):
    with sharer.scope():
        type(sharer.orchestration).objects.filter(pk=sharer.orchestration.pk).update(sync_mode=mode)
    sharer.people(people(range(4)))
    sharer.post(adds(people([7])))
    first, second = sharer.flush(), sharer.start()
    with sharer.scope():
        assert not run_prepare(second.pk)
        second.refresh_from_db()
    assert (second.status, second.stage, second.preparations) == (RunStatus.QUEUED, "waiting", 0)
    sharer.carry(first)
    assert sharer.carry(second).status == RunStatus.SUCCEEDED
    assert sharer.held() == ids_of(people([0, 1, 2, 3] if mode == "mirror" else [0, 1, 2, 3, 7]))


def test_what_did_not_arrive_waits_again_before_newer_changes(sharer):
    sharer.post(adds(people(range(3))))
    sharer.fault({"http": 502})
    failed = sharer.carry(sharer.flush())
    sharer.post(removes(people([1])))
    sharer.faults_end()
    assert (failed.status, sharer.waiting()) == (RunStatus.FAILED, 2)
    sharer.carry(sharer.flush())
    assert (sharer.waiting(), sharer.held()) == (0, ids_of(people([0, 2])))


def test_lost_answers_are_cleared_up_by_the_next_run(sharer):
    sharer.send(adds(people(range(3))))
    sharer.fault({"commit_then_drop": True})
    run = sharer.send([*removes(people([0])), *adds(people([5]))])
    assert (run.unknown > 0, sharer.audience().unsure > 0) == (True, True)
    sharer.faults_end()
    sharer.carry(sharer.flush())
    assert (sharer.held(), sharer.audience().unsure) == (ids_of(people([1, 2, 5])), 0)


def test_stream_rests_after_a_run_that_gave_its_changes_back(sharer, settings):
    settings.HUB_RETRY_SECONDS = [0.01]
    sharer.fault({"http": 502})
    sharer.send(adds(people([1])))
    settings.HUB_RETRY_SECONDS = [0.01, 7200]
    assert sharer.flush() is None
    sharer.faults_end()
    settings.HUB_RETRY_SECONDS = [0.01, 1800]
    assert sharer.carry(sharer.flush()).status == RunStatus.SUCCEEDED


def test_parked_changes_go_once_the_credential_is_good_again(sharer):
    sharer.post(adds(people([1])))
    sharer.fault({"code": 40105, "message": "Access token is incorrect or has been revoked."})
    run = sharer.carry(sharer.flush())
    sharer.faults_end()
    assert (run.status, sharer.waiting(), sharer.flush()) == (RunStatus.FAILED, 1, None)
    with sharer.scope():
        Credential.objects.update(status=CredentialStatus.AUTHORISED)
    sharer.carry(sharer.flush())
    assert (sharer.waiting(), sharer.held()) == (0, ids_of(people([1])))


def test_run_whose_changes_wait_again_is_not_retried(sharer):
    sharer.fault({"http": 502})
    run = sharer.send(adds(people([1])))
    with pytest.raises(Exception, match="waits in its stream again"):
        sharer.retry(run)


def test_refused_people_do_not_wait_again(sharer):
    [poison] = ids_of(people([1]))["EMAIL_SHA256"]
    sharer.fault({"poison": {"id": poison}})
    run = sharer.send(adds(people(range(4))))
    assert (run.status, run.refused, sharer.waiting()) == (RunStatus.SUCCEEDED_WITH_ERRORS, 1, 0)
    assert sharer.held() == ids_of(people([0, 2, 3]))


def test_deleted_audience_is_filled_with_those_who_stay(sharer):
    sharer.send(adds(people(range(4))))
    [audience] = sharer.audiences()
    sharer.control("audiences/forget", {"audience_id": audience["audience_id"]})
    sharer.send([*removes(people([0])), *adds(people([9]))])
    assert sharer.held() == ids_of(people([1, 2, 3, 9]))


def test_removing_most_of_an_audience_holds_nobody(sharer):
    with sharer.scope():
        type(sharer.orchestration).objects.update(max_removal_percent=0)
    sharer.send(adds(people(range(4))))
    assert sharer.send(removes(people(range(4)))).status == RunStatus.SUCCEEDED
    assert sharer.held() == {}


@pytest.fixture
def pair(sharer):
    """A stream for two ad accounts of one Business Center, which one token reaches."""
    token = {
        "access_token": "two-accounts", "app_id": "7000000000000000001", "user_id": "7200000000000000001",
        "advertiser_ids": [FIRST, SECOND], "scopes": [100, 30, 31],
    }  # fmt: skip
    roles = {"7200000000000000001": "ADMIN"}
    account = {"advertiser_id": SECOND, "name": "Acme Outlet", "bc_id": "7100000000000000001", "roles": roles}
    sharer.control("seed", {"advertisers": [account], "tokens": [token]})
    with sharer.scope():
        Credential.objects.update(access_token="two-accounts")
        accounts = {"advertiser_ids": [FIRST, SECOND], "user_id_types": ["EMAIL", "PHONE"]}
        Destination.objects.update(settings=accounts)
    sharer.token = "two-accounts"
    return sharer


def test_each_ad_account_gets_the_changes(pair):
    pair.send([*adds(people(range(3))), *removes(people([2]))])
    assert [pair.held(account) for account in (FIRST, SECOND)] == [ids_of(people([0, 1]))] * 2


def test_account_that_refused_gets_the_changes_later(pair):
    pair.fault({"code": 40001, "message": "No permission."}, match={"body_contains": SECOND})
    run = pair.send(adds(people(range(3))))
    assert (run.status, pair.waiting()) == (RunStatus.SUCCEEDED_WITH_ERRORS, 1)
    pair.faults_end()
    pair.carry(pair.flush())
    assert [pair.held(account) for account in (FIRST, SECOND)] == [ids_of(people(range(3)))] * 2


def test_chunks_stay_until_their_run_has_ended(sharer):
    sharer.post(adds(people([1])))
    run = sharer.flush()
    with sharer.scope():
        run_prepare(run.pk)
        assert Chunk.objects.filter(run=run).exists()
