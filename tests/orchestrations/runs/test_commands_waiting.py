"""What somebody sees who waits for a run at a terminal."""

from io import StringIO

import pytest
from django.core.management.base import OutputWrapper

from orchestrations.choices import RunStage, RunStatus
from orchestrations.management.bar import ProgressBar, line
from orchestrations.management.commands.orchestration_run import Command
from orchestrations.management.running import interruptible
from orchestrations.models import Run


class Terminal(StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    ("values", "rate", "shown"),
    [
        ({"stage": RunStage.WAITING}, None, "Run 7  Waiting …"),
        ({"stage": RunStage.QUERYING}, None, "Run 7  Running the query …"),
        (
            {"stage": RunStage.PREPARING, "selected": 2000, "prepared": 500},
            None,
            "Run 7  Preparing  ██████░░░░░░░░░░░░░░░░░░  25 %  500 of 2,000 rows",
        ),
        (
            {"stage": RunStage.DELIVERING, "events": 4000, "accepted": 2900, "refused": 60, "unknown": 40},
            500.0,
            "Run 7  Delivering  ██████████████████░░░░░░  75 %  3,000 of 4,000 events  500/s  2 s to go",
        ),
        ({"stage": RunStage.DELIVERING, "status": RunStatus.HELD}, None, "Run 7  Held …"),
    ],
    ids=["waiting", "querying", "preparing", "delivering", "held"],
)
def test_the_line_says_how_far_a_run_is(values, rate, shown):
    assert line(Run(pk=7, **values), rate) == shown


def test_the_bar_draws_over_itself_and_leaves_nothing():
    terminal = Terminal()
    with ProgressBar(OutputWrapper(terminal)) as bar:
        bar.show(Run(pk=7, stage=RunStage.QUERYING))
        bar.show(Run(pk=7, stage=RunStage.PREPARING))
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_the_bar_is_silent_where_nobody_looks():
    output = StringIO()
    with ProgressBar(OutputWrapper(output)) as bar:
        bar.show(Run(pk=7, stage=RunStage.QUERYING))
    assert output.getvalue() == ""


def interrupt(command: Command, state: dict[str, object]) -> None:
    """Press Ctrl-C when a command knows this much."""
    with interruptible(command) as known:
        known.update(state)
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "Nothing was started."),
        ({"run": Run(pk=7), "started": None}, "The run goes on. See it: manage.py run_show 7; end it: "),
        ({"run": Run(pk=7), "started": object()}, "goes on as soon as a hub runs (manage.py hub)"),
    ],
    ids=["before the start", "beside a hub", "with services of its own"],
)  # fmt: skip
def test_an_interrupted_wait_says_what_becomes_of_the_run(state, said):
    output = StringIO()
    with pytest.raises(SystemExit) as end:
        interrupt(Command(stderr=output), state)
    assert end.value.code == 130
    assert said in output.getvalue()
