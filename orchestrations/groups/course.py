"""Say what a group does next: pure rules over the states of its members, without a database and without a clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrations.choices import GroupFailure, GroupOrder, RunStatus


class MemberState(StrEnum):
    """How far a member of a group is. One is left when somebody said that it may stay as it is, or it is gone."""

    WAITING = "waiting"
    ACTIVE = "active"
    HELD = "held"
    SUCCEEDED = "succeeded"
    WITH_ERRORS = "with_errors"
    FAILED = "failed"
    LEFT = "left"


STATES = {
    RunStatus.QUEUED: MemberState.ACTIVE,
    RunStatus.RUNNING: MemberState.ACTIVE,
    RunStatus.HELD: MemberState.HELD,
    RunStatus.SUCCEEDED: MemberState.SUCCEEDED,
    RunStatus.SUCCEEDED_WITH_ERRORS: MemberState.WITH_ERRORS,
    RunStatus.FAILED: MemberState.FAILED,
    RunStatus.CANCELLED: MemberState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Course:
    """What a group does next: start the member at `start` (an index), else be in `status`; `is_over` ends it.

    `stopped_at` is the index of the member whose failure keeps the others from running.
    """

    status: RunStatus = RunStatus.RUNNING
    start: int | None = None
    is_over: bool = False
    stopped_at: int | None = None


def group_course(order: str, on_failure: str, states: Sequence[MemberState]) -> Course:
    """Return what a group whose members are in these states does next."""
    for index, state in enumerate(states):
        if state == MemberState.WAITING:
            return Course(start=index)
        if order == GroupOrder.PARALLEL:
            continue
        if state in {MemberState.ACTIVE, MemberState.HELD}:
            return Course(status=RunStatus.HELD if state == MemberState.HELD else RunStatus.RUNNING)
        if state == MemberState.FAILED and on_failure == GroupFailure.STOP:
            return Course(status=RunStatus.FAILED, is_over=True, stopped_at=index)
    if MemberState.ACTIVE in states:
        return Course()
    if MemberState.HELD in states:
        return Course(status=RunStatus.HELD)
    return Course(status=_result(on_failure, states), is_over=True)


def _result(on_failure: str, states: Sequence[MemberState]) -> RunStatus:
    """Say in one word how it went when all members are done."""
    failed = MemberState.FAILED in states
    if all(state == MemberState.SUCCEEDED for state in states):
        return RunStatus.SUCCEEDED
    if failed and on_failure == GroupFailure.STOP:
        return RunStatus.FAILED
    if {MemberState.SUCCEEDED, MemberState.WITH_ERRORS} & set(states):
        return RunStatus.SUCCEEDED_WITH_ERRORS
    return RunStatus.FAILED if failed else RunStatus.CANCELLED
