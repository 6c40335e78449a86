"""TikTok or the network fails: what passes is sent again, what lasts ends the run in plain words."""

import pytest

from destinations.choices import CredentialStatus
from destinations.models import Credential
from orchestrations.choices import RunStatus
from tiktok_hub.tenancy.scope import tenant_scope

PASSING = [
    pytest.param({"reset": True}, id="connection reset"),
    pytest.param({"commit_then_drop": True}, id="answer lost after the commit"),
    pytest.param({"hang": 2}, id="hang longer than the timeout"),
    pytest.param({"commit_then_hang": 2}, id="hang after the commit"),
    pytest.param({"http": 502}, id="HTTP 502 with HTML"),
    pytest.param({"http": 503, "body": "{}"}, id="HTTP 503 with JSON"),
    pytest.param({"http": 429, "body": "slow down", "content_type": "text/plain"}, id="HTTP 429"),
    pytest.param({"http": 200, "body": ""}, id="empty body"),
    pytest.param({"http": 200, "body": "[]"}, id="no envelope"),
    pytest.param({"not_json": True}, id="not JSON"),
    pytest.param({"code": 50002, "message": "timeout"}, id="internal timeout"),
    pytest.param({"code": 59999, "message": "?"}, id="unknown code of the service"),
    pytest.param({"code": 40100, "message": "Too many requests."}, id="throttled"),
    pytest.param({"code": 40016, "message": "app limit"}, id="throttled at the endpoint"),
]
LASTING = [
    pytest.param({"reset": True}, True, id="connection reset"),
    pytest.param({"commit_then_drop": True}, True, id="answers lost after the commit"),
    pytest.param({"http": 502}, True, id="HTTP 502 with HTML"),
    pytest.param({"http": 200, "body": ""}, True, id="empty body"),
    pytest.param({"code": 50002, "message": "timeout"}, True, id="internal timeout"),
    pytest.param({"code": 40202, "message": "conflict"}, False, id="write conflict, surely not taken"),
]
FINAL = [
    pytest.param({"code": 40105, "message": "revoked"}, "invalid_credentials", True, id="token revoked"),
    pytest.param({"code": 40102, "message": "expired"}, "invalid_credentials", True, id="token expired"),
    pytest.param({"http": 401, "body": ""}, "invalid_credentials", True, id="HTTP 401"),
    pytest.param({"code": 40001, "message": "scope missing"}, "missing_permissions", False, id="missing permission"),
    pytest.param({"code": 40118, "message": "white list"}, "not_allow_listed", False, id="not allow-listed"),
    pytest.param({"code": 40300, "message": "gone"}, "advertiser_not_found", False, id="advertiser gone"),
    pytest.param({"code": 41000, "message": "blocked"}, "not_reachable", False, id="address blocked"),
    pytest.param({"code": 40008, "message": "?"}, "product_defect", False, id="fault of the product"),
]


@pytest.mark.parametrize("action", PASSING)
def test_a_failure_that_passes_is_survived_and_nothing_is_held_twice(world, settings, action):
    settings.TIKTOK_TIMEOUT_SECONDS = 0.5
    world.fault(action, times=2)
    run = world.send(world.rows(world.limit + 50))
    assert (run.status, run.accepted, run.unknown) == (RunStatus.SUCCEEDED, world.limit + 50, 0)
    assert set(world.held()) == world.keys(range(world.limit + 50))
    assert all(batch.error == {} for batch in world.batches(run))


@pytest.mark.parametrize(("action", "uncertain"), LASTING)
def test_a_failure_that_lasts_ends_in_unknown_or_not_sent(world, action, uncertain):
    world.fault(action)
    run = world.send(world.rows(30))
    assert (run.status, run.accepted) == (RunStatus.FAILED, 0)
    assert (run.unknown, run.unsent) == ((30, 0) if uncertain else (0, 30))


@pytest.mark.parametrize(("action", "resolution", "parked"), FINAL)
def test_what_a_person_must_solve_stops_the_run_at_once(world, action, resolution, parked):
    world.fault(action)
    run = world.send(world.rows(30))
    assert (run.status, run.attempts, run.unsent) == (RunStatus.FAILED, 1, 30)
    assert run.error["resolution"] == resolution
    with tenant_scope(world.tenant):
        assert (Credential.objects.get().status == CredentialStatus.EXPIRED) is parked


def test_a_token_that_was_revoked_before_the_run_stops_it(world):
    orchestration = world.orchestration(world.rows(30))
    world.emulator("revoke", {"token": world.account.token})
    run = world.carry(world.start(orchestration))
    assert (run.status, run.error["code"], run.unsent) == (RunStatus.FAILED, 40105, world.unprepared(30))
    assert world.held() == {}


def test_a_token_that_is_revoked_in_the_middle_keeps_what_was_sent(world, settings):
    settings.HUB_DELIVERY_CONNECTIONS = 1
    world.fault({"code": 40105, "message": "revoked"}, after=1)
    run = world.send(world.rows(3 * world.limit))
    assert (run.status, run.accepted, run.unsent) == (RunStatus.FAILED, world.limit, 2 * world.limit)
    assert set(world.held()) == world.keys(range(world.limit))


def test_a_destination_that_is_not_ones_own_stops_the_run(world):
    run = world.send(world.rows(30), **world.provider.nowhere)
    assert (run.status, run.attempts) == (RunStatus.FAILED, 0 if world.keeps else 1)
    assert run.unsent == world.unprepared(30)
    assert run.error["resolution"] in {"missing_permissions", "event_source_not_found"}
    assert world.held() == {}


@pytest.mark.parametrize("code", [pytest.param(20001, id="partly done"), pytest.param(40050, id="had it before")])
def test_success_with_a_warning_is_success_that_keeps_the_warning(world, code):
    world.fault({"partial": code, "message": "Partial success."})
    run = world.send(world.rows(30))
    assert (run.status, run.accepted) == (RunStatus.SUCCEEDED, 30)
    assert all("Partial success" in batch.message for batch in world.batches(run))


def test_failures_of_one_tenant_are_none_of_another(world, other):
    world.fault({"code": 40105, "message": "revoked"})
    mine, theirs = world.send(world.rows(20)), other.send(other.rows(20))
    assert (mine.status, theirs.status) == (RunStatus.FAILED, RunStatus.SUCCEEDED)
    assert (len(world.held()), len(other.held())) == (0, 20)


def test_the_first_request_of_a_run_may_be_its_last_connection(world, settings):
    settings.HUB_DELIVERY_CONNECTIONS = 1
    run = world.send(world.rows(2 * world.limit + 1))
    assert (run.status, run.requests, run.attempts) == (RunStatus.SUCCEEDED, 3, 3)
