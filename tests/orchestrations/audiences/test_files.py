"""Audiences that are kept by files: uploaded in parts, then applied; TikTok takes its time over each."""

import pytest

from orchestrations.choices import RunStatus
from tests.orchestrations.audiences.conftest import ids_of, people

UPDATE, CREATE, UPLOAD = (f"/dmp/custom_audience/{name}/" for name in ("update", "create", "file/upload"))


@pytest.fixture
def filer(keeper):
    """A keeper by files, at a TikTok that works fast and takes few members."""
    keeper.control("seed", {"options": {"audience_floor": 2, "audience_processing_seconds": 0.2}})
    return keeper


def types(filer):
    """Return the type that each audience has at TikTok."""
    return [audience["audience_type"] for audience in filer.audiences()]


def wait_worked(filer):
    """Let TikTok finish what it works on."""
    filer.control("clock", {"advance": 1})


def test_first_run_uploads_a_file_and_creates_the_audience_of_it(filer):
    filer.set_up(people(range(10)), transport="file")
    run = filer.run()
    wait_worked(filer)
    assert run.status == RunStatus.SUCCEEDED
    assert types(filer) == ["Customer File Audience"]
    assert filer.held() == ids_of(people(range(10)))


@pytest.mark.parametrize("mode", ["mirror", "replace"])
def test_second_run_makes_the_audience_equal_to_the_changed_query(filer, mode):
    filer.set_up(people(range(10)), transport="file", sync_mode=mode)
    filer.run()
    wait_worked(filer)
    filer.people(people(range(5, 15)))
    run = filer.run()
    wait_worked(filer)
    assert run.status == RunStatus.SUCCEEDED
    assert filer.held() == ids_of(people(range(5, 15)))
    assert len(filer.audiences()) == 1


def test_removal_waits_while_tiktok_works_on_what_was_appended(filer):
    filer.control("seed", {"options": {"audience_floor": 2, "audience_processing_seconds": 1.5}})
    filer.set_up(people(range(10)), transport="file")
    filer.run()
    filer.control("clock", {"advance": 2})
    filer.people(people(range(5, 15)))
    run = filer.run()
    filer.control("clock", {"advance": 2})
    assert (run.status, run.unsent) == (RunStatus.SUCCEEDED, 0)
    assert run.attempts > run.requests
    assert filer.held() == ids_of(people(range(5, 15)))


def test_replacing_is_one_update(filer):
    filer.set_up(people(range(10)), transport="file", sync_mode="replace")
    filer.run()
    wait_worked(filer)
    filer.people(people(range(5, 15)))
    filer.run()
    assert len(filer.sent(UPDATE)) == 1


def test_single_type_of_id_needs_no_header(filer):
    filer.set_up(people(range(5)), transport="file", user_id_types=["EMAIL"])
    filer.run()
    wait_worked(filer)
    assert filer.held() == ids_of(people(range(5), phones=False))


@pytest.mark.parametrize("path", [UPLOAD, CREATE], ids=["upload", "create"])
@pytest.mark.parametrize(
    "action",
    [{"commit_then_drop": True}, {"reset": True}, {"http": 502}, {"code": 40910, "message": "expired"}],
    ids=["carried out, answer lost", "connection lost", "bad gateway", "file expired"],
)
def test_passing_faults_leave_one_audience_that_is_right(filer, path, action):
    filer.set_up(people(range(10)), transport="file")
    filer.fault(action, path=path, times=1)
    run = filer.run()
    wait_worked(filer)
    assert run.status == RunStatus.SUCCEEDED
    assert len(filer.audiences()) == 1
    assert filer.held() == ids_of(people(range(10)))


def test_file_that_expired_is_uploaded_again(filer):
    filer.set_up(people(range(10)), transport="file")
    filer.fault({"code": 40910, "message": "expired"}, path=CREATE, times=1)
    filer.run()
    assert len(filer.sent(UPLOAD)) == 2


def test_refused_file_stops_the_run_and_leaves_the_state(filer):
    filer.set_up(people(range(10)), transport="file")
    filer.fault({"code": 40915, "message": "The file is invalid."}, path=UPLOAD)
    run = filer.run()
    assert (run.status, run.unsent) == (RunStatus.FAILED, 10)
    assert filer.audience().people == 0
    assert filer.audiences() == []
