"""What the run page works out from a run."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrations.admin.progress import events_sum, reasons, rows_sum, run_funnel, run_progress, run_said, run_steps
from orchestrations.choices import RunPurpose, RunStage, RunStatus
from orchestrations.models import Run
from orchestrations.templatetags.orchestration_tags import rough

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
COUNTS = {"selected": 100, "in_events": 90, "rejected": 7, "duplicates": 3, "events": 80}
PREPARED = {"started_at": START, "prepared_at": START, **COUNTS}


@pytest.mark.parametrize(
    ("fields", "states"),
    [
        ({"stage": RunStage.WAITING}, ["now", "todo", "todo", "todo", "todo"]),
        ({"stage": RunStage.DELIVERING}, ["done", "done", "done", "now", "todo"]),
        ({"stage": RunStage.FINISHED, "status": RunStatus.SUCCEEDED}, ["done"] * 5),
        ({"stage": RunStage.FINISHED, "status": RunStatus.CANCELLED}, ["stopped", "todo", "todo", "todo", "todo"]),
        (
            {"stage": RunStage.FINISHED, "status": RunStatus.FAILED, **PREPARED},
            ["done", "done", "done", "stopped", "todo"],
        ),
    ],
    ids=["waiting", "delivering", "succeeded", "cancelled-at-once", "failed-in-delivery"],
)
def test_steps_show_where_the_run_is_or_where_it_ended(fields, states):
    assert [step.state for step in run_steps(Run(**fields))] == states


HOLD = {"reason": "empty_result", "sentence": "Nobody."}
WAITS = {"stage": RunStage.DELIVERING, "hold": HOLD, **PREPARED}


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({"status": RunStatus.HELD}, "Held held, Delivering todo, Finished todo"),
        ({"status": RunStatus.QUEUED, "released_at": START}, "Released done, Delivering now, Finished todo"),
        (
            {"status": RunStatus.CANCELLED, "stage": RunStage.FINISHED},
            "Held stopped, Delivering todo, Cancelled todo",
        ),
        (
            {"status": RunStatus.SUCCEEDED, "stage": RunStage.FINISHED, "released_at": START},
            "Released done, Delivering done, Succeeded done",
        ),
    ],
    ids=["held", "released", "cancelled", "succeeded"],
)
def test_steps_show_where_a_run_was_held(fields, steps):
    assert ", ".join(f"{step.label} {step.state}" for step in run_steps(Run(**{**WAITS, **fields}))[3:]) == steps


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({"stage": RunStage.PREPARING}, ["done", "done", "now", "todo"]),
        ({"stage": RunStage.DELIVERING, **PREPARED}, ["done", "done", "now", "todo"]),
        ({"stage": RunStage.FINISHED, "status": RunStatus.SUCCEEDED, **PREPARED}, ["done"] * 4),
        ({"stage": RunStage.FINISHED, "status": RunStatus.SUCCEEDED, "hold": HOLD, **PREPARED}, ["done"] * 4),
    ],
    ids=["preparing", "prepared", "planned", "would-be-held"],
)
def test_a_plan_has_no_step_of_delivery(fields, steps):
    found = run_steps(Run(purpose=RunPurpose.PLAN, **fields))
    assert [step.state for step in found] == steps
    assert "Delivering" not in [step.label for step in found]


def test_a_plan_has_no_sum_of_what_was_sent():
    run = Run(purpose=RunPurpose.PLAN, stage=RunStage.FINISHED, **PREPARED)
    assert rows_sum(run).adds_up
    assert events_sum(run) is None
    assert run_progress(run).total is None


def test_sums_of_audiences_count_people_and_entries():
    run = Run(stage=RunStage.FINISHED, inputs={"sync_mode": "mirror"}, people=85, **PREPARED, accepted=80)
    assert (rows_sum(run).parts[0].label, events_sum(run).label) == ("in people", "entries")
    assert [(part.count, part.label) for part in run_funnel(run)][1:] == [(93, "valid rows"), (85, "people")]


def test_what_waits_for_somebody_has_no_speed():
    assert run_progress(Run(status=RunStatus.HELD, **WAITS)).total is None


def test_time_to_go_counts_from_the_release():
    run = Run(status=RunStatus.RUNNING, released_at=START + timedelta(hours=2), **WAITS, accepted=20)
    assert run_progress(run, START + timedelta(hours=2, seconds=10)).rate == 2.0


def test_progress_tells_rate_and_time_to_go():
    run = Run(stage=RunStage.DELIVERING, **PREPARED, accepted=15, refused=3, unknown=2)
    progress = run_progress(run, START + timedelta(seconds=10))
    assert (progress.done, progress.total, progress.percent) == (20, 80, 25.0)
    assert (progress.rate, progress.eta) == (2.0, 30.0)


@pytest.mark.parametrize(("accepted", "seconds", "eta"), [(0, 60, None), (20, 2, None), (20, 4, 12.0)])
def test_time_to_go_is_not_told_before_it_can_be_known(accepted, seconds, eta):
    run = Run(stage=RunStage.DELIVERING, **PREPARED, accepted=accepted)
    assert run_progress(run, START + timedelta(seconds=seconds)).eta == eta


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "a few seconds"), (42, "less than a minute"), (190, "about 3 min"), (7300, "about 2 h")],
)
def test_a_guess_is_told_no_finer_than_it_is(seconds, words):
    assert rough(seconds) == words


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"stage": RunStage.DELIVERING, **PREPARED, "accepted": 43}, "Delivering, 50 %."),
        ({"stage": RunStage.QUERYING}, "Running the query."),
        ({"status": RunStatus.HELD, **WAITS}, "Held: it waits for somebody to release it."),
        (
            {"status": RunStatus.SUCCEEDED, "stage": RunStage.FINISHED, **PREPARED, "accepted": 80},
            "Succeeded. 80 events accepted, 7 rows rejected.",
        ),
    ],
    ids=["quarters", "no-share", "held", "finished"],
)
def test_a_screen_reader_hears_of_stages_and_quarters_only(fields, said):
    assert run_said(Run(**fields)) == said


def test_progress_is_silent_before_anything_is_known():
    progress = run_progress(Run(stage=RunStage.QUERYING, started_at=START), START)
    assert (progress.total, progress.rate, progress.eta) == (None, None, None)


def test_sums_make_the_whole():
    run = Run(stage=RunStage.FINISHED, **PREPARED, accepted=70, refused=4, unknown=1)
    rows, events = rows_sum(run), events_sum(run)
    assert [part.count for part in rows.parts] == [90, 7, 3]
    assert [part.count for part in events.parts] == [70, 4, 1, 5]
    assert rows.adds_up
    assert events.adds_up


def test_a_row_that_is_nowhere_shows():
    run = Run(stage=RunStage.FINISHED, **{**PREPARED, "in_events": 89})
    assert not rows_sum(run).adds_up


def test_sums_wait_until_all_rows_are_prepared():
    assert rows_sum(Run(stage=RunStage.PREPARING, selected=10)) is None


def test_funnel_narrows_by_what_was_lost_and_not_by_rows_that_make_one_event():
    run = Run(stage=RunStage.FINISHED, **PREPARED, accepted=50)
    shares = [(part.count, round(part.percent, 3)) for part in run_funnel(run)]
    assert shares == [(100, 100), (93, 93), (50, 58.125), (50, 58.125)]


def test_funnel_of_an_empty_run_does_not_divide_by_zero():
    assert [part.percent for part in run_funnel(Run(selected=0))] == [0, 0, 0, 0]


def test_reasons_come_with_sentences_most_frequent_first():
    found = reasons({"bad_phone": 2, "bad_email": 8})
    assert [(reason.key, reason.percent) for reason in found] == [("bad_email", 100), ("bad_phone", 25)]
    assert all(reason.sentence.endswith(".") for reason in found)
