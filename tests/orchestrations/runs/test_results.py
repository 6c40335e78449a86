"""The JSON form of a run and the CSV of its issues, after real runs against the emulator."""

import csv
import io

import pyarrow as pa
import pytest

from orchestrations.models import Batch, Run
from orchestrations.runs.results import NOT_ARRIVED, rejects_write, run_issues_csv, run_result, run_text
from orchestrations.runs.spool import ISSUES, Spool, TableWriter
from tests.orchestrations.conftest import order_rows
from tiktok_hub.tenancy.scope import tenant_scope

TRACK = {"path": "/event/track/"}


def issues(run: Run, *levels: str) -> list[dict[str, str]]:
    """Read the CSV of a run's issues."""
    with tenant_scope(run.tenant):
        return list(csv.DictReader(io.StringIO("".join(run_issues_csv(run, levels)))))


def result_of(run: Run) -> dict[str, object]:
    """Return the JSON form of a run."""
    with tenant_scope(run.tenant):
        return run_result(run)


def dirty(index: int) -> str:
    """Give every tenth row an address that cannot exist."""
    return "=cmd|' /C calc'!A0" if index % 10 == 0 else f"p{index}@mail.example"


def test_the_result_accounts_for_every_row_and_event(acme, orchestration_of, run_of, held):
    result = result_of(run_of(orchestration_of(acme, order_rows(100, email=dirty))))
    assert (result["status"], result["tenant"]) == ("succeeded_with_errors", "acme")
    assert (result["selected"], result["rejected"], result["events"], result["accepted"]) == (100, 10, 90, 90)
    assert result["rejected_by_reason"] == {"bad_email": 10}
    assert (result["requests"], result["attempts"], result["error"]) == (1, 1, None)
    assert isinstance(result["seconds"], float)


def test_a_failed_run_tells_its_error_with_steps(acme, orchestration_of, run_of, held, fault):
    fault({"match": TRACK, "action": {"code": 40105}})
    result = result_of(run_of(orchestration_of(acme, order_rows(3))))
    error = result["error"]
    assert isinstance(error, dict)
    assert (error["class"], error["code"], error["resolution"]) == ("CredentialError", 40105, "invalid_credentials")
    assert error["steps"]
    assert (result["accepted"], result["unsent"]) == (0, 3)


def test_what_tiktok_took_with_a_reservation_is_counted_as_such(acme, orchestration_of, run_of, held, fault):
    fault({"match": TRACK, "action": {"partial": 20001}})
    result = result_of(run_of(orchestration_of(acme, order_rows(3))))
    assert (result["status"], result["accepted"], result["accepted_with_warning"]) == ("succeeded", 3, 3)
    assert "3 of the accepted with a warning from TikTok" in run_text(result)


@pytest.mark.parametrize(("code", "noted"), [("", True), ("TEST12345", False)], ids=["without", "with"])
def test_a_sample_without_a_test_event_code_says_that_it_counts(acme, orchestration_of, run_of, held, code, noted):
    settings = {"test_event_code": code} if code else {}
    result = result_of(run_of(orchestration_of(acme, order_rows(20), **settings), sample=10))
    assert result["sample"] == 10
    assert bool(result["note"]) is noted


def test_the_csv_names_row_field_and_reason_with_the_value_masked(acme, orchestration_of, run_of, held):
    found = issues(run_of(orchestration_of(acme, order_rows(30, email=dirty))), "reject")
    assert [(each["row"], each["field"], each["reason"]) for each in found] == [
        (row, "email", "bad_email") for row in ("1", "11", "21")
    ]
    assert not any("calc" in each["value"] for each in found)
    assert found[0]["message"]


def test_the_csv_holds_the_levels_asked_for_only(acme, orchestration_of, run_of, held):
    run = run_of(orchestration_of(acme, order_rows(20, email=dirty, phone="nonsense")))
    assert {each["level"] for each in issues(run, "warning")} == {"warning"}
    assert {each["level"] for each in issues(run, "reject", "warning")} == {"reject", "warning"}
    assert issues(run) == []


def test_the_csv_names_the_row_that_tiktok_refused(acme, orchestration_of, run_of, held, fault):
    fault({"match": TRACK, "action": {"poison": {"event_id": "order-00321"}}})
    run = run_of(orchestration_of(acme, order_rows(1000)))
    found = issues(run, *NOT_ARRIVED)
    assert [(each["row"], each["level"]) for each in found] == [("322", "refused")]
    assert found[0]["reason"].startswith("refused_")


