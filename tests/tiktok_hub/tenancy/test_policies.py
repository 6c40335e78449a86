"""The table of policies as people read it, and the rules that hold whatever it says."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.matrix import kinds_missing
from tiktok_hub.tenancy.policies import ADDED, TAKEN, permissions

DOCS = Path(__file__).parents[3] / "docs" / "policies.md"
SENDING = ("run_orchestration", "release_run")


def test_printed_page_is_the_one_in_the_docs():
    out = StringIO()
    call_command("policies", stdout=out)
    assert out.getvalue() == DOCS.read_text()


def test_every_kind_of_thing_has_a_name():
    assert kinds_missing() == set()


@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize("option", [option for option in Option if option in TAKEN])
def test_restricting_only_takes(policy, option):
    assert permissions(policy, frozenset({option})) <= permissions(policy)


@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize("option", list(ADDED))
def test_allowing_only_adds(policy, option):
    assert permissions(policy, frozenset({option})) >= permissions(policy)


@pytest.mark.parametrize("policy", list(Policy))
def test_restricted_exports_send_nothing(policy):
    granted = permissions(policy, frozenset(Option))
    assert not [name for name in granted if name.endswith(SENDING)]


def test_read_only_changes_nothing():
    assert all(name.split(".")[1].startswith("view_") for name in permissions(Policy.READ_ONLY))
