"""Sandboxes from the command line: what is printed, what is done, and with which exit status it ends."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from orchestrations.models import Dataset, Query
from tests.tiktok_hub.sandboxes.conftest import TOKEN, edit, get
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope


def run(*args: str, **options) -> tuple[int, str, str]:
    """Run a command; return its exit status and what it printed to both streams."""
    out, err = StringIO(), StringIO()
    try:
        call_command(*args, stdout=out, stderr=err, **options)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_a_sandbox_is_made_from_the_command_line(production, other):
    status, out, _ = run("sandbox_create", "acme", "nightly", "--rows", "10", "--json")
    assert (status, json.loads(out)["sandbox"]) == (0, "acme-nightly")
    twin = Tenant.objects.get(slug="acme-nightly")
    assert get(twin, Dataset, "orders").rows == 2
    with tenant_scope(twin):
        entry = Entry.objects.get(action=Action.SANDBOX_CREATED)
    assert (entry.via, entry.actor) == ("command", "ada@acme.example")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("sandbox_create", "acne", "x"), "Did you mean"),
        (("sandbox_create", "acme", "Not a name"), "Lower-case"),
        (("sandbox_create", "acme", "test"), "taken"),
        (("sandbox_create", "acme", "x", "--user", "charlie@globex.example"), "no active member"),
        (("sandbox_create", "acme", "x", "--user", "bea@acme.example"), "may not create"),
        (("sandbox_diff", "acme"), "no sandbox “acme”"),
        (("sandbox_diff", "acme-tset"), "Did you mean"),
        (("sandbox_promote", "acme-test", "--message", " "), "Say what this changes"),
        (("sandbox_promote", "acme-test", "--message", "x", "--user", "bea@acme.example"), "may not promote"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_ends_with_two_and_a_sentence(sandbox, args, message):
    status, _, err = run(*args)
    assert status == 2
    assert message in err


def test_the_differences_are_printed_field_by_field(sandbox):
    edit(sandbox.twin, Query, "spare", description="better")
    status, out, _ = run("sandbox_diff", "acme-test")
    assert status == 0
    assert "acme-test against acme: 0 added, 1 changed, 0 removed" in out
    assert "  ~ query spare  (changed in the sandbox)\n      description: (none) → better" in out
    assert TOKEN not in out


def test_programs_get_the_differences_as_json(sandbox):
    edit(sandbox.twin, Query, "spare", description="better")
    with tenant_scope(sandbox.twin):
        Query.objects.create(tenant=sandbox.twin, name="fresh", sql="SELECT 1 AS one")
    found = json.loads(run("sandbox_diff", "acme-test", "--json")[1])
    assert [each["name"] for each in found["added"]] == ["fresh"]
    assert found["changed"][0] == {
        "section": "queries", "name": "spare", "standing": "sandbox",
        "fields": [{"field": "description", "old": "", "new": "better"}],
    }  # fmt: skip


def test_a_difference_is_told_by_the_exit_status_when_asked(sandbox):
    assert run("sandbox_diff", "acme-test", "--exit-code")[0] == 0
    edit(sandbox.twin, Query, "spare", description="better")
    assert run("sandbox_diff", "acme-test", "--exit-code")[0] == 1


def test_a_promotion_from_the_command_line_writes_to_production(sandbox, production):
    edit(sandbox.twin, Query, "spare", description="better")
    status, out, _ = run("sandbox_promote", "acme-test", "--message", "Describe it")
    assert (status, out.splitlines()[0]) == (0, "acme-test → acme: 1 change promoted")
    assert get(production, Query, "spare").description == "better"
    assert "nothing to promote" in run("sandbox_promote", "acme-test", "--message", "Again")[1]


def test_a_dry_run_shows_and_changes_nothing(sandbox, production):
    edit(sandbox.twin, Query, "spare", description="better")
    status, out, _ = run("sandbox_promote", "acme-test", "--message", "x", "--dry-run", "--json")
    assert (status, json.loads(out)["changes"][0]["name"]) == (0, "spare")
    assert get(production, Query, "spare").description == ""


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["for real", "dry"])
def test_a_blocked_promotion_ends_with_one_and_what_blocks_it(sandbox, production, dry):
    edit(sandbox.twin, Query, "buyers", sql="SELECT gone AS email FROM orders")
    status, out, err = run("sandbox_promote", "acme-test", "--message", "x", "--json", *dry)
    assert status == 1
    assert json.loads(out)["errors"][0]["path"] == "queries[buyers].sql"
    assert "Nothing was changed" in err
    assert get(production, Query, "buyers").sql == "SELECT mail AS email FROM orders"