def test_the_csv_names_every_row_of_an_event_that_was_refused(acme, orchestration_of, run_of, held, fault):
    fault({"match": TRACK, "action": {"poison": {"event_id": "order-00003"}}})
    rows = order_rows(8, event_id=lambda index: f"order-{index // 2:05d}", price=5, content_id=str)
    found = issues(run_of(orchestration_of(acme, rows)), *NOT_ARRIVED)
    assert [each["row"] for each in found] == ["7", "8"]


def test_the_csv_names_the_rows_nobody_knows_of(acme, orchestration_of, run_of, held, fault):
    fault({"match": TRACK, "action": {"commit_then_drop": True}})
    run = run_of(orchestration_of(acme, order_rows(3)))
    found = issues(run, *NOT_ARRIVED)
    assert [(each["row"], each["level"]) for each in found] == [("1", "unknown"), ("2", "unknown"), ("3", "unknown")]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_a_spreadsheet_finds_no_formula(acme, orchestration_of, run_of, held, tmp_path, start):
    run = run_of(orchestration_of(acme, order_rows(1)))
    writer = TableWriter(tmp_path, "issues", ISSUES)
    row = {"row": 1, "field": "email", "reason": "bad_email", "value": f"{start}1+1", "level": "reject"}
    writer.add(pa.Table.from_pylist([row], ISSUES))
    Spool(run.spool).table_write("issues", writer.close())
    assert issues(run, "reject")[0]["value"] == f"'{start}1+1"


def test_the_csv_comes_in_pieces(acme, orchestration_of, run_of, held, tmp_path):
    run = run_of(orchestration_of(acme, order_rows(1)))
    columns = {"row": range(50_000), "field": ["email"] * 50_000, "reason": ["bad_email"] * 50_000}
    writer = TableWriter(tmp_path, "issues", ISSUES)
    table = pa.table({**columns, "value": ["x"] * 50_000, "level": ["reject"] * 50_000})
    writer.add(table.cast(ISSUES))
    Spool(run.spool).table_write("issues", writer.close())
    with tenant_scope(acme):
        pieces = list(run_issues_csv(run, ["reject"]))
    assert len(pieces) == 4
    assert sum(piece.count("\n") for piece in pieces) == 50_001


def test_a_run_whose_spool_has_gone_gives_the_headings_only(acme, orchestration_of, run_of, held):
    run = run_of(orchestration_of(acme, order_rows(20, email=dirty)))
    Spool(run.spool).clear()
    assert issues(run, *NOT_ARRIVED) == []


def test_the_file_of_rejects_is_its_owners_alone(acme, orchestration_of, run_of, held, tmp_path):
    run = run_of(orchestration_of(acme, order_rows(20, email=dirty)))
    with tenant_scope(acme):
        kept, asked = rejects_write(run), rejects_write(run, tmp_path / "mine.csv")
    assert kept is not None
    assert asked is not None
    assert {path.stat().st_mode & 0o777 for path in (kept, asked)} == {0o600}
    assert kept.read_text() == asked.read_text()


def test_a_run_without_rejects_writes_no_file(acme, orchestration_of, run_of, held):
    run = run_of(orchestration_of(acme, order_rows(3)))
    with tenant_scope(acme):
        assert rejects_write(run) is None


def test_the_text_tells_counts_reasons_and_what_to_do(acme, orchestration_of, run_of, held, fault):
    fault({"match": TRACK, "action": {"code": 40105}})
    text = run_text(result_of(run_of(orchestration_of(acme, order_rows(20, email=dirty)))))
    assert "purchases-to-tiktok (acme): failed" in text
    assert "2 bad_email" in text
    assert "1. " in text


def test_another_tenants_batches_never_mix_in(acme, globex, orchestration_of, run_of, held, fault):
    fault({"match": TRACK, "action": {"poison": {"event_id": "order-00001"}}})
    ours, theirs = (run_of(orchestration_of(tenant, order_rows(4))) for tenant in (acme, globex))
    assert [each["row"] for each in issues(ours, *NOT_ARRIVED)] == ["2"]
    with tenant_scope(globex):
        assert Batch.objects.get(run=theirs).refused == 1
