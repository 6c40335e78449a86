"""An audience equals the query's result: TikTok's own sets are compared with what the people's ids hash to."""

import pytest

from orchestrations.choices import RunStatus
from tests.orchestrations.audiences.conftest import digest, ids_of, people


def test_first_run_creates_the_audience_and_fills_it(keeper):
    keeper.set_up(people(range(10)))
    run = keeper.run()
    assert run.status == RunStatus.SUCCEEDED
    assert (run.people, run.accepted, run.unsent) == (10, 10, 0)
    assert [audience["name"] for audience in keeper.audiences()] == ["buyers"]
    assert keeper.held() == ids_of(people(range(10)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(people(range(10)), people(range(10)), id="nothing changes"),
        pytest.param(people(range(10)), people(range(5, 15)), id="some leave, some come"),
        pytest.param(people(range(10)), people(range(20, 30)), id="all are others"),
        pytest.param(people(range(10)), people(range(10), phones=False), id="all lose an id"),
        pytest.param(people(range(10), phones=False), people(range(10)), id="all gain an id"),
        pytest.param(people(range(4)) + people(range(4)), people(range(2, 6)) * 2, id="rows are there twice"),
        pytest.param(
            [{"email": "a@x.example", "phone": "+12125550001"}, {"email": "b@x.example", "phone": "+12125550001"}],
            [{"email": "a@x.example", "phone": ""}, {"email": "b@x.example", "phone": "+12125550001"}],
            id="a phone of two is given up by one",
        ),
    ],
)  # fmt: skip
def test_second_run_makes_the_audience_equal_to_the_changed_query(keeper, before, after):
    keeper.set_up(before)
    keeper.run()
    keeper.people(after)
    run = keeper.run()
    assert run.status == RunStatus.SUCCEEDED
    assert keeper.held() == ids_of(after)
    assert len(keeper.audiences()) == 1


def test_unchanged_people_are_not_sent_again(keeper):
    keeper.set_up(people(range(10)))
    keeper.run()
    sent = len(keeper.sent())
    run = keeper.run()
    assert (run.status, run.requests, len(keeper.sent())) == (RunStatus.SUCCEEDED, 0, sent)


def test_counts_say_who_comes_goes_and_stays(keeper):
    keeper.set_up(people(range(10)))
    keeper.run()
    keeper.people(people(range(4, 12)))
    run = keeper.run()
    target = keeper.target(run)
    assert (target.before, target.added, target.removed, target.unchanged, target.after) == (10, 2, 4, 6, 8)
    assert keeper.audience().people == 8
    assert keeper.audience().ids == {"EMAIL": 8, "PHONE": 8}


def test_everybody_is_deleted_before_anybody_is_added(keeper):
    keeper.set_up(people(range(10)))
    keeper.run()
    first = len(keeper.sent())
    keeper.people(people(range(5, 15)))
    keeper.fault({"http": 502}, match={"body_contains": '"action":"delete"'}, times=2)
    keeper.run()
    actions = [("delete" if '"action":"delete"' in str(each) else "add") for each in keeper.sent()[first:]]
    assert keeper.held() == ids_of(people(range(5, 15)))
    assert actions == sorted(actions, reverse=True)


def test_person_who_loses_one_of_two_ids_stays_with_the_other(keeper):
    keeper.set_up(people(range(3)))
    keeper.run()
    keeper.people([{"email": "", "phone": "+12125550000"}, *people([1, 2])])
    run = keeper.run()
    target = keeper.target(run)
    assert (target.added, target.removed, target.unchanged) == (0, 0, 3)
    assert digest("person0@mail.example") not in keeper.held()["EMAIL_SHA256"]
    assert digest("+12125550000") in keeper.held()["PHONE_SHA256"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("add", people(range(15))), ("remove", people(range(5)))],
    ids=["add only", "remove"],
)
def test_other_modes_add_or_remove_and_nothing_else(keeper, mode, expected):
    orchestration = keeper.set_up(people(range(10)))
    keeper.run()
    orchestration.sync_mode = mode
    with keeper.scope():
        orchestration.save()
    keeper.people(people(range(5, 15)))
    run = keeper.run()
    assert run.status == RunStatus.SUCCEEDED
    assert keeper.held() == ids_of(expected)


def test_sample_of_a_mirrored_query_removes_nobody(keeper):
    keeper.set_up(people(range(10)))
    keeper.run()
    keeper.people(people(range(8, 20)))
    keeper.run(sample=3)
    assert keeper.held() == ids_of(people(range(11)))


def test_tenants_keep_audiences_of_their_own(keeper_of, ada, acme, charlie, globex):
    mine, theirs = keeper_of(ada, acme), keeper_of(charlie, globex)
    mine.set_up(people(range(5)))
    theirs.set_up(people(range(3, 9)))
    assert {mine.run().status, theirs.run().status} == {RunStatus.SUCCEEDED}
    assert mine.held() == ids_of(people(range(5)))
    assert theirs.held() == ids_of(people(range(3, 9)))
