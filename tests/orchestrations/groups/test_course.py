"""What a group does next, as a table."""

import pytest

from orchestrations.choices import RunStatus
from orchestrations.groups.course import Course, MemberState, group_course

STATES = {
    "_": MemberState.WAITING, "a": MemberState.ACTIVE, "h": MemberState.HELD, "s": MemberState.SUCCEEDED,
    "e": MemberState.WITH_ERRORS, "f": MemberState.FAILED, "l": MemberState.LEFT,
}  # fmt: skip
GOES, HELD = Course(), Course(status=RunStatus.HELD)


def over(status: RunStatus, stopped_at: int | None = None) -> Course:
    return Course(status=status, is_over=True, stopped_at=stopped_at)


DONE, PARTLY, FAILED, CANCELLED = (
    RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS, RunStatus.FAILED, RunStatus.CANCELLED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("order", "on_failure", "states", "course"),
    [
        ("sequence", "stop", "___", Course(start=0)),
        ("sequence", "stop", "a__", GOES),
        ("sequence", "stop", "h__", HELD),
        ("sequence", "stop", "s__", Course(start=1)),
        ("sequence", "stop", "e__", Course(start=1)),
        ("sequence", "stop", "f__", over(FAILED, 0)),
        ("sequence", "stop", "l__", Course(start=1)),
        ("sequence", "stop", "sf_", over(FAILED, 1)),
        ("sequence", "stop", "ssf", over(FAILED, 2)),
        ("sequence", "stop", "sss", over(DONE)),
        ("sequence", "stop", "ses", over(PARTLY)),
        ("sequence", "stop", "sls", over(PARTLY)),
        ("sequence", "stop", "lll", over(CANCELLED)),
        ("sequence", "go_on", "f__", Course(start=1)),
        ("sequence", "go_on", "fa_", GOES),
        ("sequence", "go_on", "ffs", over(PARTLY)),
        ("sequence", "go_on", "fff", over(FAILED)),
        ("sequence", "go_on", "flf", over(FAILED)),
        ("parallel", "stop", "a__", Course(start=1)),
        ("parallel", "stop", "fa_", Course(start=2)),
        ("parallel", "stop", "fas", GOES),
        ("parallel", "stop", "fhs", HELD),
        ("parallel", "stop", "ahs", GOES),
        ("parallel", "stop", "fss", over(FAILED)),
        ("parallel", "go_on", "fss", over(PARTLY)),
        ("parallel", "stop", "sss", over(DONE)),
    ],
)
def test_a_group_takes_the_step_that_is_due(order, on_failure, states, course):
    assert group_course(order, on_failure, [STATES[letter] for letter in states]) == course
