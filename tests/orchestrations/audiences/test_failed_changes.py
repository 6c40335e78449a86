"""Changes that TikTok takes and cannot carry out hours later: the next run puts everything right."""

import pytest
from django.utils import timezone

from orchestrations.audiences.readings import audiences_read
from orchestrations.audiences.upkeep import audience_forget
from orchestrations.choices import AudienceStatus, RunStatus
from orchestrations.models import Audience
from tests.orchestrations.audiences.conftest import Keeper, ids_of, people

MANY = range(1_200)
TOO_FEW = range(900)  # after which TikTok's floor of 1,000 is broken


@pytest.fixture
def filed(keeper) -> Keeper:
    """An audience of 1,200 people, kept by files; TikTok has carried everything out."""
    keeper.control("seed", {"options": {"audience_processing_seconds": 0.02}})
    keeper.set_up(people(MANY, phones=False), transport="file", user_id_types=["EMAIL"])
    keeper.run()
    carried_out(keeper)
    assert keeper.held() == ids_of(people(MANY, phones=False))
    return keeper


def carried_out(keeper: Keeper) -> Audience:
    """Let TikTok do what it has taken, and read the audience back."""
    keeper.control("clock", {"advance": 2 * 86_400})
    with keeper.scope():
        Audience.objects.update(next_reading_at=timezone.now())
        audiences_read()
    return keeper.audience()


def shrunk(keeper: Keeper) -> Audience:
    """Keep the audience equal to so few people that TikTok fails to follow, and notice it."""
    keeper.people(people(TOO_FEW, phones=False))
    assert keeper.run().status == RunStatus.SUCCEEDED
    assert keeper.audience().people == len(TOO_FEW)
    return carried_out(keeper)


def test_good_change_is_read_back_as_ready(filed):
    audience = filed.audience()
    assert (audience.status, audience.size, audience.unsure) == (AudienceStatus.READY, len(MANY), 0)


def test_removal_that_failed_is_in_the_state_again_as_unsure(filed):
    audience = shrunk(filed)
    assert audience.status == AudienceStatus.FAILED
    assert filed.held() == ids_of(people(MANY, phones=False))
    assert (audience.people, audience.unsure) == (len(MANY), len(MANY))


def test_next_run_removes_whom_the_failed_one_could_not(filed):
    shrunk(filed)
    wanted = people([*TOO_FEW, *range(2_000, 2_300)], phones=False)
    filed.people(wanted)
    assert filed.run().status == RunStatus.SUCCEEDED
    audience = carried_out(filed)
    assert filed.held() == ids_of(wanted)
    assert (audience.status, audience.people, audience.unsure) == (AudienceStatus.READY, len(wanted), 0)


def test_run_before_the_first_reading_notices_the_failure_itself(filed):
    filed.people(people(TOO_FEW, phones=False))
    filed.run()
    filed.control("clock", {"advance": 3_600})
    wanted = people([*TOO_FEW, *range(2_000, 2_300)], phones=False)
    filed.people(wanted)
    filed.run()
    carried_out(filed)
    assert filed.held() == ids_of(wanted)


def test_forgetting_makes_the_next_run_send_everybody(keeper):
    keeper.set_up(people(range(10)))
    keeper.run()
    with keeper.scope():
        audience_forget(audience=keeper.audience())
    assert keeper.audience().people == 0
    run = keeper.run()
    assert (keeper.target(run).added, keeper.audience().people) == (10, 10)
    assert keeper.held() == ids_of(people(range(10)))
