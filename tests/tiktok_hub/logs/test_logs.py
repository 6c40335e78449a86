"""A record is one line or one JSON object, with ids, and without what exceptions quote."""

import json
import logging
import sys

import pytest
from django.test import Client
from django.test.utils import override_settings

from tiktok_hub.logs import log_with
from tiktok_hub.logs.formats import JsonFormatter, LineFormatter, program_said
from tiktok_hub.logs.hiding import TaskErrorFilter
from tiktok_hub.tenancy.scope import tenant_scope

PERSON = "anna@mail.example"


def stumble() -> None:
    """Fail over a row, as a database does."""
    try:
        int(PERSON)
    except ValueError as error:
        raise RuntimeError(f"row {PERSON}") from error


def record(message: str = "run %s ended", *args: object, failed: bool = False) -> logging.LogRecord:
    """Make a log record, perhaps of an exception."""
    raised = None
    if failed:
        try:
            stumble()
        except RuntimeError:
            raised = sys.exc_info()
    return logging.LogRecord("orchestrations", logging.INFO, __file__, 1, message, args or (7,), raised)


def said(of: logging.LogRecord) -> dict[str, object]:
    """Return a record as JSON says it."""
    line = JsonFormatter().format(of)
    assert "\n" not in line
    return json.loads(line)


def test_json_record_says_when_what_and_about_which_run(acme):
    with tenant_scope(acme), log_with(run=7), log_with(batch=3):
        found = said(record())
    assert {name: found[name] for name in ("level", "logger", "message", "tenant", "run", "batch")} == {
        "level": "INFO", "logger": "orchestrations", "message": "run 7 ended", "tenant": "acme", "run": 7, "batch": 3,
    }  # fmt: skip
    assert str(found["time"]).endswith("Z")
    assert not {"tenant", "run", "batch"} & set(said(record()))


def test_json_record_names_classes_and_way_of_an_exception_not_its_text():
    found = said(record(failed=True))
    assert [error["class"] for error in found["errors"]] == ["builtins.RuntimeError", "builtins.ValueError"]
    assert found["errors"][0]["way"][-1].endswith(" stumble")
    assert PERSON not in json.dumps(found)


@pytest.mark.parametrize(("debug", "told"), [(False, False), (True, True)])
def test_line_names_the_text_of_an_exception_only_while_debugging(debug, told):
    with override_settings(DEBUG=debug):
        line = LineFormatter().format(record(failed=True))
    assert (PERSON in line) == told
    assert "RuntimeError" in line


def test_text_of_a_failed_tasks_exception_is_left_out():
    of = record(
        "Task %(name)s raised: %(exc)s", {"name": "run_prepare", "exc": PERSON, "traceback": PERSON}, failed=True
    )
    assert TaskErrorFilter().filter(of)
    assert said(of)["message"] == "Task run_prepare raised: RuntimeError"


@pytest.mark.parametrize(
    ("behind_proxy", "given", "kept"),
    [
        pytest.param(True, "abc-123", True, id="of our proxy"),
        pytest.param(False, "abc-123", False, id="of anybody"),
        pytest.param(True, "abc 123\x7f", False, id="strange"),
        pytest.param(True, "a" * 65, False, id="long"),
    ],
)
def test_request_has_an_id_that_the_answer_names(settings, behind_proxy, given, kept):
    settings.HUB_BEHIND_PROXY = behind_proxy
    answer = Client().get("/livez", headers={"X-Request-ID": given})
    assert (answer["X-Request-ID"] == given) == kept
    assert answer["X-Request-ID"]


def test_supervised_programs_are_named_in_what_they_say():
    assert json.loads(program_said("worker", '{"message": "ready"}')) == {"message": "ready", "program": "worker"}
    found = json.loads(program_said("broker", "1 # WARNING"))
    assert (found["message"], found["logger"], found["program"]) == ("1 # WARNING", "broker", "broker")
